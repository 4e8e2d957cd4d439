"""Locks that end with their process, and processes that end with their parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from smugbook.notebooks import processes

HOLD = """
import sys, time
from smugbook.notebooks import processes
with processes.alone(sys.argv[1], "this"):
    print("held", flush=True)
    time.sleep(60)
"""

WATCH = """
import time
from smugbook.notebooks import processes
processes.end_with_parent()
print("there", flush=True)
time.sleep(60)
"""


def start(script, *words, **environment):
    command = [sys.executable, "-c", script, *map(str, words)]
    own = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=own)
    assert child.stdout.readline()
    return child


def test_a_lock_is_free_when_its_holder_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "PATIENCE", 0)
    child = start(HOLD, tmp_path / "a")
    running = pytest.raises(ValueError, match="^this is running already")
    with running, processes.alone(tmp_path / "a", "this"):
        pass
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with processes.alone(tmp_path / "a", "this"):
        pass
    assert not list(tmp_path.iterdir())


def test_a_process_ends_soon_after_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    child = start(WATCH, **{processes.PARENT: str(parent.pid)})
    parent.kill()
    child.communicate(timeout=10)
    assert child.returncode == 1
    parent.wait()


def test_a_home_that_cannot_be_written_is_not_needed(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    processes.need_home()
    assert os.environ["HOME"] == str(tmp_path)
    monkeypatch.setenv("HOME", "/proc/none")
    processes.need_home()
    assert os.access(Path.home(), os.W_OK)
