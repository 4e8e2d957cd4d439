"""Curves hold every point of their sweep, the training's own settings included, and their bands."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.chapters import sweeps
from smugbook.experiments import curves
from smuglib.evaluation.bootstrap import bootstrap

METHODS = {"modl": 0.0, "smug": 2.0}


def rows(scenario, n_slices=6, methods=METHODS, gain=0.0, **settings):
    """Rows whose PSNR is 30, minus a hundred times ε, plus a gain, plus a tenth of the slice."""
    common = {"epsilon": 0.0, "sampling_rate": 0.25, "n_steps": 8, "n_samples": 10} | settings
    return [
        {
            "method": method, "scenario": scenario, "split": "test", "subject": index // 2,
            "slice": index, "seed": 0, **common,
            "psnr": 30 - 100 * common["epsilon"] + own * (1 + gain) + 0.1 * index**2,
        }
        for method, own in methods.items()
        for index in range(n_slices)
    ]  # fmt: skip


def frame(*parts):
    return pd.DataFrame([row for part in parts for row in part])


BLOCK = frame(
    rows("clean"),
    rows("strength_adaptive", epsilon=1 / 255),
    rows("strength_adaptive", epsilon=2 / 255),
    rows("rate_clean", sampling_rate=0.5, gain=1.0),
    rows("rate_adaptive", sampling_rate=0.5, epsilon=1 / 255),
    rows("steps_clean", n_steps=2, methods={"modl": 0.0}),
)


def test_a_curve_starts_at_the_settings_of_the_training():
    strength = curves.summarize_curve(BLOCK, "strength_adaptive")
    assert sorted(strength["value"].unique()) == [0, 1 / 255, 2 / 255]
    rate = curves.summarize_curve(BLOCK, "rate_clean")
    assert sorted(rate["value"].unique()) == [0.25, 0.5]


def test_an_attacked_curve_is_anchored_at_its_own_strength():
    found = curves.curve_points(BLOCK, "rate_adaptive")
    anchor = found[found["value"] == 0.25]
    assert set(anchor["scenario"]) == {"strength_adaptive"}
    assert anchor["epsilon"].tolist() == pytest.approx([1 / 255] * 12)
    other = curves.curve_points(BLOCK, "rate_adaptive", epsilon=2 / 255)
    assert other.loc[other["value"] == 0.25, "epsilon"].tolist() == pytest.approx([2 / 255] * 12)


def test_means_and_paired_differences():
    found = curves.summarize_curve(BLOCK, "rate_clean").set_index(["method", "value"])
    own = BLOCK[(BLOCK["scenario"] == "rate_clean") & (BLOCK["method"] == "smug")]
    assert found.loc[("smug", 0.5), "mean"] == pytest.approx(own["psnr"].mean())
    expected = bootstrap(own["psnr"], own["subject"], n_resamples=2000)
    assert tuple(found.loc[("smug", 0.5), ["mean", "low", "high"]]) == pytest.approx(expected)
    difference = found.loc[("smug", 0.5), ["difference", "difference_low", "difference_high"]]
    assert difference.tolist() == pytest.approx([4, 4, 4])
    assert found.loc[("smug", 0.25), "difference"] == pytest.approx(2)
    assert found.loc[("modl", 0.5), "difference"] == 0
    assert set(found["n_slices"]) == {6}
    assert set(found["n_subjects"]) == {3}


def test_a_value_of_the_sweep_that_is_the_training_s_counts_once():
    whole = frame(rows("clean"), rows("steps_clean", n_steps=8), rows("steps_clean", n_steps=2))
    found = curves.curve_points(whole, "steps_clean")
    assert found.groupby(["method", "value"])["slice"].count().eq(6).all()
    assert set(found["scenario"]) == {"steps_clean"}


def test_a_sweep_of_fewer_slices_is_anchored_on_those():
    few = frame(rows("clean"), rows("level_image", n_slices=2, epsilon=1 / 255))
    found = curves.curve_points(few, "level_image")
    assert found.groupby(["method", "value"])["slice"].count().eq(2).all()
    assert sorted(found["value"].unique()) == [0, 1 / 255]


def test_the_attack_of_the_table_is_the_anchor_where_strengths_are_not_swept():
    other = frame(
        rows("adaptive_image", epsilon=1 / 255),
        rows("rate_adaptive", sampling_rate=0.5, epsilon=1 / 255),
    )
    found = curves.curve_points(other, "rate_adaptive")
    assert set(found.loc[found["value"] == 0.25, "scenario"]) == {"adaptive_image"}


def test_without_modl_there_is_no_difference():
    found = curves.summarize_curve(BLOCK[BLOCK["method"] == "smug"], "rate_clean")
    assert found["mean"].notna().all()
    assert found[["difference", "difference_low", "difference_high"]].isna().all(axis=None)


def test_only_methods_that_were_varied_are_in_a_curve():
    assert set(curves.summarize_curve(BLOCK, "steps_clean")["method"]) == {"modl"}
    assert curves.summarize_curve(BLOCK, "samples_clean").empty


def test_one_subject_has_no_interval():
    found = curves.summarize_curve(BLOCK[BLOCK["subject"] == 0], "rate_clean")
    assert found[["low", "high"]].isna().all(axis=None)


def test_refusals():
    with pytest.raises(ValueError, match="curve must be one of"):
        curves.summarize_curve(BLOCK, "rate_sideways")
    with pytest.raises(ValueError, match="metric must be one of"):
        curves.summarize_curve(BLOCK, "rate_clean", "beauty")
    lacks = BLOCK[~((BLOCK["method"] == "smug") & (BLOCK["slice"] == 3))]
    with pytest.raises(ValueError, match="same slices, one row each: got 5 of smug and 6 of modl"):
        curves.summarize_curve(lacks, "rate_clean")


def test_values_are_written_in_the_units_of_their_axis():
    assert sweeps.format_axis_value("strength_adaptive", 0.5 / 255) == "0.5/255"
    assert sweeps.format_axis_value("strong_image", 0.0) == "ε = 0"
    assert sweeps.format_axis_value("kspace_adaptive", 0.02) == "2\u00a0%\u00a0of\u00a0‖y‖₂"
    assert sweeps.format_axis_value("rate_clean", 0.125) == "0.125"
    assert sweeps.format_axis_value("steps_clean", 8.0) == "8"
    with pytest.raises(ValueError, match="curve must be one of"):
        sweeps.format_axis_value("rate_sideways", 1.0)
