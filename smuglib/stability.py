r"""How much a change of the input can move a reconstruction, with no attack on any target.

The reconstruction f maps the zero-filled image z, or the measured k-space y, to an image. A
smoothed network is made a function by freezing its noise samples: they are those of one seed,
whatever the input. f is not holomorphic, so its Jacobian J is linear over the reals only: complex
tensors stand for pairs of real numbers, with the inner product ``Re<a, b>``.

- `jacobian_norm` is the largest singular value of J: the steepest direction at one point.
- `local_lipschitz` is the largest :math:`\|f(p + d) - f(p)\| / \|d\|` found in a ball.

Both are found by iteration, so they are lower bounds of what they estimate. The upper bound that
the journal version of SMUG proves is in `bounds`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks, lanczos, random
from smuglib.ascent import worst
from smuglib.attacks import frozen
from smuglib.consistency import DataConsistency, cached
from smuglib.ladder import Attack
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.perturbations import Ball

DOMAINS = ("image", "kspace")


@dataclass(frozen=True, eq=False)
class JacobianNorm:
    """The largest singular value of a Jacobian, scan by scan.

    Parameters
    ----------
    value
        Singular values σ_1, change of the image per change of the input, ``[batch]``.
    direction
        Their right singular vectors, complex, of the shape of the input, unit norm a scan.
    response
        ``J direction``: σ_1 times the left singular vectors, ``[batch, height, width]``.
    residual
        ``||J^H J v - σ² v|| / σ²``, ``[batch]``: a singular value lies within that relative
        distance of σ², half of it for σ.
    n_iterations
        Products with ``J^H J`` until every scan had converged.
    """

    value: Tensor
    direction: Tensor
    response: Tensor
    residual: Tensor
    n_iterations: int


class Linearization:
    """A function and its Jacobian at one point, for any number of products with it.

    The forward pass runs once. ``J^H u`` is a backward pass; it is linear in u, so its own
    backward pass, towards u, is the product with J (the "double-backward trick"). The custom
    layers of the library define no forward-mode derivative, which would be the other way.

    Parameters
    ----------
    function
        From complex tensors ``[batch, ...]`` to complex tensors ``[batch, ...]``.
    point
        Where to linearize.

    Raises
    ------
    RuntimeError
        If the function does not depend on its input, or hides its gradient.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], point: Tensor) -> None:
        with torch.enable_grad():
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
        (pushed,) = torch.autograd.grad(self._pulled, self._dual, direction, retain_graph=True)
        return pushed

    def pull(self, change: Tensor) -> Tensor:
        """Return ``J^H change``, the adjoint with respect to ``Re<., .>``."""
        (pulled,) = torch.autograd.grad(self._image, self._point, change, retain_graph=True)
        return pulled


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

    Parameters
    ----------
    net
        The network.
    A
        The scans' operator, or its data-consistency step.
    domain
        What the function takes: zero-filled images z, ``[batch, height, width]`` (``"image"``),
        or k-space y, ``[batch, coil, height, width]`` (``"kspace"``).
    n_samples, unrolling_steps
        Override the network's own settings.
    seed
        Names the noise samples, >= 0.

    Returns
    -------
    callable
        From inputs to reconstructions, ``[batch, height, width]``.

    Raises
    ------
    ValueError
        If the domain or a number is out of range.
    """
    checks.one_of("domain", domain, DOMAINS)
    checks.integer("seed", seed, minimum=0)
    consistency = cached(A, net.lam)
    samples = n_samples if net.smoothing.is_active else None

    def reconstruct(point: Tensor) -> Tensor:
        z = point if domain == "image" else consistency.operator.adjoint(point)
        noise = random.generator(seed, "stability", "noise", device=point.device)
        return net(z, consistency, generator=noise, n_steps=unrolling_steps, n_samples=samples)

    return reconstruct


def jacobian_norm(
    net: UnrolledNetwork,
    point: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    domain: str = "image",
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    tol: float = 0.02,
    max_iter: int = 50,
    seed: int = 0,
) -> JacobianNorm:
    """Return the largest singular value of the reconstruction's Jacobian at a point.

    Power iteration on ``J^H J`` that keeps its iterates (`lanczos`). Every scan has an iteration
    of its own and does not depend on the rest of its batch, random draws apart. The graph of the
    whole reconstruction stays in memory meanwhile: for many noise samples give few scans.

    Parameters
    ----------
    net
        The network; its parameters gather no gradient.
    point
        Zero-filled images z, ``[batch, height, width]``, or k-space y,
        ``[batch, coil, height, width]``, complex: as ``domain`` says.
    A
        The scans' operator, or its data-consistency step.
    domain
        ``"image"``, or ``"kspace"``: with respect to the sampled entries only.
    n_samples, unrolling_steps
        Override the network's own settings.
    tol
        Stop a scan at this relative residual of ``J^H J v = σ² v``, > 0.
    max_iter
        Cap of the products with ``J^H J``, >= 1; reaching it raises a
        `solvers.ConvergenceWarning`.
    seed
        Names the noise samples and the start.

    Returns
    -------
    JacobianNorm
        Norms and singular vectors.

    Raises
    ------
    TypeError
        If the point is not complex.
    ValueError
        If a shape or a setting is out of range.
    RuntimeError
        If the Jacobian of a scan is zero or not finite.
    """
    support = _support(net, point, A, domain)
    function = reconstruction(
        net, A, domain=domain, n_samples=n_samples, unrolling_steps=unrolling_steps, seed=seed
    )
    draws = random.generator(seed, "stability", "start", device=point.device)
    start = random.complex_normal(point.shape, 1.0, draws, point) * support
    with frozen(net):
        jacobian = Linearization(function, point)

        def product(v: Tensor) -> Tensor:
            return _packed(jacobian.pull(jacobian.push(_unpacked(v, point))))

        found = lanczos.largest(product, _packed(start), tol=tol, max_iter=max_iter)
        direction = _unpacked(found.vector, point)
        response = jacobian.push(direction)
    usable = (found.value > 0) & found.value.isfinite()
    if not usable.all():
        scans = (~usable).nonzero().flatten().tolist()
        raise RuntimeError(f"the Jacobian is zero or not finite for scans {scans} of the batch")
    return JacobianNorm(found.value.sqrt(), direction, response, found.residual, found.n_products)


def local_lipschitz(
    net: UnrolledNetwork,
    point: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    radius: float | Tensor,
    domain: str = "image",
    norm: str = "l2",
    n_steps: int = 10,
    step_fraction: float = 1.0,
    n_restarts: int = 2,
    start: Tensor | None = None,
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Look for the largest ``||f(p + d) - f(p)||_2 / ||d||_2`` over d in a ball.

    Projected gradient ascent on the deviation from the clean reconstruction, as an attack that
    knows no target. With long steps in a small l2 ball it is power iteration.

    Parameters
    ----------
    net, point, A, domain, n_samples, unrolling_steps, seed
        See `jacobian_norm`.
    radius
        Radius > 0 of the ball in units of the scan's scale, one for all scans or ``[batch]``: of
        ``||d||_2``, or of the largest real or imaginary part of d.
    norm
        ``"l2"`` or ``"linf"``: the ball's norm. The ratio is of l2 norms in either.
    n_steps, step_fraction, n_restarts
        Steps of the ascent, their length in units of the radius, and runs from random starts.
    start
        A d to start the first run from, such as the radius times a singular vector of the
        Jacobian, of the shape of the point.

    Returns
    -------
    ratios : Tensor
        The largest ratio found, ``[batch]``.
    perturbations : Tensor
        The d that gave it, of the shape of the point.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `jacobian_norm`.
    """
    support = _support(net, point, A, domain)
    function = reconstruction(
        net, A, domain=domain, n_samples=n_samples, unrolling_steps=unrolling_steps, seed=seed
    )
    search = Attack(
        norm=norm, n_steps=n_steps, step_fraction=step_fraction, n_restarts=n_restarts, keep="best"
    )
    point = point.detach()
    if start is not None:
        checks.same_shape("start", start, "the point", point)
    ball = Ball(norm, _radii(radius, point), point, support)
    with torch.no_grad():
        clean = function(point)

    def deviations(delta: Tensor, _: torch.Generator) -> Tensor:
        return torch.view_as_real(function(point + delta) - clean).square().sum((-3, -2, -1))

    starts = random.generator(seed, "stability", "ascent", device=point.device)
    with frozen(net):
        delta = worst(deviations, ball, search, starts, start=start)
    with torch.no_grad():
        change = deviations(delta, starts).sqrt()
    return change / torch.linalg.vector_norm(delta.flatten(1), dim=1), delta


def _support(
    net: UnrolledNetwork, point: Tensor, A: SenseOperator | DataConsistency, domain: str
) -> Tensor:
    """Check a point; return where it may change, shaped to broadcast against it."""
    operator = cached(A, net.lam).operator
    if checks.one_of("domain", domain, DOMAINS) == "image":
        checks.complex_tensor("point", point, n_axes=(3,))
        operator.check_images("point", point)
        return torch.ones_like(point.real[:1, :1, :1], dtype=torch.bool)
    checks.complex_tensor("point", point, n_axes=(4,))
    checks.same_shape("point", point, "the coil maps", operator.maps)
    return operator.mask


def _radii(radius: float | Tensor, point: Tensor) -> Tensor:
    """Return one radius a scan, ``[batch]``."""
    given = radius.tolist() if isinstance(radius, Tensor) else [radius] * len(point)
    values = [checks.positive("radius", value) for value in given]
    if len(values) != len(point):
        raise ValueError(f"radius must be one or {len(point)} numbers, got {len(values)}")
    return torch.tensor(values, dtype=point.real.dtype, device=point.device)


def _packed(x: Tensor) -> Tensor:
    """Return complex tensors as real vectors, ``[batch, n]``."""
    return torch.view_as_real(x.resolve_conj()).flatten(1)


def _unpacked(x: Tensor, like: Tensor) -> Tensor:
    """Return real vectors as complex tensors of a shape."""
    return torch.view_as_complex(x.reshape(*like.shape, 2))
