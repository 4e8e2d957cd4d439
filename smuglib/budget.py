"""How long a command may take, and how it says that its time was up."""

import time

from smuglib import checks


class BudgetSpentError(RuntimeError):
    """The time is up: all that was computed is kept, and the same call goes on from there."""


class Budget:
    """Seconds from now that long work may take; None: as long as it needs.

    Examples
    --------
    >>> budget = Budget(0.0)
    >>> budget.is_spent, Budget(None).is_spent
    (True, False)
    """

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
