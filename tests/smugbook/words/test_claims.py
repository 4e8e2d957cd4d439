"""Verdicts follow from intervals alone."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smugbook.words import claims
from smugbook.words.claims import Claim, Evidence
from smuglib.evaluation import Interval

ABOVE, BELOW, AROUND = Interval(1, 0.5, 1.5), Interval(-1, -1.5, -0.5), Interval(0.1, -0.4, 0.6)


def claim(*intervals, threshold=0.0):
    return Claim("x", "y", tuple(Evidence("z", one, "r", threshold) for one in intervals))


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [
        ((ABOVE, ABOVE), "holds"),
        ((BELOW, BELOW), "is contradicted"),
        ((ABOVE, BELOW), "depends"),
        ((ABOVE, BELOW, AROUND), "depends"),
        ((ABOVE, AROUND), "is not decided"),
        ((BELOW, AROUND), "is not supported"),
        ((Interval(1, float("nan"), float("nan")),), "is not decided"),
        ((), "is not yet measured"),
    ],
)
def test_verdicts(intervals, verdict):
    assert claim(*intervals).verdict == verdict


@pytest.mark.parametrize(
    ("intervals", "verdict"),
    [((ABOVE, BELOW), "is contradicted"), ((ABOVE, AROUND), "is not decided"), ((ABOVE,), "holds")],
)
def test_one_counterexample_is_enough_against_a_claim_about_every_case(intervals, verdict):
    assert replace(claim(*intervals), universal=True).verdict == verdict


def test_every_verdict_is_explained():
    sides = [(), (ABOVE,), (BELOW,), (AROUND,), (ABOVE, BELOW), (BELOW, AROUND), (ABOVE, AROUND)]
    assert {claim(*one).verdict for one in sides} == set(claims.VERDICTS)


def test_a_threshold_moves_the_verdict():
    assert claim(Interval(-0.2, -0.3, -0.1), threshold=-0.34).verdict == "holds"
    assert claim(Interval(-0.2, -0.4, -0.1), threshold=-0.34).verdict == "is not decided"
