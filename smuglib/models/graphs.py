"""CUDA graphs of a denoiser's body: the kernels of a call, recorded once and launched as one.

A small network leaves a GPU waiting for Python, which launches hundreds of kernels a call. A
recording launches the same kernels on the same numbers at once. A reconstruction calls the body N
times before the first backward pass, so each call that waits for its own holds a recording of its
own, with the activations in it; it is free again after the pass, or when nobody can ask for one.
"""

import weakref
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from smuglib.models.architectures import is_transformed

DEVICES = ("cuda",)
"""Kinds of devices that record."""

KEPT = 8
"""Kinds of calls whose recordings are kept; the least recently used give way."""

WARM_UPS = 3
"""Calls before a recording, for what CUDA's libraries do the first time alone."""

_around = ContextVar("graphs are gone around", default=False)


@contextmanager
def without_graphs() -> Iterator[None]:
    """Compute layer by layer, as second derivatives need it."""
    token = _around.set(True)
    try:
        yield
    finally:
        _around.reset(token)


class Replays:
    """A body whose calls on a GPU are replayed from recordings.

    A recording holds for the shape, arithmetic, wanted gradients and addresses of the weights that
    it was made with, and the weights' values may change. Whatever looks into the layers, such as
    `torch.func`, `torch.compile` and `torch.utils.checkpoint`, is given the body itself. The body
    must neither draw random numbers nor have a state.

    Numbers are the eager ones but for one case: eager calls in one common autocast share a copy of
    the weights, and the sum of its gradients is rounded to its precision; here it is not.
    """

    def __init__(self, body: nn.Module) -> None:
        self._body = body
        self._idle: dict[Hashable, list[_Recording]] = {}

    def __call__(self, x: Tensor) -> Tensor:
        """Run the body on real images, ``[n, 2, height, width]``."""
        if not _is_replayable(x):
            return self._body(x)
        parameters = list(self._body.parameters())
        wanted = [torch.is_grad_enabled() and tensor.requires_grad for tensor in (x, *parameters)]
        idle = self._idle_of(x, parameters, wanted)
        recording = idle.pop() if idle else _Recording(self._body, x, wanted)
        if any(wanted):
            return _Replay.apply(_Lease(recording, idle), x, *parameters)
        y = recording.forward(x)
        idle.append(recording)
        return y

    def _idle_of(
        self, x: Tensor, parameters: list[nn.Parameter], wanted: list[bool]
    ) -> list["_Recording"]:
        """Return the recordings of a kind of call that no backward pass waits for."""
        kind = x.device.type
        arithmetic = (
            *(torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind)),
            torch.backends.cudnn.allow_tf32,
        )
        addresses = (parameter.data_ptr() for parameter in parameters)
        key = (x.device, x.dtype, x.shape, *arithmetic, *wanted, *addresses)
        idle = self._idle[key] = self._idle.pop(key, [])
        if len(self._idle) > KEPT:
            del self._idle[next(iter(self._idle))]
        return idle


def _is_replayable(x: Tensor) -> bool:
    if x.device.type not in DEVICES or _around.get() or is_transformed():
        return False
    # Hooks on saved tensors, such as a checkpoint's, would find none.
    hooks = torch._C._autograd._top_saved_tensors_default_hooks(True)
    return hooks is None and not torch.cuda.is_current_stream_capturing()


class _Recording:
    """The kernels of one call and of its backward pass, on memory of their own."""

    @torch.inference_mode(False)
    def __init__(self, body: nn.Module, x: Tensor, wanted: list[bool]) -> None:
        kind, stream = x.device.type, torch.cuda.Stream(x.device)
        self._x = torch.empty_like(x).copy_(x.detach()).requires_grad_(wanted[0])
        # Aliases of the weights: where other calls wait for their backward pass, autograd has bound
        # the weights themselves to the stream of those calls, which no recording may wait for.
        aliases = {
            name: parameter.detach().requires_grad_(is_wanted)
            for (name, parameter), is_wanted in zip(
                body.named_parameters(), wanted[1:], strict=True
            )
        }
        sources = [tensor for tensor in (self._x, *aliases.values()) if tensor.requires_grad]
        dtype, is_lower = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)

        def run() -> Tensor:
            # No cache: a weight's lower precision must be computed anew in every replay.
            with torch.autocast(kind, dtype, enabled=is_lower, cache_enabled=False):
                return functional_call(body, aliases, (self._x,))

        def pull(y: Tensor, grad: Tensor) -> tuple[Tensor | None, ...]:
            with torch.autocast(kind, dtype, enabled=False):
                return torch.autograd.grad(y, sources, grad, allow_unused=True)

        torch.cuda.synchronize(x.device)
        with torch.cuda.stream(stream):
            for _ in range(WARM_UPS):
                y = run()
                if sources:
                    pull(y, torch.zeros_like(y))
        torch.cuda.synchronize(x.device)
        self._grad = torch.zeros_like(y)
        del y
        self._forward, self._backward = torch.cuda.CUDAGraph(), torch.cuda.CUDAGraph()
        # Other threads may go on with their own work on the device.
        settings: dict[str, Any] = {"stream": stream, "capture_error_mode": "thread_local"}
        with torch.cuda.graph(self._forward, **settings):
            y = run()
        self._y = y.detach()
        self._pulled: list[Tensor | None] = [None] * len(wanted)
        if sources:
            with torch.cuda.graph(self._backward, pool=self._forward.pool(), **settings):
                found = iter(pull(y, self._grad))
            self._pulled = [next(found) if is_wanted else None for is_wanted in wanted]

    def forward(self, x: Tensor) -> Tensor:
        self._x.copy_(x)
        self._forward.replay()
        return self._y.clone()

    def backward(self, grad: Tensor) -> list[Tensor | None]:
        """Return gradients for the images and the parameters; None where none is wanted."""
        self._grad.copy_(grad)
        self._backward.replay()
        # One kernel copies them all: autograd would keep the recording's own as a weight's.
        copies = iter(torch._foreach_mul([one for one in self._pulled if one is not None], 1))
        return [None if one is None else next(copies) for one in self._pulled]


class _Lease:
    """A recording that waits for the backward pass of its call."""

    def __init__(self, recording: _Recording, idle: list[_Recording]) -> None:
        self.recording = recording
        self._end = weakref.finalize(self, idle.append, recording)
        self._end.atexit = False

    def backward(self, grad: Tensor) -> list[Tensor | None]:
        if not self._end.alive:
            raise RuntimeError("a denoiser with graphs=True can be differentiated once a call")
        pulled = self.recording.backward(grad)
        self._end()
        return pulled


class _Replay(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, lease: _Lease, x: Tensor, *parameters: Tensor) -> Tensor:  # noqa: ANN401
        ctx.lease = lease
        return lease.recording.forward(x)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        return None, *ctx.lease.backward(grad)
