"""Verdicts of studies say what the intervals say."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from smugbook.words.verdicts import (
    extreme_methods,
    format_intervals,
    intervals,
    quantify_names,
    shift_intervals,
    sort_methods,
)
from smuglib.evaluation import Interval

WORDS = {"above": "up for", "below": "down for", "between": "open for", "every": "every method"}
FOUND = {
    "MoDL": Interval(1.5, 1.0, 2.0),
    "SMUG": Interval(-1.0, -1.5, -0.5),
    "SMUGv0": Interval(0.5, 0.25, 1.0),
}


def test_names_are_listed():
    assert quantify_names(["MoDL"], FOUND) == "MoDL"
    assert quantify_names([], FOUND) == "no method"
    assert quantify_names(list(FOUND), FOUND, noun="network") == "every network"


def test_methods_are_sorted_by_their_intervals():
    assert sort_methods(FOUND, **WORDS) == "up for MoDL and SMUGv0, down for SMUG"
    assert sort_methods(shift_intervals(FOUND, 3), **WORDS) == "down for every method"
    alone = {"MoDL": Interval(1.0, math.nan, math.nan)}
    assert sort_methods(alone, **WORDS) == "open for every method"


def test_the_outermost_are_quoted():
    assert extreme_methods(FOUND) == ["MoDL", "SMUG"]
    assert extreme_methods(FOUND, also="SMUGv0") == ["MoDL", "SMUGv0", "SMUG"]
    assert extreme_methods(FOUND, also="RS-E2E") == ["MoDL", "SMUG"]
    assert format_intervals(FOUND, ["SMUGv0", "SMUG"], digits=1, sign=True) == (
        "SMUGv0 +0.5 [+0.2, +1.0], SMUG −1.0 [−1.5, −0.5]"
    )


def test_intervals_of_measurements_known_answer():
    frame = pd.DataFrame(
        [
            {"method": method, "scenario": "clean", "split": "test", "subject": subject,
             "slice": subject, "quantity": "q", "index": 0, "value": value * (subject + 1.0)}
            for method, value in (("modl", 1.0), ("smug", 3.0))
            for subject in (0, 1)
        ]
    )  # fmt: skip
    found = intervals(frame, "q", "clean", ["modl", "rs_e2e", "smug"][::2])
    assert found["SMUG"] == pytest.approx((4.5, 3, 6))
    assert intervals(frame, "q", "clean", ["modl", "smug"], minus="modl") == {
        "SMUG": pytest.approx((3, 2, 4))
    }
    ratio = intervals(frame, "q", "clean", ["modl", "smug"], minus="modl", ratio=True)
    assert ratio["SMUG"] == pytest.approx((3, 3, 3))
    assert intervals(frame, "other", "clean", ["modl"]) == {}
