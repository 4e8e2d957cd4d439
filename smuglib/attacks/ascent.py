r"""Projected gradient ascent in a ball, each scan on its own.

Steps have a fixed length (Madry et al., ICLR 2018), or follow Auto-PGD (Croce and Hein, ICML
2020): from the iterate :math:`\delta_k`, with the length :math:`\eta` that `StepLengths` gives,

.. math:: \zeta = \Pi(\delta_k + \eta g_k), \qquad
    \delta_{k+1} = \Pi\big(\delta_k + \alpha (\zeta - \delta_k)
    + (1 - \alpha)(\delta_k - \delta_{k-1})\big), \quad \alpha = 0.75,

where :math:`\Pi` projects to the ball, :math:`g_k` is the direction of steepest ascent, and the
first step and the first one after a return to the best iterate have no momentum (α = 1).
Or they shrink to nothing along a cosine, whatever the ascent finds, up a moving sum of gradients of
the error's logarithm (the normalized momentum of Dong et al., CVPR 2018): a search of another
design, to check the others by.

**Noise.** The gradient of a smoothed reconstruction is taken under fresh noise at every step, or
the perturbation would fit one draw of it (seen on SMUG). But iterates of a run are compared under
one noise, at the cost of a forward pass a step; and the candidates of all runs under one that no
run has seen, or the luckiest draw would win.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from smuglib import checks
from smuglib.attacks.balls import Ball
from smuglib.attacks.ladder import Attack
from smuglib.random import Source, repeatable

MOMENTUM = 0.25
"""Share 1 - α of the step before in a step of Auto-PGD."""

PERSISTENCE = 0.75
"""Share of the gradients before that the sum of `_cosine` keeps."""

PROGRESS = 0.75
"""Share of the steps between two checkpoints that must improve, or the length is halved."""

Errors = Callable[[Tensor, Source], Tensor]


def climb(
    errors: Errors,
    ball: Ball,
    attack: Attack,
    generator: Source,
    *,
    start: Tensor | None = None,
) -> Tensor:
    """Look for the perturbation of the largest error in a ball, scan by scan.

    ``errors`` maps a perturbation, complex, ``[batch, ...]``, and a source of smoothing noise to
    one error a scan, real, ``[batch]``. The first run starts at ``start``, if one is given,
    projected to the ball. A gradient that is zero or not finite for a scan is a RuntimeError.
    """
    climb = {"fixed": _fixed, "adaptive": _adaptive, "cosine": _cosine}[attack.step_rule]
    if attack.n_restarts == 1 and attack.keep == "last":
        return climb(errors, ball, attack, generator, _first(ball, attack, generator, start))[0]
    common = repeatable(generator)
    found, largest = torch.zeros_like(ball.center), torch.full_like(ball.radius, -torch.inf)
    for run in range(attack.n_restarts):
        first = _first(ball, attack, generator, None if run else start)
        last, best = climb(errors, ball, attack, generator, first)
        for delta in (last, best) if attack.keep == "best" else (last,):
            error = torch.no_grad()(errors)(delta, common())
            found, largest = _larger(delta, error, found, largest)
    return found


def _first(ball: Ball, attack: Attack, generator: Source, start: Tensor | None) -> Tensor:
    if start is not None:
        return ball.project(start)
    return ball.uniform(generator) if attack.random_start else torch.zeros_like(ball.center)


def _fixed(
    errors: Errors, ball: Ball, attack: Attack, generator: Source, delta: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one ascent: the last iterate, and for every scan the best of those before it."""
    step = attack.step_fraction * ball.radius
    best, largest, ascent = delta, torch.full_like(ball.radius, -torch.inf), _Ascent(errors)
    for _ in range(attack.n_steps):
        error, gradient = ascent.differentiate(delta, generator)
        best, largest = _larger(delta, error, best, largest)
        delta = ball.ascend(delta, gradient, step)
    ascent.refuse_broken()
    return delta, best


def _adaptive(
    errors: Errors, ball: Ball, attack: Attack, generator: Source, delta: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one ascent of Auto-PGD; returns what `_fixed` does."""
    common = repeatable(generator)
    steps = StepLengths(attack.step_fraction * ball.radius, attack.n_steps)
    momentum, moved = torch.zeros_like(ball.radius), torch.zeros_like(delta)
    best, uphill, largest = delta, delta, torch.full_like(ball.radius, -torch.inf)
    ascent = _Ascent(errors)
    for n_done in range(attack.n_steps):
        before = generator.get_state()
        error, gradient = ascent.differentiate(delta, generator)
        if not torch.equal(before, generator.get_state()):
            error = torch.no_grad()(errors)(delta, common())
        uphill, _ = _larger(gradient, error, uphill, largest)
        best, largest = _larger(delta, error, best, largest)
        back = steps.review(n_done, error, largest)
        delta, gradient = _where(back, best, delta), _where(back, uphill, gradient)
        share = ball.aligned(momentum.masked_fill(back, 0.0))
        ahead = ball.ascend(delta, gradient, steps.length)
        following = ball.project(delta + (1 - share) * (ahead - delta) + share * moved)
        delta, moved = following, following - delta
        momentum = torch.full_like(momentum, MOMENTUM)
    ascent.refuse_broken()
    return delta, best


def _cosine(
    errors: Errors, ball: Ball, attack: Attack, generator: Source, delta: Tensor
) -> tuple[Tensor, Tensor]:
    """Run one ascent with steps that shrink to nothing; its last iterate stands for the best."""
    heading, ascent = torch.zeros_like(delta), _Ascent(errors)
    for n_done in range(attack.n_steps):
        _, gradient = ascent.differentiate(delta, generator)
        heading = PERSISTENCE * heading + ball.unit(gradient)
        share = (1 + math.cos(math.pi * n_done / attack.n_steps)) / 2
        delta = ball.ascend(delta, heading, share * attack.step_fraction * ball.radius)
    ascent.refuse_broken()
    return delta, delta


class _Ascent:
    """Gradients of one ascent; a GPU is waited for at the first and at the end alone."""

    def __init__(self, errors: Errors) -> None:
        self._errors = errors
        self._broken: Tensor | None = None

    def differentiate(self, delta: Tensor, noise: Source) -> tuple[Tensor, Tensor]:
        """Return every scan's error at a perturbation, and its gradient."""
        with torch.enable_grad():
            point = delta.detach().requires_grad_(True)
            error, gradient = self._errors(point, noise), torch.zeros_like(point)
            if error.requires_grad:
                # The sum keeps samples apart: a mean would scale each gradient by the batch.
                (gradient,) = torch.autograd.grad(error.sum(), point, materialize_grads=True)
        largest, before = gradient.abs().flatten(1).amax(1), self._broken
        broken = ~((largest > 0) & largest.isfinite())
        self._broken = broken if before is None else before | broken
        if before is None or not broken.is_cuda:
            self.refuse_broken()
        return error.detach(), gradient

    def refuse_broken(self) -> None:
        """Raise if there was a gradient that an attack cannot use."""
        if self._broken is not None and self._broken.any():
            scans = self._broken.nonzero().flatten().tolist()
            raise RuntimeError(
                f"the attack's gradient is zero or not finite for scans {scans} of the batch: the "
                "reconstruction does not depend on its input there, or hides its gradient; no "
                "robustness can be read from such an attack"
            )


def _larger(delta: Tensor, error: Tensor, other: Tensor, largest: Tensor) -> tuple[Tensor, Tensor]:
    """Return, scan by scan, the perturbation of the larger error, and that error."""
    better = error > largest
    return _where(better, delta, other), torch.where(better, error, largest)


def _where(flags: Tensor, delta: Tensor, other: Tensor) -> Tensor:
    return torch.where(flags.reshape(-1, *(1,) * (delta.ndim - 1)), delta, other)


def checkpoints(n_steps: int) -> list[int]:
    """Return the rising numbers of steps, in 1 ... ``n_steps``, after which lengths are reviewed.

    The first period is 22 % of all steps; each next one is 3 % shorter, but at least 6 % long.
    """
    n_steps = checks.integer("n_steps", n_steps)
    # Whole percents: sums of 0.22, 0.03 and 0.06 would move a checkpoint by rounding.
    period = percent = 22
    found = []
    while percent <= 100:
        found.append(-(-percent * n_steps // 100))
        period = max(period - 3, 6)
        percent += period
    return sorted(set(found))


class StepLengths:
    """Step lengths, real, ``[batch]``, halved where an ascent has stopped to make progress.

    At a checkpoint a scan's length is halved, and its ascent goes back to its best iterate, if
    fewer than `PROGRESS` of the steps since the last checkpoint improved on the step before, or if
    neither length nor best error has changed since then.
    """

    def __init__(self, length: Tensor, n_steps: int) -> None:
        self.length = length
        self._checkpoints = frozenset(checkpoints(n_steps))
        self._last_checkpoint = 0
        # No iterate comes before the first, so that one is no improvement.
        self._error = torch.full_like(length, torch.inf)
        self._n_improved = torch.zeros_like(length)
        self._kept = torch.zeros_like(length, dtype=torch.bool)
        self._largest = torch.full_like(length, -torch.inf)

    def review(self, n_done: int, error: Tensor, largest: Tensor) -> Tensor:
        """Take note of an iterate; return which scans go back to their best one, ``[batch]``.

        ``n_done`` steps led to it; ``error`` is its, and ``largest`` the largest so far, this one
        included, all under the same noise.
        """
        self._n_improved = self._n_improved + (error > self._error)
        self._error = error
        if n_done not in self._checkpoints:
            return torch.zeros_like(self._kept)
        few = self._n_improved < PROGRESS * (n_done - self._last_checkpoint)
        stuck = self._kept & (largest == self._largest)
        halved = few | stuck
        self.length = torch.where(halved, self.length / 2, self.length)
        self._error = torch.where(halved, largest, error)
        self._largest, self._kept = largest, ~halved
        self._last_checkpoint, self._n_improved = n_done, torch.zeros_like(self._n_improved)
        return halved
