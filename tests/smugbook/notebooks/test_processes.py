"""Processes that end with their parent."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from smugbook.notebooks import processes

WATCH = """
import time
from smugbook.notebooks import processes
processes.end_with_parent()
print("there", flush=True)
time.sleep(60)
"""

BLOCKED = "import sys; sys.modules['psutil'] = None"

PARENT_OF = """
import os, subprocess, sys, time
os.environ["SMUGBOOK_PARENT"] = str(os.getpid())
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, text=True)
print(child.stdout.readline(), end="", flush=True)
print(child.pid, flush=True)
time.sleep(60)
"""


def start(script, *words, **environment):
    command = [sys.executable, "-c", script, *map(str, words)]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own)
    assert child.stdout.readline()
    return child


def test_a_process_ends_soon_after_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child = start(WATCH, **{processes.PARENT: str(parent.pid)})
    parent.kill()
    child.communicate(timeout=10)
    assert child.returncode == 1
    parent.wait()


def test_a_child_of_its_own_needs_no_package_to_see_the_end_of_its_parent():
    command = [sys.executable, "-c", BLOCKED + WATCH.replace("60", "20")]
    parent = start(PARENT_OF, *command)
    child = int(parent.stdout.readline())
    parent.kill()
    parent.communicate(timeout=10)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{child}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists()


def test_a_home_that_cannot_be_written_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    processes.need_home()
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setenv("HOME", "/proc/none")
    processes.need_home()
    assert os.access(Path.home(), os.W_OK)
