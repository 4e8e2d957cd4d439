"""Scans in memory: those used last, within a budget in bytes."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smuglib.data.cache import in_memory
from tests.helpers import few_examples


def remembering(sizes, max_bytes):
    """Return a function that keeps values of these sizes in bytes, and what it has made."""
    made = []

    def make(key):
        made.append(key)
        return np.zeros(sizes[key], dtype=np.uint8)

    return in_memory(make, max_bytes), made


def test_a_value_is_made_once_while_it_is_kept():
    get, made = remembering({0: 2}, 10)
    assert get(0) is get(0)
    assert made == [0]


def test_the_value_used_least_recently_goes_first():
    get, made = remembering({0: 1, 1: 1, 2: 1}, 2)
    for key in (0, 1, 0, 2):
        get(key)
    made.clear()
    for key in (0, 2, 1):
        get(key)
    assert made == [1]


def test_a_value_larger_than_the_budget_is_returned_but_displaces_nothing():
    get, made = remembering({0: 1, 1: 4}, 3)
    get(0)
    assert get(1).nbytes == get(1).nbytes == 4
    get(0)
    assert made == [0, 1, 1]


def made_by_hand(sizes, max_bytes, uses):
    """Return what a list in the order of use, with the same budget, makes."""
    kept, made = OrderedDict(), []
    for key in uses:
        if key in kept:
            kept.move_to_end(key)
            continue
        made.append(key)
        if sizes[key] <= max_bytes:
            kept[key] = sizes[key]
        while sum(kept.values()) > max_bytes:
            kept.popitem(last=False)
    return made


@given(
    budget=st.integers(0, 12),
    sizes=st.lists(st.integers(0, 6), min_size=7, max_size=7),
    uses=st.lists(st.integers(0, 6), max_size=40),
)
@few_examples
def test_what_is_made_again_is_what_a_list_in_the_order_of_use_lost(budget, sizes, uses):
    get, made = remembering(sizes, budget)
    assert [get(key).nbytes for key in uses] == [sizes[key] for key in uses]
    assert made == made_by_hand(sizes, budget, uses)
    assert get.cache.currsize == sum(value.nbytes for value in get.cache.values()) <= budget


@pytest.mark.parametrize("budget", [-1, 1.5, None])
def test_an_impossible_budget_is_refused(budget):
    with pytest.raises(ValueError, match="cache_bytes must be an integer >= 0"):
        in_memory(str, budget)
