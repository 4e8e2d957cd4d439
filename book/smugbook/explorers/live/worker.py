"""One thread that answers the latest request, and no other.

A slider that is dragged asks for twenty pictures a second. A request that comes while another is
computed stops it and takes its place; requests never wait in a queue, and once `Latest.submit`
has returned nothing that belongs to an earlier request is shown any more.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Generic, Protocol, TypeVar

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


Request = TypeVar("Request")

Result = TypeVar("Result")

Asked = TypeVar("Asked", contravariant=True)

Answer = TypeVar("Answer", covariant=True)

Shown = TypeVar("Shown", contravariant=True)


class Engine(Protocol[Request, Answer]):
    """What computes."""

    def stages(self, request: Request) -> Sequence[Request]:
        """Return what to compute for a request, one after the other: previews, then itself."""

    def compute(self, request: Request, watch: Watch) -> Answer:
        """Answer one request, or raise: `Cancelled`, or an error that names what was wrong."""


class Listener(Protocol[Asked, Shown]):
    """What shows. No two of these are called at once; all but the first come from the thread."""

    def started(self, request: Asked) -> None:
        """Hear that a request was accepted."""

    def advanced(self, done: int, total: int) -> None:
        """Hear how many of how many steps are done."""

    def shown(self, result: Shown, *, final: bool) -> None:
        """Hear of a result: a preview, or the final one."""

    def failed(self, error: Exception) -> None:
        """Hear why the request cannot be answered."""

    def stopped(self, *, cancelled: bool) -> None:
        """Hear that nothing is computed any more: all is shown, or was cancelled."""


class Latest(Generic[Request, Result]):
    """Answers the latest request on a thread that lives while there is one."""

    def __init__(
        self, engine: Engine[Request, Result], listener: Listener[Request, Result]
    ) -> None:
        self._engine, self._listener = engine, listener
        # Reentrant: a listener may move a slider, which submits.
        self._changed = threading.Condition(threading.RLock())
        self._generation = 0
        self._pending: Request | None = None
        self._watch = Watch()
        self._thread: threading.Thread | None = None

    def submit(self, request: Request) -> None:
        """Ask for a result in place of all that was asked for before."""
        with self._changed:
            self._supersede(request)
            self._listener.started(request)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="explorer", daemon=True)
                self._thread.start()

    def cancel(self) -> None:
        """Stop what is computed; without effect where nothing is."""
        with self._changed:
            if self._thread is not None:
                self._supersede(None)
                self._listener.stopped(cancelled=True)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is computed any more."""
        with self._changed:
            return self._changed.wait_for(lambda: self._thread is None, timeout)

    def _supersede(self, request: Request | None) -> None:
        self._generation += 1
        self._watch.cancel()
        self._pending = request

    def _work(self) -> None:
        while (taken := self._take()) is not None:
            self._answer(*taken)

    def _take(self) -> tuple[Request, int] | None:
        with self._changed:
            request, self._pending = self._pending, None
            if request is None:
                self._thread = None
                self._changed.notify_all()
                return None
            generation = self._generation
            self._watch = Watch(
                lambda done, total: self._tell(
                    generation, partial(self._listener.advanced, done, total)
                )
            )
            return request, generation

    def _answer(self, request: Request, generation: int) -> None:
        watch = self._watch
        try:
            stages = self._engine.stages(request)
            for stage in stages:
                watch.check()
                result = self._engine.compute(stage, watch)
                final = stage is stages[-1]
                self._tell(generation, partial(self._listener.shown, result, final=final))
        except Cancelled:
            return
        except Exception as error:  # whatever it is, it belongs on the screen
            self._tell(generation, partial(self._listener.failed, error))
        else:
            self._tell(generation, partial(self._listener.stopped, cancelled=False))

    def _tell(self, generation: int, message: Callable[[], None]) -> None:
        """Pass a message on, unless its request is no longer the latest."""
        with self._changed:
            if generation == self._generation:
                message()
