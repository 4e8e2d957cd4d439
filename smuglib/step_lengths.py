"""Step lengths that adapt to an ascent's progress, each scan of a batch on its own.

The rule is that of Auto-PGD (Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an
Ensemble of Diverse Parameter-free Attacks", ICML 2020, section 3).
"""

from __future__ import annotations

import torch
from torch import Tensor

from smuglib import checks

PROGRESS = 0.75
"""Share of the steps between two checkpoints that must improve, or the length is halved."""


def checkpoints(n_steps: int) -> list[int]:
    """Return the numbers of steps after which an ascent reviews its step length.

    The first period is 22 % of all steps; each next one is 3 % shorter, but at least 6 % long.

    Parameters
    ----------
    n_steps
        Steps of the ascent.

    Returns
    -------
    list of int
        Rising numbers in 1 ... ``n_steps``.

    Raises
    ------
    ValueError
        If ``n_steps`` < 1.
    """
    checks.integer("n_steps", n_steps)
    # Whole percents: sums of 0.22, 0.03 and 0.06 would move a checkpoint by rounding.
    period = percent = 22
    found = []
    while percent <= 100:
        found.append(-(-percent * n_steps // 100))
        period = max(period - 3, 6)
        percent += period
    return sorted(set(found))


class StepLengths:
    """Step lengths that are halved where an ascent has stopped to make progress.

    At a checkpoint a scan's length is halved, and its ascent goes back to its best iterate, if
    fewer than `PROGRESS` of the steps since the last checkpoint improved on the step before, or if
    neither length nor best error has changed since then.

    Parameters
    ----------
    length
        First length, real, ``[batch]``.
    n_steps
        Steps of the ascent.
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
        """Take note of an iterate, and halve lengths if this is a checkpoint.

        Errors must be comparable: of one function, under the same noise if it draws any.

        Parameters
        ----------
        n_done
            Number of steps that led to the iterate.
        error
            Its error, ``[batch]``.
        largest
            The largest error so far, this one included, ``[batch]``.

        Returns
        -------
        Tensor
            Which scans are to go back to their best iterate, boolean, ``[batch]``.
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
