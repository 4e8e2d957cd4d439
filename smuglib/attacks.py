r"""Adversarial perturbations: projected gradient ascent on the reconstruction error.

The poster's adversary ("Lack of Robustness in MoDL") looks, in a ball of radius ε, for the δ that
maximizes

.. math:: \|\mathbf{x}(\mathbf{A}^H\mathbf{y} + \delta) - \mathbf{t}\|_2^2 .

`pgd` perturbs the zero-filled image ``z = A^H y``; its δ may be one that no measurement can
produce. `pgd_kspace` perturbs the measured samples ``y`` themselves: both the start ``x_0`` and
the data-consistency term see ``A^H (y + δ)``. `LADDER` names the rungs of attack that every
method goes through, and `run` climbs one of them.

Units are those of the scan, whose zero-filled image has a largest magnitude of 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.ascent import worst
from smuglib.consistency import DataConsistency, cached
from smuglib.denoisers import arithmetic
from smuglib.ladder import LADDER, Attack
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.perturbations import Ball
from smuglib.smoothing import Smoothing

__all__ = ["LADDER", "Attack", "pgd", "pgd_kspace", "run"]


def pgd(
    net: UnrolledNetwork,
    z: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    *,
    epsilon: float = 1 / 255,
    n_steps: int = 10,
    step_size: float | None = None,
    norm: str = "linf",
    random_start: bool = True,
    n_restarts: int = 1,
    keep: str = "last",
    gradient: str = "exact",
    through: str = "smoothing",
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Attack the zero-filled image: the poster's adversary.

    The perturbation of a scan does not depend on the other scans of its batch, random draws
    apart. Parameters of the network gather no gradient.

    Parameters
    ----------
    net
        The network under attack.
    z
        Zero-filled images ``A^H y``, complex, ``[batch, height, width]``.
    A
        The scans' operator, or its data-consistency step.
    target
        Fully sampled images t, as ``z``.
    epsilon
        Radius ε >= 0 of the ball, in units of the scan's scale: the largest real or imaginary
        part of δ (``norm="linf"``), or ``||δ||_2`` of each scan (``"l2"``).
    step_size
        Length of a step in the same units; ε/3 by default.
    n_steps, norm, random_start, n_restarts, keep, gradient, through, n_samples
        See `Attack`.
    unrolling_steps
        Attack the network at this number of unrolling steps, instead of its own.
    generator
        Source of the random start and of the smoothing noise.

    Returns
    -------
    Tensor
        ``z + δ``, of the shape of ``z``; ``z`` itself for an ε of zero.

    Raises
    ------
    TypeError
        If images are not complex.
    ValueError
        If a shape or a setting is out of range.
    RuntimeError
        If the gradient of a scan vanishes or is not finite: the attack would say nothing.
    """
    attack = Attack(
        n_steps=n_steps,
        step_fraction=_step_fraction(step_size, epsilon),
        norm=norm,
        random_start=random_start,
        n_restarts=n_restarts,
        keep=keep,
        gradient=gradient,
        through=through,
        n_samples=n_samples,
    )
    return _perturbed(attack, net, z, A, target, epsilon, unrolling_steps, generator)


def pgd_kspace(
    net: UnrolledNetwork,
    y: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    *,
    epsilon: float,
    n_steps: int = 10,
    step_size: float | None = None,
    norm: str = "l2",
    random_start: bool = True,
    n_restarts: int = 1,
    keep: str = "last",
    gradient: str = "exact",
    through: str = "smoothing",
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Attack the measured samples: a perturbation that a scanner could have produced.

    Parameters
    ----------
    net, A, target, unrolling_steps, generator
        See `pgd`.
    y
        Measured k-space, complex, ``[batch, coil, height, width]``.
    epsilon
        Radius ε >= 0: ``||δ||_2 / ||y||_2`` of each scan (``norm="l2"``), or the largest real or
        imaginary part of δ in units of the scan's scale (``"linf"``).
    step_size
        Length of a step in the units of ε; ε/3 by default.
    n_steps, norm, random_start, n_restarts, keep, gradient, through, n_samples
        See `Attack`.

    Returns
    -------
    Tensor
        ``y + δ``, of the shape of ``y``; δ is zero where nothing was sampled.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `pgd`.
    """
    attack = Attack(
        domain="kspace",
        n_steps=n_steps,
        step_fraction=_step_fraction(step_size, epsilon),
        norm=norm,
        random_start=random_start,
        n_restarts=n_restarts,
        keep=keep,
        gradient=gradient,
        through=through,
        n_samples=n_samples,
    )
    return _perturbed(attack, net, y, A, target, epsilon, unrolling_steps, generator)


def run(
    rung: str | Attack,
    net: UnrolledNetwork,
    y: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    *,
    epsilon: float,
    unrolling_steps: int | None = None,
    generator: torch.Generator,
) -> Tensor:
    """Attack a scan by one rung of the ladder.

    Parameters
    ----------
    rung
        A name of `LADDER`, or an attack of one's own, for example
        ``dataclasses.replace(LADDER["kspace"], norm="linf")``.
    net, A, target, unrolling_steps, generator
        See `pgd`.
    y
        Measured k-space, complex, ``[batch, coil, height, width]``.
    epsilon
        Strength ε >= 0, in the units of the attack's domain and norm.

    Returns
    -------
    Tensor
        The zero-filled images to reconstruct from, ``[batch, height, width]``: ``A^H y + δ`` or
        ``A^H (y + δ)``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `pgd`; also if the rung is unknown.
    """
    attack = rung if isinstance(rung, Attack) else LADDER[checks.one_of("rung", rung, LADDER)]
    operator = cached(A, net.lam).operator
    start = operator.adjoint(y) if attack.domain == "image" else y
    attacked = _perturbed(attack, net, start, A, target, epsilon, unrolling_steps, generator)
    return attacked if attack.domain == "image" else operator.adjoint(attacked)


class _CutConsistency(DataConsistency):
    """Data consistency that passes no gradient to ``A^H y``, as the published code's."""

    def __init__(self, step: DataConsistency) -> None:
        vars(self).update(vars(step))

    def __call__(self, z: Tensor, d: Tensor) -> Tensor:
        return super().__call__(z.detach(), d)


def _step_fraction(step_size: float | None, epsilon: float) -> float:
    """Return the step in units of ε. An ε of zero takes no step, whatever its length."""
    checks.non_negative("epsilon", epsilon)
    if step_size is None or epsilon == 0:
        return 1 / 3
    return checks.positive("step_size", step_size) / epsilon


def _perturbed(
    attack: Attack,
    net: UnrolledNetwork,
    start: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    epsilon: float,
    unrolling_steps: int | None,
    generator: torch.Generator,
) -> Tensor:
    """Return the attacked image or k-space."""
    checks.non_negative("epsilon", epsilon)
    if not isinstance(generator, torch.Generator):
        raise TypeError(f"generator must be a torch.Generator, got {type(generator).__name__}")
    if unrolling_steps is not None:
        checks.integer("unrolling_steps", unrolling_steps)
    consistency = cached(A, net.lam)
    start, target = start.detach(), target.detach()
    _check_inputs(attack, start, target, consistency.operator)
    if epsilon == 0:
        return start.clone()
    ball = _ball(attack, start, consistency.operator, epsilon)
    if attack.kind != "pgd":
        draw = ball.gaussian if attack.kind == "gaussian" else ball.uniform
        return start + draw(generator)

    step = _CutConsistency(consistency) if attack.gradient == "cut" else consistency
    smoothing = Smoothing("none") if attack.through == "around" else net.smoothing
    n_samples = attack.n_samples if smoothing.is_active else None

    def errors(delta: Tensor, noise: torch.Generator) -> Tensor:
        attacked = start + delta
        z = attacked if attack.domain == "image" else consistency.operator.adjoint(attacked)
        x = net(
            z,
            step,
            generator=noise,
            n_steps=unrolling_steps,
            n_samples=n_samples,
            smoothing=smoothing,
        )
        return torch.view_as_real(x - target).square().sum((-3, -2, -1))

    with frozen(net), arithmetic(net, attack.precision):
        return start + worst(errors, ball, attack, generator)


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """Let no parameter gather a gradient: convolutions then keep no input for one.

    Parameters
    ----------
    net
        The network; parameters that learned before learn again afterwards.
    """
    learned = [p for p in net.parameters() if p.requires_grad]
    for parameter in learned:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learned:
            parameter.requires_grad_(True)


def _check_inputs(attack: Attack, start: Tensor, target: Tensor, operator: SenseOperator) -> None:
    checks.complex_tensor("target", target, n_axes=(3,))
    operator.check_images("target", target)
    if attack.domain == "image":
        checks.complex_tensor("z", start, n_axes=(3,))
        operator.check_images("z", start)
    else:
        checks.complex_tensor("y", start, n_axes=(4,))
        checks.same_shape("y", start, "the coil maps", operator.maps)


def _ball(attack: Attack, start: Tensor, operator: SenseOperator, epsilon: float) -> Ball:
    radius = torch.full((start.shape[0],), epsilon, dtype=start.real.dtype, device=start.device)
    if attack.domain == "image":
        return Ball(attack.norm, radius, start)
    if attack.norm == "l2":
        radius = radius * torch.linalg.vector_norm(start * operator.mask, dim=(-3, -2, -1))
    return Ball(attack.norm, radius, start, operator.mask)
