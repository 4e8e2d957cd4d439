"""Time that is up, and time that is left."""

from __future__ import annotations

import time

import pytest

from smuglib.training.plan import Budget, BudgetSpentError


def test_a_budget_without_end_is_never_spent_and_one_of_nothing_is():
    assert not Budget(None).is_spent
    assert not Budget(3600).is_spent
    assert Budget(0).is_spent
    with pytest.raises(BudgetSpentError, match=r"budget of 0\.0 s is spent: half is done"):
        Budget(0).stop("half is done")


def test_what_is_left_falls_to_zero_and_stays_there(monkeypatch):
    budget, began = Budget(5), time.monotonic()
    left = {}
    for later in (2.0, 9.0):
        monkeypatch.setattr(time, "monotonic", lambda later=later: began + later)
        left[later] = budget.seconds_left
    assert left == {2.0: pytest.approx(3.0, abs=0.1), 9.0: 0.0}
    assert budget.is_spent
    assert Budget(None).seconds_left is None
