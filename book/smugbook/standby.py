"""A process that has imported everything, and forks for each command and kernel it is asked for.

Who asks is `smugbook.notebooks.forks`. It stands by until its standard input ends.
"""

import importlib
import json
import os
import selectors
import shutil
import signal
import socket
import sys
import tempfile
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from smugbook.notebooks import forks

PRELOADED = (
    "torch",
    "pandas",
    "matplotlib.pyplot",
    "scipy.stats",
    "threadpoolctl",
    "papermill",
    "ipykernel.kernelapp",
    "ipywidgets",
    "smugbook.cli",
    "smugbook.figures",
    "smugbook.results.recheck",
    "smugbook.experiments.study",
    "smugbook.tables.studies",
)


class _Standby:
    """The process: its socket, and what runs in its forks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "socket"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(64)
        self.selector = selectors.DefaultSelector()
        self.running: dict[int, socket.socket] = {}
        self._write_kernel()

    def _write_kernel(self) -> None:
        """Put a kernel before the installed one of the same name; it lies where jobs look first."""
        argv = [sys.executable, "-m", "smugbook.notebooks.forks", str(self.path)]
        argv += ["-f", "{connection_file}"]
        spec = {"argv": argv, "display_name": "Python 3 (ipykernel)", "language": "python"}
        place = self.folder / "kernels" / "python3"
        place.mkdir(parents=True)
        (place / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")

    def serve(self) -> None:
        """Fork whenever asked, until the standard input ends."""
        self.selector.register(self.listener, selectors.EVENT_READ, self._fork)
        self.selector.register(0, selectors.EVENT_READ, self._stop)
        while True:
            for key, _ in self.selector.select():
                call: Callable[[], None] = key.data
                call()

    def _stop(self) -> None:
        for pid in self.running:
            os.kill(pid, signal.SIGTERM)
        raise SystemExit

    def _fork(self) -> None:
        connection, _ = self.listener.accept()
        try:
            size, descriptors, _, _ = socket.recv_fds(connection, 8, 3)
            with connection.makefile("rb") as stream:
                request = json.loads(stream.read(int.from_bytes(size, "big")))
        except (OSError, ValueError):  # who asked was killed halfway
            connection.close()
            return
        pid = os.fork()
        if pid == 0:
            self.selector.close()
            self.listener.close()
            _run(request, descriptors, self.folder)
        for descriptor in descriptors:
            os.close(descriptor)
        self.running[pid] = connection
        ended = os.pidfd_open(pid)
        self.selector.register(ended, selectors.EVENT_READ, lambda: self._end(pid, ended))
        self.selector.register(connection, selectors.EVENT_READ, lambda: self._signal(pid))

    def _signal(self, pid: int) -> None:
        connection = self.running.get(pid)
        if connection is None:  # it ended in the same moment
            return
        try:
            received = connection.recv(1)
        except OSError:
            received = b""
        os.kill(pid, received[0] if received else signal.SIGKILL)
        if not received:
            self.selector.unregister(connection)

    def _end(self, pid: int, ended: int) -> None:
        self.selector.unregister(ended)
        os.close(ended)
        connection = self.running.pop(pid)
        with suppress(KeyError):
            self.selector.unregister(connection)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        with suppress(OSError):  # who asked may have been killed
            connection.sendall(bytes([code if code >= 0 else 128 - code]))
        connection.close()


def _run(request: dict[str, Any], descriptors: Sequence[int], kernels: Path) -> None:
    """Become the command, in a session of its own; never returns."""
    code = 1
    try:
        os.setsid()
        for target, descriptor in enumerate(descriptors):
            os.dup2(descriptor, target)
            os.close(descriptor)
        # Those of the parent remember what kind of file theirs was.
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
            for number, mode in enumerate("rww")
        )
        for number in forks.PASSED_ON:
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code = _become(**request, kernels=kernels)
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(
    kind: str, arguments: list[str], folder: str, environment: dict[str, str], kernels: Path
) -> int:
    import torch
    from threadpoolctl import threadpool_limits

    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if environment.get("OMP_NUM_THREADS", "").isdecimal():
        # Libraries read it when they are loaded, and that was before.
        threadpool_limits(int(environment["OMP_NUM_THREADS"]))
        torch.set_num_threads(int(environment["OMP_NUM_THREADS"]))
    if kind == "kernel":
        from ipykernel import kernelapp

        # It ends with its parent, which is not who asked for it.
        parent = f"--IPKernelApp.parent_handle={os.getppid()}"
        kernelapp.launch_new_instance(argv=[*arguments, parent])
        return 0
    from smugbook.cli import main

    places = (str(kernels), os.environ.get("JUPYTER_PATH", ""))
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, places))
    return main(arguments)


def _stand_by() -> None:
    folder = Path(tempfile.mkdtemp(prefix="smugbook-"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Kernels draw into the page; matplotlib chooses when it is imported.
    os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    try:
        standby = _Standby(folder)
        print(standby.path, flush=True)
        for name in PRELOADED:
            importlib.import_module(name)
        standby.serve()
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    _stand_by()
