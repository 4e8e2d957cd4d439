"""Processes side by side, each begun after those that it needs have done their work."""

import subprocess
import time
from collections.abc import Callable, Sequence
from enum import Enum

from smugbook.experiments.parts import Part
from smuglib.training.plan import Budget

OUT_OF_TIME = 75
"""Exit code of a process whose time was up: EX_TEMPFAIL of ``sysexits.h``, try again later."""

PATIENCE = 0.05
"""Seconds between two looks at the processes."""


class Outcome(Enum):
    """How a part ended."""

    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    WAITING = "not begun"


Begin = Callable[[Part], "subprocess.Popen[bytes]"]

Tell = Callable[[Part, Outcome, float], None]


def run(
    parts: Sequence[Part], *, n_jobs: int, begin: Begin, budget: Budget, tell: Tell
) -> dict[str, Outcome]:
    """Run a process for every part, the first of the list first; return how each ended.

    What a part needs and is not in the list is there. A process is told of the budget by ``begin``
    and ends by itself. ``tell`` is called as a process ends, with the seconds that it took.
    """
    left = {part.name: part for part in parts}
    outcomes = dict.fromkeys(left, Outcome.WAITING)
    running: dict[str, tuple[subprocess.Popen[bytes], float]] = {}
    try:
        while True:
            for part in _ready(left, outcomes)[: n_jobs - len(running)]:
                if not budget.is_spent:
                    running[part.name] = begin(part), time.monotonic()
                    del left[part.name]
            if not running:
                return outcomes
            time.sleep(PATIENCE)
            for name, (process, began) in list(running.items()):
                if process.poll() is not None:
                    del running[name]
                    outcomes[name] = _outcome(process.returncode)
                    part = next(part for part in parts if part.name == name)
                    tell(part, outcomes[name], time.monotonic() - began)
    finally:
        _end([process for process, _ in running.values()])


def _ready(left: dict[str, Part], outcomes: dict[str, Outcome]) -> list[Part]:
    """Return the parts whose needs are done."""
    return [
        part
        for part in left.values()
        if all(outcomes.get(name, Outcome.DONE) is Outcome.DONE for name in part.needs)
    ]


def _outcome(code: int) -> Outcome:
    return {0: Outcome.DONE, OUT_OF_TIME: Outcome.STOPPED}.get(code, Outcome.FAILED)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        process.wait()
