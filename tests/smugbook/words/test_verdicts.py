"""Intervals and names in words say what the intervals say."""

import math

import pandas as pd
import pytest

from smugbook.words.verdicts import choose_word, format_interval, join_names
from smuglib.evaluation import Interval


@pytest.mark.parametrize(
    ("names", "text"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")],
)
def test_names_are_joined(names, text):
    assert join_names(names) == text


def test_names_of_methods_are_joined():
    assert join_names(["MoDL"]) == "MoDL"
    assert join_names(["MoDL", "RS-E2E", "SMUG"]) == "MoDL, RS-E2E and SMUG"


@pytest.mark.parametrize(
    ("interval", "word"),
    [
        (Interval(1, 0.1, 2), "up"),
        (Interval(-1, -2, -0.1), "down"),
        (Interval(1, -0.1, 2), "open"),
        (Interval(1, 0.0, 2), "open"),
        (Interval(5, math.nan, math.nan), "open"),
    ],
)
def test_a_verdict_follows_the_interval_and_not_the_mean(interval, word):
    assert choose_word(interval, above="up", below="down", between="open") == word


def test_one_subject_gives_no_interval_and_may_have_a_word_of_its_own():
    words = {"above": "up", "below": "down", "between": "open"}
    assert choose_word(Interval(5, math.nan, math.nan), **words, alone="alone") == "alone"
    assert choose_word(Interval(5, 4, 6), **words, alone="alone") == "up"


def test_intervals_in_words():
    assert format_interval(Interval(3.7, 3.21, 4.1)) == "+3.70\u00a0dB [+3.21, +4.10]"
    assert format_interval(Interval(3.7, -1, 4.1), sign=False) == "3.70\u00a0dB [−1.00, 4.10]"
    assert format_interval(Interval(-0.5, math.nan, math.nan), "") == "−0.50"
    assert format_interval((-1.0, math.nan, math.nan), "") == "−1.00"
    assert format_interval(Interval(math.nan, math.nan, math.nan)) == "–"


def test_what_rounds_to_zero_has_no_sign():
    assert format_interval((0.5, -0.004, 1)) == "+0.50\u00a0dB [0.00, +1.00]"


def test_a_row_of_averages_is_an_interval():
    row = pd.Series({"mean": 0.126, "low": -0.1, "high": 0.349})
    assert format_interval(row, "", sign=False) == "0.13 [−0.10, 0.35]"
    assert format_interval(row, "", 1, sign=False) == "0.1 [−0.1, 0.3]"
    assert format_interval(row, "") == "+0.13 [−0.10, +0.35]"
    assert format_interval((0.126, math.nan, math.nan), "", sign=False) == "0.13"


def test_no_interval_is_written_where_nothing_varies():
    assert format_interval((0.126, -0.1, 0.349), "", 0, collapse=True) == "0"
    assert format_interval((0.126, -0.1, 0.349), "", collapse=True) == "+0.13 [−0.10, +0.35]"
    assert format_interval((2.0, 2.0, 2.0), "", sign=False, collapse=True) == "2.00"
    assert format_interval((2.0, 2.0, 2.0), "", sign=False) == "2.00 [2.00, 2.00]"
    assert format_interval((-2.0, math.nan, math.nan), "", 0, collapse=True) == "−2"
