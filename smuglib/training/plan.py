"""How a network is trained, and how long a command may take."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from smuglib import checks

WARM_UP = 0.1
"""Fraction of the updates in which the learning rate rises to its peak."""

NORM_MEMORY = 0.98
"""Weight of the past in the running mean of gradient norms, about 50 updates."""


@dataclass(frozen=True)
class Plan:
    """How one network is trained.

    Parameters
    ----------
    updates, learning_rate
        Optimizer updates, and the peak of their one-cycle schedule.
    clip_factor
        Largest norm of an update's gradient, in units of its running mean. Relative, because
        the poster's losses differ in scale by an order of magnitude between methods.
    n_validations
        Validations, evenly spread; each also writes a checkpoint.
    precision
        Of the convolutions: ``"float32"``, ``"bfloat16"`` (autocast), or ``"tf32"`` (on CUDA).
    ema_decay
        Weight of the past in the exponential moving average of the weights, which is then what is
        validated and kept; in the first updates less, (1 + n) / (10 + n). Zero: the weights
        themselves.
    settings
        Everything else that defines the run: kept with its results, and compared on resume.
    """

    updates: int
    learning_rate: float
    clip_factor: float
    n_validations: int
    precision: str = "float32"
    ema_decay: float = 0.0
    settings: dict[str, Any] = field(default_factory=dict)


def one_cycle(update: int, total: int, peak: float) -> float:
    """Return an update's learning rate: a linear rise to the peak, then a cosine fall to zero.

    Examples
    --------
    >>> [round(one_cycle(update, 20, 1.0), 2) for update in (0, 1, 10, 19)]
    [0.5, 1.0, 0.54, 0.01]
    """
    update, total = checks.integer("update", update, minimum=0), checks.integer("total", total)
    peak = checks.positive("peak", peak)
    rise = max(1, round(WARM_UP * total))
    if update < rise:
        return peak * (update + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (update - rise + 1) / (total - rise + 1)))


def clip(gradients: Iterable[Tensor], norm: Tensor, factor: float, mean: Tensor | None) -> Tensor:
    """Bound a gradient, in place, by a multiple of the running mean of its bounded norms.

    Returns the mean with this gradient's bounded ``norm`` in it; nothing waits for the device, as
    it would in `torch.nn.utils.clip_grads_with_norm_`. Without a mean nothing is bounded.
    """
    if mean is None:
        mean, factor = norm.double(), math.inf
    bound = factor * mean
    share = ((norm + 1e-6).reciprocal() * bound.to(norm.dtype)).clamp(max=1.0)
    torch._foreach_mul_(list(gradients), share)
    return NORM_MEMORY * mean + (1 - NORM_MEMORY) * torch.minimum(norm.double(), bound)


class BudgetSpentError(RuntimeError):
    """The time is up: all that was computed is kept, and the same call goes on from there."""


class Budget:
    """Seconds from now that long work may take; None: as long as it needs."""

    def __init__(self, seconds: float | None = None) -> None:
        self._seconds = checks.optional(checks.non_negative, "budget", seconds)
        self._started = time.monotonic()

    @property
    def seconds_left(self) -> float | None:
        """What is left of the time, not below zero; None if there is no end."""
        if self._seconds is None:
            return None
        return max(0.0, self._seconds - (time.monotonic() - self._started))

    @property
    def is_spent(self) -> bool:
        """Whether the time is up."""
        return self.seconds_left == 0.0

    def stop(self, done: str) -> None:
        """Raise `BudgetSpentError`, with what is done so far."""
        raise BudgetSpentError(f"the budget of {self._seconds} s is spent: {done}")
