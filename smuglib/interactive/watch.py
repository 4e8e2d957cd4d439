"""A computation that can be watched and stopped from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

from smuglib.models import UnrolledNetwork

Report = Callable[[int, int], None]


class Cancelled(Exception):
    """The computation was stopped; there is no result."""


class Watch:
    """Asks a computation to stop, and hears how far it has come."""

    def __init__(self, report: Report | None = None) -> None:
        self._stop = threading.Event()
        self._report = report

    def cancel(self) -> None:
        """Ask the computation to stop; it does so at its next check."""
        self._stop.set()

    def check(self) -> None:
        """Raise where the computation was asked to stop."""
        if self._stop.is_set():
            raise Cancelled

    def report(self, done: int, total: int) -> None:
        """Say how far the computation has come."""
        if self._report is not None:
            self._report(done, total)


@contextmanager
def following(net: nn.Module, watch: Watch, total: int) -> Iterator[None]:
    """Watch a network, whoever calls it: an attack too, which knows nothing of watches.

    Every call of the network is a step. A call stops at the network's next denoising step, so
    that a move of a slider waits for one pass of the denoiser and not for a whole attack.
    """
    begun = 0

    def step(*_: object) -> None:
        nonlocal begun
        watch.check()
        watch.report(begun, total)
        begun += 1

    hooks = [net.register_forward_pre_hook(step)]
    if isinstance(net, UnrolledNetwork):
        hooks.append(net.denoiser.register_forward_pre_hook(lambda *_: watch.check()))
    try:
        yield
        watch.check()
        watch.report(begun, total)
    finally:
        for hook in hooks:
            hook.remove()
