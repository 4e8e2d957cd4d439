"""Values in memory, within a budget."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smuglib.recent import Recent
from tests.helpers import few_examples


def test_a_value_is_made_once_while_it_is_kept():
    recent = Recent(10, size=len)
    first = recent.get("a", lambda: [1, 2])
    assert recent.get("a", lambda: pytest.fail("made twice")) is first
    assert (recent.n_bytes, len(recent)) == (2, 1)


def test_the_value_used_least_recently_goes_first():
    recent = Recent(2, size=len)
    for key in ("a", "b", "a", "c"):
        recent.get(key, lambda: [0])
    made = []
    for key in ("a", "c", "b"):
        recent.get(key, lambda key=key: made.append(key) or [0])
    assert made == ["b"]


def test_a_value_larger_than_the_budget_is_returned_but_displaces_nothing():
    recent = Recent(3, size=len)
    recent.get("a", lambda: [0])
    assert recent.get("b", lambda: [0] * 4) == [0] * 4
    assert (recent.n_bytes, len(recent)) == (1, 1)


@given(
    budget=st.integers(0, 12),
    uses=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=40),
)
@few_examples
def test_the_budget_holds_and_the_count_is_that_of_what_is_kept(budget, uses):
    recent = Recent(budget, size=len)
    for key, size in uses:
        value = recent.get(key, lambda key=key, size=size: [key] * size)
        assert set(value) <= {key}
        kept = recent._values.values()
        assert recent.n_bytes == sum(map(len, kept)) <= budget


@pytest.mark.parametrize("budget", [-1, 1.5, None])
def test_an_impossible_budget_is_refused(budget):
    with pytest.raises(ValueError, match="max_bytes must be an integer >= 0"):
        Recent(budget, size=len)
