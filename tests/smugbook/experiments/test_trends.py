"""Trends: which trainings are points of which line, and what is said of their records."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smugbook import profiles
from smugbook.experiments import controls, trends
from smugbook.results import Store
from smuglib.evaluation import scores, table_scenarios
from tests.smuglib.evaluation.test_scores import PROVENANCE, ROW

CLEAN = [one for one in table_scenarios() if one.name == "clean"]
HEAD = profiles.get("head")


def values(profile, axis, line):
    return [point.value for point in trends.trend_points(profile, axis) if point.line == line]


@pytest.mark.parametrize("line", ["MoDL", "SMUG"])
def test_points_differ_from_the_profile_in_the_axis_alone(line):
    assert values("head", "updates", line) == [HEAD.updates * f for f in (0.25, 0.5, 1, 2)]
    assert values("head", "stops", line) == [HEAD.updates * f for f in (*profiles.STOPS, 1)]
    assert values("head", "channels", line) == [16, 32, 64]
    assert values("head", "lam", line) == [trends.LEARNED, 0.02, 0.05, 0.2, 1.0]
    assert values("head", "lam", "RS-E2E") == [trends.LEARNED, 1.0]


def test_jitter_is_a_line_of_its_own_at_one_strength():
    assert values("head", "lam", trends.JITTERED) == [trends.LEARNED, 0.02, 0.05, 0.2, 1.0]
    assert values("head", "updates", trends.JITTERED) == [HEAD.updates]
    assert values("default", "updates", "MoDL") == [600, 2000, 4000]


def test_a_stop_lies_at_the_update_whose_weights_were_kept():
    assert values("smoke", "stops", "MoDL") == [1, 4]  # a twentieth of 4, but one at least


def test_no_training_is_a_point_twice_and_none_has_another_seed_or_noise():
    for axis in trends.AXES:
        points = trends.trend_points("head", axis)
        assert len({(point.line, point.value) for point in points}) == len(points)
        for point in points:
            assert "seed" not in point.control.training
            assert point.control.sigma == controls.BASE_SIGMA


def write(store, point, psnrs):
    rows = [
        replace(
            ROW, method=point.control.method, scenario="clean", rung="clean", epsilon=0.0,
            domain="none", norm="none", attack_steps=0, attack_restarts=0, attack_samples=0,
            subject=number, slice=number, psnr=psnr,
        )
        for number, psnr in enumerate(psnrs)
    ]  # fmt: skip
    own = store.named_variant(point.control.label, missing_ok=True)
    scores.write(own.records(point.control.method, point.control.sigma), rows, PROVENANCE)


def test_records_are_read_by_line_and_value_and_what_is_absent_is_named(tmp_path):
    store = Store(tmp_path)
    points = [p for p in trends.trend_points("head", "updates") if p.line in ("MoDL", "SMUG")]
    assert trends.read_trend(store, points) == {}
    assert trends.absent_records(store, points) == [point.records for point in points]
    by_name = {point.records: point for point in points}
    write(store, by_name["records/modl_s0.05"], [30.0, 31.0])
    assert trends.read_trend(store, points) == {}  # one point is no line
    write(store, by_name["variants/updates=8800/records/modl_s0.05"], [32.0, 33.0])
    for name, psnrs in (("records/smug_s0.05", [29.5, 30.5]),
                        ("variants/updates=8800/records/smug_s0.05", [30.0, 31.0])):  # fmt: skip
        write(store, by_name[name], psnrs)
    frames = trends.read_trend(store, points)
    assert {line: list(found) for line, found in frames.items()} == {
        "MoDL": [4400.0, 8800.0],
        "SMUG": [4400.0, 8800.0],
    }
    assert len(trends.absent_records(store, points)) == len(points) - 4
    means = trends.summarize_trend(frames, CLEAN).set_index(["line", "value"])["mean"]
    assert means["MoDL", 8800.0] == 32.5
    gaps = trends.trend_gaps(frames, CLEAN)
    assert [gaps[value]["clean"].mean for value in (4400.0, 8800.0)] == [-0.5, -2.0]
    assert trends.summarize_trend({}, CLEAN).empty and trends.trend_gaps({}, CLEAN) == {}
