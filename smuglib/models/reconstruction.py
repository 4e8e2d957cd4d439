"""What can be attacked and evaluated: anything that maps zero-filled images to images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from inspect import signature
from typing import Any, Protocol

from torch import Tensor, nn

from smuglib import checks
from smuglib.consistency.step import SolverName, Step, operator_of
from smuglib.operators.sense import SenseOperator
from smuglib.random import Source
from smuglib.smoothing import Smoothing

Bound = Callable[[Tensor, Source], Tensor]
"""A reconstruction of given scans with given settings, from ``z`` and a source of its noise."""


class Reconstruction(Protocol):
    """A method: any callable from ``(z, A)`` to complex images, ``[batch, height, width]``.

    ``z`` are zero-filled images ``A^H y``, complex, ``[batch, height, width]``; ``A`` is their
    `SenseOperator`. An attack needs the gradient of the result with respect to ``z``.

    What else a method can do, the names in its signature tell: ``generator`` (it draws noise from
    this source, fresh at each step of an attack), ``n_steps`` and ``n_samples`` (its unrolling
    steps and noise samples can be chosen), ``smoothing`` (``Smoothing("none")`` switches its noise
    off).

    A method with a ``consistency_step(A)``, such as `UnrolledNetwork`, is handed what that returns:
    its data-consistency step, factored once, whose gradient an attack can cut.
    """

    def __call__(self, z: Tensor, A: SenseOperator, /) -> Tensor:
        """Reconstruct."""


def operand(
    net: Reconstruction, A: SenseOperator | Step, solver: SolverName = "auto"
) -> SenseOperator | Step:
    """Return what a method is called with: its own data-consistency step, or the operator."""
    operator = operator_of(A)
    return net.consistency_step(A, solver) if hasattr(net, "consistency_step") else operator


def options(
    net: Reconstruction,
    *,
    n_steps: int | None = None,
    n_samples: int | None = None,
    around: bool = False,
    antithetic: bool = False,
) -> dict[str, Any]:
    """Return the arguments that ask a method for settings, or raise if it does not take them.

    Without a number of unrolling steps or noise samples they are its own; ``around`` switches its
    smoothing off, ``antithetic`` takes its samples in pairs. A method without noise is as it is,
    whatever is asked of its noise.
    """
    names = _names(net)
    asked: dict[str, Any] = {} if n_steps is None else {"n_steps": n_steps}
    if "generator" in names and around:
        asked["smoothing"] = Smoothing("none")
    elif "generator" in names:
        asked |= {} if n_samples is None else {"n_samples": n_samples}
        if antithetic and smoothing_of(net).is_active:
            count = n_samples or smoothing_of(net).n_samples
            asked["smoothing"] = replace(smoothing_of(net), n_samples=count, antithetic=True)
    for name, value in asked.items():
        if name not in names:
            taken = ", ".join(names)
            raise ValueError(f"{name}={value!r} is asked of a method that takes only ({taken})")
    return asked


def bind(net: Reconstruction, A: SenseOperator | Step, **settings: Any) -> Bound:  # noqa: ANN401
    """Return a method as a function of zero-filled images and noise, with settings of `options`."""
    given, draws = options(net, **settings), "generator" in _names(net)
    A = operand(net, A)

    def reconstruct(z: Tensor, generator: Source) -> Tensor:
        noise = {"generator": generator} if draws else {}
        x = net(z, A, **given, **noise)  # type: ignore[arg-type]
        checks.complex_tensor("what the method returns", x, n_axes=(3,))
        return checks.same_shape("what the method returns", x, "z", z)

    return reconstruct


@contextmanager
def frozen(net: Reconstruction) -> Iterator[None]:
    """Let no parameter gather a gradient for a while: convolutions then keep no input for one."""
    learned = [p for p in module_of(net).parameters() if p.requires_grad]
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def module_of(net: Reconstruction) -> nn.Module:
    """Return the network; for a function, a module without parameters."""
    return net if isinstance(net, nn.Module) else nn.Module()


def smoothing_of(net: Reconstruction) -> Smoothing:
    """Return the smoothing of a method; one that has none is not smoothed."""
    return getattr(net, "smoothing", Smoothing("none"))


def n_steps_of(net: Reconstruction) -> int:
    """Return the number of unrolling steps of a method; 0 for one that does not unroll."""
    return getattr(net, "n_steps", 0)


def _names(net: Reconstruction) -> tuple[str, ...]:
    return tuple(signature(net.forward if isinstance(net, nn.Module) else net).parameters)
