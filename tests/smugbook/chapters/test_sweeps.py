"""Who leads along a curve: found where it was put, shared where chance explains the difference."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from smugbook.chapters import sweeps
from smuglib.evaluation import Interval

N = 12
NOISE = np.where(np.arange(N) % 4 < 2, 1.0, -1.0)


def points(scores, n=N, metric="psnr"):
    """Rows of a curve: by value and method, a level that all slices have or one a slice."""
    return pd.DataFrame(
        {
            "method": method, "value": value, "split": "test", "subject": index // 2,
            "slice": index, "seed": 0, metric: float(level + index),
        }
        for value, methods in scores.items()
        for method, levels in methods.items()
        for index, level in enumerate(np.broadcast_to(levels, N)[:n])
    )  # fmt: skip


SCORES = {
    0.0: {"smug": 33.0, "modl": 36.0, "rs_e2e": 31.0, "zero_filled": 24.0},
    1.0: {"smug": 30.0, "modl": 23.0, "rs_e2e": 29.0 + NOISE, "zero_filled": 23.5},
    2.0: {"smug": 22.0, "modl": 15.0, "rs_e2e": 26.0, "zero_filled": 23.0},
    4.0: {"smug": 20.0, "modl": 14.0, "rs_e2e": 20.0 + 0.1 * NOISE, "zero_filled": 12.0},
}
TABLE = sweeps.find_leaders(points(SCORES))


def write(value):
    return f"{value:g}"


def test_the_leaders_are_those_put_there():
    assert TABLE.index.tolist() == [0, 1, 2, 4]
    assert TABLE["best"].tolist()[:3] == ["modl", "smug", "rs_e2e"]
    assert {TABLE["best"][4.0], *TABLE["tied"][4.0]} == {"rs_e2e", "smug"}
    assert TABLE["nothing"].tolist() == [(), ("modl",), ("modl", "smug"), ()]
    assert TABLE["behind"][0.0] == pytest.approx((-3, -3, -3))
    assert TABLE["behind"][1.0].mean == pytest.approx(1)


def test_less_is_better_for_the_error_alone():
    turned = points({0.0: {"smug": 1.0, "modl": 2.0}}, metric="nmse")
    found = sweeps.find_leaders(turned, "nmse")
    assert found["best"].tolist() == ["smug"]
    assert found["behind"][0.0].mean == pytest.approx(1)


def test_sentences():
    first = TABLE.loc[[0.0, 2.0]]
    assert sweeps.describe_lead(first, write) == "SMUG leads nowhere"
    assert sweeps.describe_lead(TABLE.loc[[0.0, 4.0]], write) == "SMUG leads nowhere alone"
    assert sweeps.describe_lead(TABLE.drop(index=1.0), write, method="modl") == "MoDL leads at 0"
    only = sweeps.find_leaders(points({1.0: {"smug": 2.0, "modl": 1.0}}))
    assert sweeps.describe_lead(only, write) == "SMUG leads everywhere"
    assert sweeps.describe_leaders(first, write) == "MoDL is best at 0; RS-E2E at 2"
    assert sweeps.describe_leaders(TABLE.drop(index=4.0), write, besides="smug") == (
        "MoDL is best at 0; RS-E2E at 2"
    )
    assert sweeps.describe_leaders(TABLE.loc[[1.0]], write, besides="smug") == ""
    assert sweeps.describe_leaders(TABLE.loc[[4.0]], write) in (
        "RS-E2E and SMUG, not told apart, are best at 4",
        "SMUG and RS-E2E, not told apart, are best at 4",
    )
    assert sweeps.describe_failures(TABLE, write) == "MoDL at 1 and 2; SMUG at 2"
    assert sweeps.describe_failures(TABLE.loc[[0.0]], write) == ""


def test_the_furthest_behind():
    assert sweeps.largest_deficit(TABLE) == (2.0, "rs_e2e", Interval(-4, -4, -4))
    assert sweeps.largest_deficit(TABLE.loc[[4.0]]) is None


def test_one_subject_tells_no_method_from_another():
    found = sweeps.find_leaders(points(SCORES, n=2))
    assert all(found["tied"].map(len) == 3) and not any(found["nothing"])
    assert sweeps.largest_deficit(found) is None
    assert math.isnan(found["behind"][0.0].low)


def test_only_slices_that_all_have_count_and_a_curve_may_be_empty():
    whole = points(SCORES)
    short = whole[~((whole["method"] == "modl") & (whole["value"] == 0) & (whole["slice"] > 3))]
    assert sweeps.find_leaders(short)["behind"][0.0].mean == pytest.approx(-3)
    assert sweeps.find_leaders(whole[:0]).empty
    with pytest.raises(ValueError, match="metric must be one of"):
        sweeps.find_leaders(whole, "beauty")


def test_shortfalls_are_the_largest_beyond_chance():
    rows = [
        ("transfer", "adaptive", -0.2, -0.3, True),
        ("transfer", "adaptive", -0.3, -0.4, True),
        ("random_uniform", "adaptive", -0.9, -1.9, False),
        ("adaptive", "adaptive_strong", 0.7, 0.5, False),
        ("adaptive", "adaptive_strong", 0.8, 0.6, False),
        ("adaptive", "adaptive_strong", 0.9, -0.1, False),
    ]
    order = pd.DataFrame(rows, columns=["weaker", "stronger", "difference", "low", "broken"])
    assert sweeps.find_shortfalls(order) == {"transfer": 0.3, "adaptive_strong": 0.8}
    assert sweeps.find_shortfalls(order, "adaptive_strong") == {}
    assert sweeps.find_shortfalls(order[:0]) == {}
