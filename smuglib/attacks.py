r"""Adversarial perturbations: projected gradient ascent on the reconstruction error.

The poster's adversary ("Lack of Robustness in MoDL") looks, in a ball of radius ε, for the δ that
maximizes

.. math:: \|\mathbf{x}(\mathbf{A}^H\mathbf{y} + \delta) - \mathbf{t}\|_2^2 .

`pgd` perturbs the zero-filled image ``z = A^H y``; its δ may be one that no measurement can
produce, unless it is given a ``floor``. `pgd_kspace` perturbs the measured samples ``y``
themselves: both the start ``x_0`` and the data-consistency term see ``A^H (y + δ)``. `LADDER`
names the rungs of attack that every method goes through, and `run` climbs one of them.

Units are those of the scan, whose zero-filled image has a largest magnitude of 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smuglib import checks
from smuglib.adversary import Objective, frozen, perturbed
from smuglib.consistency import DataConsistency, cached
from smuglib.ladder import LADDER, Attack
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator

__all__ = ["LADDER", "Attack", "Objective", "frozen", "pgd", "pgd_kspace", "run"]


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
    step_rule: str = "fixed",
    gradient: str = "exact",
    through: str = "smoothing",
    n_samples: int | None = None,
    floor: float | None = None,
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
        Length of a step in the same units; ε/3 by default, 2ε for the first of adaptive steps.
    n_steps, norm, random_start, n_restarts, keep, step_rule, gradient, through, n_samples
        See `Attack`.
    floor
        Confine δ to eigenvectors of ``A^H A`` with at least this eigenvalue, in (0, 1]: to what
        a measurement error of at most ``||δ||_2 / √floor`` can cause. None: no such limit.
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
        domain="image" if floor is None else "range",
        n_steps=n_steps,
        step_fraction=_step_fraction(step_size, epsilon, step_rule),
        norm=norm,
        random_start=random_start,
        n_restarts=n_restarts,
        keep=keep,
        step_rule=step_rule,
        gradient=gradient,
        through=through,
        n_samples=n_samples,
        floor=Attack.floor if floor is None else floor,
    )
    return perturbed(attack, net, z, A, target, epsilon, unrolling_steps, generator)


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
    step_rule: str = "fixed",
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
        Length of a step in the units of ε; ε/3 by default, 2ε for the first of adaptive steps.
    n_steps, norm, random_start, n_restarts, keep, step_rule, gradient, through, n_samples
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
        step_fraction=_step_fraction(step_size, epsilon, step_rule),
        norm=norm,
        random_start=random_start,
        n_restarts=n_restarts,
        keep=keep,
        step_rule=step_rule,
        gradient=gradient,
        through=through,
        n_samples=n_samples,
    )
    return perturbed(attack, net, y, A, target, epsilon, unrolling_steps, generator)


def run(
    rung: str | Attack,
    net: UnrolledNetwork,
    y: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    *,
    epsilon: float,
    unrolling_steps: int | None = None,
    objective: Objective | None = None,
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
    objective
        What to maximize; by default the squared error of the whole image.

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
    start = y if attack.domain == "kspace" else operator.adjoint(y)
    settings = epsilon, unrolling_steps, generator, objective
    attacked = perturbed(attack, net, start, A, target, *settings)
    return operator.adjoint(attacked) if attack.domain == "kspace" else attacked


def _step_fraction(step_size: float | None, epsilon: float, step_rule: str) -> float:
    """Return the step in units of ε. An ε of zero takes no step, whatever its length."""
    checks.non_negative("epsilon", epsilon)
    if step_size is None or epsilon == 0:
        return 2.0 if step_rule == "adaptive" else 1 / 3
    return checks.positive("step_size", step_size) / epsilon
