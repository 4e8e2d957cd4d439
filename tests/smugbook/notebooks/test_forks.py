"""A command in a fork is the command: its output, exit code, signals and end."""

import os
import select
import signal
import socket
import subprocess
import sys
import time

import pytest

from smugbook.notebooks import forks
from tests.notebook_files import code, printed, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks on Linux only")

OWNER = """
import os
from smugbook.notebooks import forks

with forks.standby():
    print(os.environ[forks.VARIABLE], flush=True)
    input()
"""
PATIENCE = 60
"""Seconds after which something hangs."""


@pytest.fixture(scope="module")
def standby():
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    owner = subprocess.Popen([sys.executable, "-c", OWNER], **pipes)
    path = owner.stdout.readline().strip()
    yield path
    owner.kill()
    with owner:
        pass
    deadline = time.monotonic() + PATIENCE
    while os.path.exists(path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not os.path.exists(path), "it outlived the process that started it"


def command(standby, folder, text, *more):
    path = write(folder / "made.ipynb", code("n: int = 1  # >= 0", "parameters"), code(text))
    arguments = ["notebook", str(path), "-o", str(folder / "out.ipynb"), *more]
    environment = {**os.environ, forks.VARIABLE: standby, "MADE_UP": "passed on"}
    return subprocess.Popen(
        [sys.executable, "-m", "smugbook", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_notebook_runs_in_the_folder_and_environment_of_the_command(standby, tmp_path):
    text = "import os, sys; print(n, os.environ['MADE_UP'], os.getcwd(), 'torch' in sys.modules)"
    process = command(standby, tmp_path, text, "-p", "n", "3")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert out.endswith(f"{tmp_path / 'out.ipynb'}\n")
    # A kernel of its own imports torch when it is told to; a fork has it.
    assert printed(tmp_path / "out.ipynb").split() == ["3", "passed", "on", str(tmp_path), "True"]


@pytest.mark.parametrize(
    ("text", "more", "status", "said"),
    [("1 / 0", [], 1, "ZeroDivisionError"), ("n", ["-p", "n", "-1"], 2, "n must be >= 0")],
)
def test_a_failure_has_its_exit_code_and_message(standby, tmp_path, text, more, status, said):
    process = command(standby, tmp_path, text, *more)
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == status
    assert said in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_the_command_and_its_kernel(standby, tmp_path, number):
    mark = tmp_path / "kernel"
    text = f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid())); time.sleep(600)"
    process = command(standby, tmp_path, text)
    deadline = time.monotonic() + PATIENCE
    while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel = os.pidfd_open(int(mark.read_text()))
    process.send_signal(number)
    process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert select.select([kernel], [], [], PATIENCE)[0], "the kernel lives on"
    os.close(kernel)
    assert not (tmp_path / "out.ipynb").exists()


def test_who_is_killed_while_asking_takes_nobody_along(standby, tmp_path):
    for said in (b"", b"\0\0\0", (9).to_bytes(8, "big") + b"{"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(standby)
            connection.sendall(said)
    process = command(standby, tmp_path, "print(n)")
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err


def test_nobody_stands_by(tmp_path):
    assert forks.hand_over(str(tmp_path / "socket"), "command", ["notebook"]) is None
