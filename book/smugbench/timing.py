"""Timing: runs of competing works in turn, so that a drift of the machine's speed meets all."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from smuglib import checks


@dataclass(frozen=True)
class Work:
    """A piece of work to be timed.

    ``start_up`` costs everything but the work itself; its time is subtracted, and the rest
    multiplied by ``factor``. ``peak_bytes`` measures a work that has a process of its own.
    """

    run: Callable[[], object]
    start_up: Callable[[], object] | None = None
    factor: float = 1.0
    accuracy: float = float("nan")
    peak_bytes: Callable[[], int] | None = None


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs of one piece of work."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median in seconds."""
        return statistics.median(self.seconds)


def time_in_turn(
    works: Mapping[str, Work], *, repeats: int, device: torch.device
) -> dict[str, Timing]:
    """Time pieces of work in turn, after one warm-up of each."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for counted in (False, *(True,) * checks.integer("repeats", repeats)):
        for name, work in works.items():
            passed = _clocked(work.run, device)
            if work.start_up is not None:
                passed -= _clocked(work.start_up, device)
            if counted:
                seconds[name].append(work.factor * passed)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _clocked(run: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
