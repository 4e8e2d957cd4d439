r"""Adversarial perturbations: projected gradient ascent on the reconstruction error.

The poster's adversary ("Lack of Robustness in MoDL") looks, in a ball of radius ε, for the δ that
maximizes

.. math:: \|\mathbf{x}(\mathbf{A}^H\mathbf{y} + \delta) - \mathbf{t}\|_2^2 .

`pgd` perturbs the zero-filled image ``z = A^H y``; its δ may be one that no measurement can
produce, unless the attack's domain is the range of ``A^H``. `pgd_kspace` perturbs the measured
samples ``y`` themselves. `LADDER` names the rungs that every method goes through, and `run` climbs
one of them. Whatever maps ``(z, A)`` to an image can be attacked: see
`smuglib.models.Reconstruction`. Units are those of the scan, whose ``z`` has a largest magnitude of
1.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from smuglib import checks
from smuglib.attacks.ascent import Errors, climb
from smuglib.attacks.balls import Ball, Norm, RangeBall
from smuglib.attacks.ladder import LADDER, Attack
from smuglib.consistency.range_space import RangeSpace
from smuglib.consistency.step import CutStep, Step, operator_of
from smuglib.models.denoisers import arithmetic
from smuglib.models.reconstruction import Reconstruction, bind, frozen, module_of, operand
from smuglib.operators.sense import SenseOperator
from smuglib.random import Source, checked_source

Objective = Callable[[Tensor], Tensor]
"""What an attacker wants more of, from reconstructions to one number per scan, ``[batch]``."""


def pgd(
    net: Reconstruction,
    z: Tensor,
    A: SenseOperator | Step,
    target: Tensor,
    *,
    epsilon: float = 1 / 255,
    attack: Attack = LADDER["adaptive"],
    n_steps: int | None = None,
    norm: Norm | None = None,
    unrolling_steps: int | None = None,
    generator: Source,
) -> Tensor:
    """Attack the zero-filled image: the poster's adversary, :eq:`eq-attack` of the book.

    The perturbation of a scan does not depend on the other scans of its batch; nor do its draws, if
    ``generator`` is a `smuglib.random.PerScan`.

    Parameters
    ----------
    net, z, A, target
        The method; zero-filled images ``A^H y``; their operator, or a data-consistency step; fully
        sampled images. All images are complex, ``[batch, height, width]``.
    epsilon
        Radius ε >= 0 of the ball, in units of the scan's scale: the largest real or imaginary
        part of δ (``norm="linf"``), or ``||δ||_2`` of each scan (``"l2"``).
    attack
        Everything else about the attack; its domain is ``"image"`` or ``"range"``.
    n_steps, norm, unrolling_steps
        Instead of those of ``attack`` and of the network.

    Returns
    -------
    Tensor
        ``z + δ``, of the shape of ``z``.

    Raises
    ------
    RuntimeError
        If the gradient of a scan vanishes or is not finite: the attack would say nothing.

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> target = torch.randn(1, 16, 16, generator=noise) + 0j
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> z = A.normal(target)
    >>> attacked = pgd(lambda z, A: 2 * z, z, A, target, epsilon=0.01, generator=noise)
    >>> round(torch.view_as_real(attacked - z).abs().max().item(), 4)
    0.01
    """
    _check_inputs("z", z, target, A)
    chosen = _chosen(attack, ("image", "range"), n_steps, norm)
    return _perturbed(chosen, net, z, A, target, epsilon, unrolling_steps, None, generator)


def pgd_kspace(
    net: Reconstruction,
    y: Tensor,
    A: SenseOperator | Step,
    target: Tensor,
    *,
    epsilon: float,
    attack: Attack = LADDER["kspace"],
    n_steps: int | None = None,
    norm: Norm | None = None,
    unrolling_steps: int | None = None,
    generator: Source,
) -> Tensor:
    """Attack the measured samples: a perturbation that a scanner could have produced.

    The result is ``y + δ``, of the shape of ``y``; δ is zero where nothing was sampled.

    Parameters
    ----------
    y
        Measured k-space, complex, ``[batch, coil, height, width]``; the rest is as in `pgd`.
    epsilon
        Radius ε >= 0: ``||δ||_2 / ||y||_2`` of each scan (``norm="l2"``), or the largest real or
        imaginary part of δ in units of the scan's scale (``"linf"``).

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> target = torch.randn(1, 16, 16, generator=noise) + 0j
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> y = A.forward(target)
    >>> attacked = pgd_kspace(lambda z, A: 2 * z, y, A, target, epsilon=0.02, generator=noise)
    >>> round(((attacked - y).norm() / y.norm()).item(), 4)
    0.02
    """
    _check_inputs("y", y, target, A)
    chosen = _chosen(attack, ("kspace",), n_steps, norm)
    return _perturbed(chosen, net, y, A, target, epsilon, unrolling_steps, None, generator)


def run(
    rung: str | Attack,
    net: Reconstruction,
    y: Tensor,
    A: SenseOperator | Step,
    target: Tensor,
    *,
    epsilon: float,
    unrolling_steps: int | None = None,
    objective: Objective | None = None,
    generator: Source,
) -> Tensor:
    """Attack a scan by one rung of the ladder; return what to reconstruct from.

    That is ``A^H y + δ`` or ``A^H (y + δ)``, ``[batch, height, width]``.

    Parameters
    ----------
    rung
        A name of `LADDER`, or an attack of one's own, for example
        ``dataclasses.replace(LADDER["kspace"], norm="linf")``.
    y, epsilon
        Measured k-space, complex, ``[batch, coil, height, width]``, and the strength in units of
        the attack's domain and norm; the rest is as in `pgd`.
    objective
        What to maximize; by default the squared error of the whole image.

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> target = torch.randn(1, 16, 16, generator=noise) + 0j
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> y, double = A.forward(target), lambda z, A: 2 * z
    >>> for rung in ("random_uniform", "adaptive"):
    ...     z = run(rung, double, y, A, target, epsilon=0.1, generator=noise)
    ...     print(rung, round((double(z, A) - target).norm().item()))
    random_uniform 15
    adaptive 18
    """
    attack = rung if isinstance(rung, Attack) else LADDER[checks.one_of("rung", rung, LADDER)]
    _check_inputs("y", y, target, A)
    adjoint, settings = operator_of(A).adjoint, (epsilon, unrolling_steps, objective, generator)
    if attack.domain == "kspace":
        return adjoint(_perturbed(attack, net, y, A, target, *settings))
    return _perturbed(attack, net, adjoint(y), A, target, *settings)


def _chosen(
    attack: Attack, domains: tuple[str, ...], n_steps: int | None, norm: Norm | None
) -> Attack:
    """Return an attack with what stands beside it in a call."""
    checks.instance("attack", attack, Attack)
    checks.one_of("attack.domain", attack.domain, domains)
    beside = {"n_steps": n_steps, "norm": norm}
    given: dict[str, Any] = {name: value for name, value in beside.items() if value is not None}
    return replace(attack, **given)


@torch.inference_mode(False)
def _perturbed(
    attack: Attack,
    net: Reconstruction,
    start: Tensor,
    A: SenseOperator | Step,
    target: Tensor,
    epsilon: float,
    unrolling_steps: int | None,
    objective: Objective | None,
    generator: Source,
) -> Tensor:
    """Return ``start + δ``: zero-filled images or k-space, as the attack's domain says."""
    epsilon = checks.non_negative("epsilon", epsilon)
    checked_source("generator", generator)
    unrolling_steps = checks.optional(checks.integer, "unrolling_steps", unrolling_steps)
    checks.function("net", net, 2)
    checks.optional(checks.function, "objective", objective, n_arguments=1)
    A = operand(net, A)
    # Copies: no gradient passes tensors of an inference mode.
    start, target = (t.clone() if t.is_inference() else t.detach() for t in (start, target))
    wanted = objective or (lambda x: torch.view_as_real(x - target).square().sum((-3, -2, -1)))
    errors = _errors(attack, net, start, A, wanted, unrolling_steps)
    if epsilon == 0:
        return start.clone()
    ball = _ball(attack, start, operator_of(A), epsilon)
    if attack.kind != "pgd":
        draw = ball.gaussian if attack.kind == "gaussian" else ball.uniform
        return start + draw(generator)
    with frozen(net), arithmetic(module_of(net), attack.precision):
        warm = None
        if attack.warm_start:
            transfer = replace(LADDER["transfer"], domain=attack.domain, norm=attack.norm)
            around = _errors(transfer, net, start, A, wanted, unrolling_steps)
            warm = climb(around, ball, transfer, generator)
        return start + climb(errors, ball, attack, generator, start=warm)


def _errors(
    attack: Attack,
    net: Reconstruction,
    start: Tensor,
    A: SenseOperator | Step,
    wanted: Objective,
    unrolling_steps: int | None,
) -> Errors:
    """Return what is wanted of the reconstruction that an attack differentiates."""
    operator = operator_of(A)
    # A method without data consistency of its own has no such gradient to cut.
    if attack.gradient == "cut" and isinstance(A, Step):
        A = CutStep(A)
    around = attack.through == "around"
    method = bind(net, A, n_steps=unrolling_steps, n_samples=attack.n_samples, around=around)

    def errors(delta: Tensor, noise: Source) -> Tensor:
        attacked = start + delta
        z = operator.adjoint(attacked) if attack.domain == "kspace" else attacked
        return wanted(method(z, noise))

    return errors


def _check_inputs(name: str, start: Tensor, target: Tensor, A: SenseOperator | Step) -> None:
    operator = operator_of(A)
    operator.check_images("target", target, n_axes=(3,))
    checks.finite("target", target)
    checks.complex_tensor(name, start, n_axes=(4,) if name == "y" else (3,))
    like, whose = (operator.maps, "the coil maps") if name == "y" else (target, "target")
    checks.same_shape(name, start, whose, like)
    checks.same_dtype(name, checks.finite(name, start), "the maps", operator.maps)


def _ball(attack: Attack, start: Tensor, operator: SenseOperator, epsilon: float) -> Ball:
    radius = torch.full((start.shape[0],), epsilon, dtype=start.real.dtype, device=start.device)
    if attack.domain == "image":
        return Ball(attack.norm, radius, start)
    if attack.domain == "range":
        reachable = RangeSpace(operator, attack.floor)
        return RangeBall(attack.norm, radius, start, reachable=reachable)
    if attack.norm == "l2":
        radius = radius * torch.linalg.vector_norm(start * operator.mask, dim=(-3, -2, -1))
    return Ball(attack.norm, radius, start, operator.mask)
