"""Projected gradient ascent in a ball, each scan on its own (Madry et al., ICLR 2018)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from smuglib.ladder import Attack
from smuglib.perturbations import Ball

Errors = Callable[[Tensor, torch.Generator], Tensor]


def worst(
    errors: Errors,
    ball: Ball,
    attack: Attack,
    generator: torch.Generator,
    *,
    start: Tensor | None = None,
) -> Tensor:
    """Look for the perturbation of the largest error in a ball, scan by scan.

    A single run that keeps its last iterate costs one forward and one backward pass a step. Where
    runs or iterates compete, each run costs one more forward pass a candidate: all candidates are
    judged under the same noise, or the luckiest draw would win instead of the worst perturbation.

    Parameters
    ----------
    errors
        Maps a perturbation, complex, ``[batch, ...]``, and a source of smoothing noise to one
        error a scan, real, ``[batch]``.
    ball
        Where to look.
    attack
        Steps, restarts and which iterate to keep.
    generator
        Source of the random start and of the noise.
    start
        Where the first run starts, instead of where ``attack`` says; projected to the ball.

    Returns
    -------
    Tensor
        A perturbation in the ball.

    Raises
    ------
    RuntimeError
        If the gradient of a scan is zero or not finite.
    """
    if attack.n_restarts == 1 and attack.keep == "last":
        return _ascent(errors, ball, attack, generator, start)[0]
    device = generator.device
    seed = int(torch.randint(2**62, (), generator=generator, device=device))
    found, largest = torch.zeros_like(ball.center), torch.full_like(ball.radius, -torch.inf)
    for run in range(attack.n_restarts):
        last, best = _ascent(errors, ball, attack, generator, None if run else start)
        for delta in (last, best) if attack.keep == "best" else (last,):
            with torch.no_grad():
                error = errors(delta, torch.Generator(device).manual_seed(seed))
            found, largest = _larger(delta, error, found, largest)
    return found


def _ascent(
    errors: Errors, ball: Ball, attack: Attack, generator: torch.Generator, start: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Run one ascent: the last iterate, and for every scan the best of those before it."""
    if start is not None:
        delta = ball.project(start)
    else:
        delta = ball.uniform(generator) if attack.random_start else torch.zeros_like(ball.center)
    step = attack.step_fraction * ball.radius
    best, largest = delta, torch.full_like(ball.radius, -torch.inf)
    for _ in range(attack.n_steps):
        with torch.enable_grad():
            point = delta.detach().requires_grad_(True)
            error = errors(point, generator)
            gradient = _gradient(error, point)
        best, largest = _larger(delta, error.detach(), best, largest)
        delta = ball.ascend(delta, gradient, step)
    return delta, best


def _larger(delta: Tensor, error: Tensor, other: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """Return, scan by scan, the perturbation of the larger error, and that error."""
    better = error > largest
    flags = better.reshape(-1, *(1,) * (delta.ndim - 1))
    return torch.where(flags, delta, other), torch.where(better, error, largest)


def _gradient(error: Tensor, point: Tensor) -> Tensor:
    """Return every sample's gradient, or raise where an attack could not use it."""
    gradient = torch.zeros_like(point)
    if error.requires_grad:
        # The sum keeps samples apart: a mean would scale each gradient by the batch.
        (reached,) = torch.autograd.grad(error.sum(), point, allow_unused=True)
        gradient = gradient if reached is None else reached
    largest = gradient.abs().flatten(1).amax(1)
    broken = ~((largest > 0) & largest.isfinite())
    if broken.any():
        scans = broken.nonzero().flatten().tolist()
        raise RuntimeError(
            f"the attack's gradient is zero or not finite for scans {scans} of the batch: the "
            "reconstruction does not depend on its input there, or hides its gradient; no "
            "robustness can be read from such an attack"
        )
    return gradient
