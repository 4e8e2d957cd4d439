"""Words on trends: verdicts follow the signs of intervals, ends follow the limit."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.chapters import trends as words
from smugbook.experiments import controls, trends
from smugbook.results import Store
from smuglib.evaluation import Interval, table_scenarios

ATTACK = [one for one in table_scenarios() if one.name == "adaptive_image"]


def said(value):
    return f"{value:g} updates"


@pytest.mark.parametrize(
    ("later", "told"),
    [
        (Interval(0.4, 0.1, 0.7), "holds"),
        (Interval(0.4, -0.1, 0.9), "**depends on it**"),
        (Interval(-0.4, -0.7, -0.1), "**depends on it**"),
    ],
)
def test_a_verdict_depends_on_a_value_where_the_interval_changes_sides(later, told):
    gaps = {
        100.0: {"adaptive_image": Interval(1.0, 0.5, 1.5)},
        200.0: {"adaptive_image": later},
        400.0: {},
    }
    text = words.describe_gaps(gaps, ATTACK, said)
    assert f"the verdict {told}, +1.00 dB (100 updates) and " in text
    assert "400" not in text
    few = words.describe_gaps({100.0: gaps[100.0]}, ATTACK, said)
    assert few == "SMUG and MoDL have fewer than two trainings in common here"


def test_a_training_is_at_its_end_where_twice_the_updates_add_little(tmp_path):
    store, points = Store(tmp_path), trends.trend_points("head", "updates")
    best = {1100: 30.0, 2200: 30.5, 4400: 30.55}
    for point in points:
        if point.line == "MoDL" and point.value in best:
            own = store.named_variant(point.control.variant, missing_ok=True)
            path = own.log("modl", controls.BASE_SIGMA)
            path.parent.mkdir(parents=True)
            path.write_text(f"update,validation_psnr\n1,20.0\n2,{best[point.value]}\n")
            path.with_suffix(".json").write_text("{}")
    ends = words.tabulate_ends(store, points, 0.1)
    assert ends["to the end"].tolist() == ["no", "yes", "–"]
    assert ends["twice the updates add"].iloc[:2].tolist() == pytest.approx([0.5, 0.05])
    text = words.describe_ends(ends, 0.1)
    assert "MoDL, 1100 updates (+0.50 dB)" in text and "2200" not in text
    assert "to all" in words.describe_ends(words.tabulate_ends(store, points, 1.0), 1.0)
    assert "not known" in words.describe_ends(ends.iloc[2:], 0.1)


def test_what_is_absent_is_named_with_the_command_that_computes_it(tmp_path):
    points = [p for p in trends.trend_points("head", "channels") if p.line == "MoDL"]
    text = words.describe_absent(Store(tmp_path), points, "head")
    assert "3 trainings" in text and "`variants/channels=16/records/modl_s0.05`" in text
    assert "make reproduce PROFILE=head" in text
    assert "do not vary this" in words.describe_absent(Store(tmp_path), points[:1], "head")


def test_the_chosen_candidate_is_marked():
    index = pd.MultiIndex.from_tuples([("jitter", "a"), ("jitter", "b"), ("modl", "modl")])
    table = pd.DataFrame({"clean": [1.0, 2.0, 3.0]}, index=index)
    assert words.mark_choice(table, {"jitter": "b"})["choice"].tolist() == ["", "chosen", ""]
