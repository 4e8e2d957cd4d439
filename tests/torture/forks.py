"""Functions in processes of their own: what kills, starves or crashes one takes nothing along.

A process that forks must have no threads: `apart` starts a fresh one for that.
"""

from __future__ import annotations

import os
import pickle
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import tqdm

from tests.torture.outcome import Outcome

Part = tuple[str, str, int | None]
"""Module, function and number of attempts; None stands for all."""

ROOT = Path(__file__).parents[2]

ALONE = {
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
    "SMUGLIB_CACHE": "off",
    "TQDM_DISABLE": "1",
}
"""Environment in which torch starts no threads of its own, and nothing else speaks."""

KILLS = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class End:
    """How a process ended: with a ``value``, or with what went wrong."""

    value: Any
    error: str


class Child:
    """A function in a fork of this process, silent, with the usual answers to signals."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._answer, answer = os.pipe()
        # A signal that came before the child can answer it would unwind the parent's own stack.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, KILLS)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                _work(function, arguments, answer, before)
            finally:
                os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(answer)

    def kill(self, number: int) -> None:
        """Send a signal; a child that has ended is not waited for yet, so it is still there."""
        os.kill(self.pid, number)

    def end(self, seconds: float = 60.0) -> End:
        """Wait for the end, or make one after some seconds."""
        content, deadline = b"", time.monotonic() + seconds
        with open(self._answer, "rb", buffering=0) as pipe:
            while select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))[0]:
                piece = pipe.read(2**16)
                if not piece:
                    break
                content += piece
            else:
                self.kill(signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if status == 0 and content:
            return pickle.loads(content)  # noqa: S301
        late = time.monotonic() > deadline
        return End(None, f"hangs over {seconds:g} s" if late else f"ends with status {status}")


def _work(
    function: Callable[..., Any],
    arguments: tuple[Any, ...],
    answer: int,
    mask: set[signal.Signals],
) -> None:
    """Do a child's work, and send its value, or its error in words."""
    for number in KILLS[1:]:
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    warnings.simplefilter("ignore")
    try:
        end = End(function(*arguments), "")
    except Exception as error:
        end = End(None, f"{type(error).__name__}: {error}")
    content = pickle.dumps(end)
    while content:
        content = content[os.write(answer, content) :]
    os._exit(0)


def attempts(parts: Sequence[Part], seed: int) -> list[list[Outcome]]:
    """Make the attempts of some parts in this process."""
    # The usual lock of progress bars is shared with forks: one that is killed may hold it for ever.
    tqdm.tqdm.set_lock(threading.RLock())
    return [
        getattr(import_module(f"tests.torture.{module}"), function)(seed, n)
        for module, function, n in parts
    ]


def apart(module: str, function: str, *arguments: object) -> Any:
    """Return the value of a module's function, called in a fresh process without threads."""
    code = (
        f"import pickle, sys, {module} as here\n"
        f"found = here.{function}(*{arguments!r})\n"
        "sys.stdout.buffer.write(pickle.dumps(found))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, **ALONE, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "book")])},
        stdout=subprocess.PIPE,
        check=True,
    )
    return pickle.loads(done.stdout)  # noqa: S301
