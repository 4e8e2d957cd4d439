"""Processes: none that outlives its parent, and a home to write to."""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

PARENT = "SMUGBOOK_PARENT"
"""Environment variable: number of the process that ends its children by ending."""


def hear_hangups() -> None:
    """Let SIGHUP and SIGTERM unwind this process like Ctrl-C, so that it stops its children."""

    def stop(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGHUP", "SIGTERM"):
        number = getattr(signal, name, None)
        # What nohup ignores stays ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, stop)


def end_with_parent() -> None:
    """End this process soon after the one that `PARENT` names, if it is set.

    A killed pipeline would else leave jobs that write what its successor writes.
    """
    if PARENT in os.environ:
        threading.Thread(target=_watch, args=(int(os.environ[PARENT]),), daemon=True).start()


def _watch(number: int) -> None:
    # A child is handed to another parent when its own ends: it needs no package to see that.
    if os.getppid() == number:
        while os.getppid() == number:
            time.sleep(0.2)
        os._exit(1)
    import psutil

    try:
        parent = psutil.Process(number)
        while parent.is_running() and parent.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.2)
    except psutil.NoSuchProcess:
        pass
    os._exit(1)


def need_home() -> None:
    """Give Jupyter, IPython and Matplotlib a temporary home where the own cannot be written."""
    if not os.access(Path("~").expanduser(), os.W_OK):
        home = Path(tempfile.gettempdir()) / f"smuglib-home-{os.getuid()}"
        home.mkdir(mode=0o700, exist_ok=True)
        os.environ["HOME"] = str(home)
