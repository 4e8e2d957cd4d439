"""The adversary behind every attack: what it differentiates, and the ball in which it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.ascent import Errors, worst
from smuglib.consistency import DataConsistency, cached
from smuglib.denoisers import arithmetic
from smuglib.ladder import LADDER, Attack
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.perturbations import Ball
from smuglib.reachable import Reachable, ReachableBall
from smuglib.smoothing import Smoothing

Objective = Callable[[Tensor], Tensor]
"""What an attacker wants more of, from reconstructions to one number per scan, ``[batch]``."""


def perturbed(
    attack: Attack,
    net: UnrolledNetwork,
    start: Tensor,
    A: SenseOperator | DataConsistency,
    target: Tensor,
    epsilon: float,
    unrolling_steps: int | None,
    generator: torch.Generator,
    objective: Objective | None = None,
) -> Tensor:
    """Return the attacked image or k-space.

    Parameters
    ----------
    attack
        What to do.
    start
        What is perturbed, complex: zero-filled images ``[batch, height, width]``, or k-space
        ``[batch, coil, height, width]``, as the attack's domain says.
    net, A, target, epsilon, unrolling_steps, generator
        See `smuglib.attacks.pgd`.
    objective
        What to maximize; by default the squared error against the target.

    Returns
    -------
    Tensor
        ``start + δ``.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        See `smuglib.attacks.pgd`.
    """
    checks.non_negative("epsilon", epsilon)
    checks.generator("generator", generator)
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
    wanted = _squared_error(target) if objective is None else objective
    with frozen(net), arithmetic(net, attack.precision):
        warm = None
        if attack.warm_start:
            transfer = replace(
                LADDER["transfer"], domain=attack.domain, norm=attack.norm, floor=attack.floor
            )
            around = _errors(transfer, net, start, consistency, wanted, unrolling_steps)
            warm = worst(around, ball, transfer, generator)
        errors = _errors(attack, net, start, consistency, wanted, unrolling_steps)
        return start + worst(errors, ball, attack, generator, start=warm)


def _errors(
    attack: Attack,
    net: UnrolledNetwork,
    start: Tensor,
    consistency: DataConsistency,
    wanted: Objective,
    unrolling_steps: int | None,
) -> Errors:
    """Return what is wanted of the reconstruction that an attack differentiates."""
    step = _CutConsistency(consistency) if attack.gradient == "cut" else consistency
    smoothing = Smoothing("none") if attack.through == "around" else net.smoothing
    n_samples = attack.n_samples if smoothing.is_active else None

    def errors(delta: Tensor, noise: torch.Generator) -> Tensor:
        attacked = start + delta
        z = consistency.operator.adjoint(attacked) if attack.domain == "kspace" else attacked
        x = net(
            z,
            step,
            generator=noise,
            n_steps=unrolling_steps,
            n_samples=n_samples,
            smoothing=smoothing,
        )
        return wanted(x)

    return errors


def _squared_error(target: Tensor) -> Objective:
    return lambda x: torch.view_as_real(x - target).square().sum((-3, -2, -1))


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


class _CutConsistency(DataConsistency):
    """Data consistency that passes no gradient to ``A^H y``, as the published code's."""

    def __init__(self, step: DataConsistency) -> None:
        vars(self).update(vars(step))

    def __call__(self, z: Tensor, d: Tensor) -> Tensor:
        return super().__call__(z.detach(), d)


def _check_inputs(attack: Attack, start: Tensor, target: Tensor, operator: SenseOperator) -> None:
    checks.complex_tensor("target", target, n_axes=(3,))
    operator.check_images("target", target)
    if attack.domain == "kspace":
        checks.complex_tensor("y", start, n_axes=(4,))
        checks.same_shape("y", start, "the coil maps", operator.maps)
    else:
        checks.complex_tensor("z", start, n_axes=(3,))
        operator.check_images("z", start)


def _ball(attack: Attack, start: Tensor, operator: SenseOperator, epsilon: float) -> Ball:
    radius = torch.full((start.shape[0],), epsilon, dtype=start.real.dtype, device=start.device)
    if attack.domain == "image":
        return Ball(attack.norm, radius, start)
    if attack.domain == "range":
        reachable = Reachable(operator, attack.floor)
        return ReachableBall(attack.norm, radius, start, reachable=reachable)
    if attack.norm == "l2":
        radius = radius * torch.linalg.vector_norm(start * operator.mask, dim=(-3, -2, -1))
    return Ball(attack.norm, radius, start, operator.mask)
