"""Verdicts of studies say what the intervals say."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from smugbook.words.verdicts import about, extremes, intervals, quoted, sorting, which
from smuglib.evaluation import Interval

WORDS = {"above": "up for", "below": "down for", "between": "open for", "every": "every method"}
FOUND = {
    "MoDL": Interval(1.5, 1.0, 2.0),
    "SMUG": Interval(-1.0, -1.5, -0.5),
    "SMUGv0": Interval(0.5, 0.25, 1.0),
}


def test_names_are_listed():
    assert which(["MoDL"], FOUND) == "MoDL"
    assert which([], FOUND) == "no method"
    assert which(list(FOUND), FOUND, noun="network") == "every network"


def test_methods_are_sorted_by_their_intervals():
    assert sorting(FOUND, **WORDS) == "up for MoDL and SMUGv0, down for SMUG"
    assert sorting(about(FOUND, 3), **WORDS) == "down for every method"
    alone = {"MoDL": Interval(1.0, math.nan, math.nan)}
    assert sorting(alone, **WORDS) == "open for every method"


def test_the_outermost_are_quoted():
    assert extremes(FOUND) == ["MoDL", "SMUG"]
    assert extremes(FOUND, also="SMUGv0") == ["MoDL", "SMUGv0", "SMUG"]
    assert extremes(FOUND, also="RS-E2E") == ["MoDL", "SMUG"]
    assert quoted(FOUND, ["SMUGv0", "SMUG"], digits=1, sign=True) == (
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
