"""A reconstruction as a function of its input, and its Jacobian at one point."""

from collections.abc import Callable

import torch
from torch import Tensor

from smuglib import checks, random
from smuglib.consistency.step import DataConsistency, as_step
from smuglib.models.graphs import without_graphs
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.operators.sense import SenseOperator

DOMAINS = ("image", "kspace")
"""What may change, the zero-filled image or the sampled k-space."""


class Linearization:
    """A complex function, ``[batch, ...]`` to ``[batch, ...]``, and its Jacobian at one point.

    The forward pass runs once. ``J^H u`` is a backward pass; it is linear in u, so its own
    backward pass, towards u, is the product with J (the "double-backward trick"). The custom
    layers of the library define no forward-mode derivative, which would be the other way.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], point: Tensor) -> None:
        checks.function("function", function, 1)
        checks.complex_tensor("point", point)
        with torch.enable_grad(), without_graphs():
            self._point = point.detach().requires_grad_(True)
            self._image = function(self._point)
            if not self._image.requires_grad:
                raise RuntimeError("the reconstruction has no gradient with respect to its input")
            self._dual = torch.zeros_like(self._image).requires_grad_(True)
            (self._pulled,) = torch.autograd.grad(
                self._image, self._point, self._dual, create_graph=True
            )

    @property
    def value(self) -> Tensor:
        """The function's value at the point."""
        return self._image.detach()

    def push(self, direction: Tensor) -> Tensor:
        """Return ``J direction``: the change of the value along a change of the input."""
        _check_like("direction", direction, self._pulled)
        (pushed,) = torch.autograd.grad(self._pulled, self._dual, direction, retain_graph=True)
        return pushed

    def pull(self, change: Tensor) -> Tensor:
        """Return ``J^H change``, the adjoint with respect to ``Re<., .>``."""
        _check_like("change", change, self._image)
        (pulled,) = torch.autograd.grad(self._image, self._point, change, retain_graph=True)
        return pulled


def _check_like(name: str, value: Tensor, like: Tensor) -> None:
    checks.same_shape(name, checks.complex_tensor(name, value), "the linearization", like)
    checks.same_dtype(name, value, "the linearization", like)


def reconstruction(
    net: UnrolledNetwork,
    A: SenseOperator | DataConsistency,
    *,
    domain: str = "image",
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    seed: int = 0,
) -> Callable[[Tensor], Tensor]:
    """Return the reconstruction as a deterministic function, its smoothing noise frozen.

    It takes zero-filled images z, ``[batch, height, width]`` (``domain="image"``), or k-space y,
    ``[batch, coil, height, width]`` (``"kspace"``).
    """
    checks.one_of("domain", domain, DOMAINS)
    seed = checks.integer("seed", seed, minimum=0)
    unrolling_steps = checks.optional(checks.integer, "unrolling_steps", unrolling_steps)
    consistency = as_step(A, net.lam)
    samples = n_samples if net.smoothing.is_active else None

    def reconstruct(point: Tensor) -> Tensor:
        z = point if domain == "image" else consistency.operator.adjoint(point)
        noise = random.generator(seed, "stability", "noise", device=point.device)
        return net(z, consistency, generator=noise, n_steps=unrolling_steps, n_samples=samples)

    return reconstruct


def support_of(
    net: UnrolledNetwork, point: Tensor, A: SenseOperator | DataConsistency, domain: str
) -> Tensor:
    """Check a point, and return where it may change, boolean: all, or sampled k-space."""
    checks.instance("net", net, UnrolledNetwork)
    operator = as_step(A, net.lam).operator
    checks.finite("point", checks.complex_tensor("point", point))
    checks.same_dtype("point", point, "the maps", operator.maps)
    if checks.one_of("domain", domain, DOMAINS) == "image":
        checks.complex_tensor("point", point, n_axes=(3,))
        operator.check_images("point", point)
        return torch.ones_like(point.real[:1, :1, :1], dtype=torch.bool)
    checks.complex_tensor("point", point, n_axes=(4,))
    checks.same_shape("point", point, "the coil maps", operator.maps)
    return operator.mask
