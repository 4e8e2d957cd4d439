"""The largest change of a reconstruction found in a ball around its input."""

import torch
from torch import Tensor

from smuglib import checks, random
from smuglib.analysis.linearization import reconstruction, support_of
from smuglib.attacks.ascent import climb
from smuglib.attacks.balls import Ball, Norm
from smuglib.attacks.ladder import Attack
from smuglib.consistency.step import DataConsistency
from smuglib.models.reconstruction import frozen
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.operators.sense import SenseOperator


def local_lipschitz(
    net: UnrolledNetwork,
    point: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    radius: float | Tensor,
    domain: str = "image",
    norm: Norm = "l2",
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
    knows no target. With long steps in a small l2 ball it is power iteration. Parameters that are
    not named here are those of `jacobian_norm`.

    Parameters
    ----------
    radius
        Radius > 0 of the ball in units of the scan's scale, one for all scans or ``[batch]``: of
        ``||d||_2``, or of the largest real or imaginary part of d.
    norm
        The ball's, ``"l2"`` or ``"linf"``. The ratio is of l2 norms in either.
    n_steps, step_fraction, n_restarts
        Steps of the ascent, their length in units of the radius, and runs from random starts.
    start
        A d to start the first run from, such as the radius times a singular vector of the Jacobian.

    Returns
    -------
    ratios, perturbations : Tensor
        The largest ratio found, ``[batch]``, and the d that gave it, of the shape of the point.
    """
    support = support_of(net, point, A, domain)
    function = reconstruction(
        net, A, domain=domain, n_samples=n_samples, unrolling_steps=unrolling_steps, seed=seed
    )
    search = Attack(
        norm=norm, n_steps=n_steps, step_fraction=step_fraction, n_restarts=n_restarts, keep="best"
    )
    point = point.detach()
    if start is not None:
        checks.same_shape("start", checks.complex_tensor("start", start), "the point", point)
    ball = Ball(norm, _radii(radius, point), point, support)
    with torch.no_grad():
        clean = function(point)

    def deviations(delta: Tensor, _: random.Source) -> Tensor:
        return torch.view_as_real(function(point + delta) - clean).square().sum((-3, -2, -1))

    starts = random.generator(seed, "stability", "ascent", device=point.device)
    with frozen(net):
        delta = climb(deviations, ball, search, starts, start=start)
    with torch.no_grad():
        change = deviations(delta, starts).sqrt()
    ratios = change / torch.linalg.vector_norm(delta.flatten(1), dim=1)
    if not ratios.isfinite().all():
        raise ValueError(f"radius {radius!r} is so large that squares overflow")
    return ratios, delta


def _radii(radius: float | Tensor, point: Tensor) -> Tensor:
    """Return one radius a scan, ``[batch]``."""
    given = radius.tolist() if isinstance(radius, Tensor) and radius.ndim else [radius] * len(point)
    values = [checks.positive("radius", value) for value in given]
    if len(values) != len(point):
        raise ValueError(f"radius must be one or {len(point)} numbers, got {len(values)}")
    return torch.tensor(values, dtype=point.real.dtype, device=point.device)
