"""Table 1 is what the records say, and refuses what they do not hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smugbook import results
from smugbook.chapters.table1 import summary
from smugbook.results import Store
from smugbook.words import poster
from smuglib import evaluation
from smuglib.evaluation import Scenario, compare, scores
from smuglib.methods import METHODS
from tests.table1 import GAINS, SCENARIOS, block, line


def test_a_block_is_all_records_of_one_noise_level(tmp_path):
    store = Store(tmp_path)
    for method in METHODS:
        own = [method, "zero_filled"] if method == "modl" else [method]
        scores.write(store.records(method, 0.05), scores.rows_of(block(methods=own)), {})
    read = results.read_block(store, 0.05)
    assert set(read["method"]) == set(GAINS)
    assert len(read) == len(block())
    with pytest.raises(FileNotFoundError, match=r"no records file .*modl_s0\.01\.csv"):
        results.read_block(store, 0.01)


def test_rows_are_selected_by_strength_and_settings_of_the_attack():
    frame = pd.concat(
        [
            block(),
            block(epsilon=0.008),
            block(attack_steps=20),
            block(attack_restarts=2),
            block(attack_samples=5),
        ]
    )
    transfer = SCENARIOS[-1]
    found = evaluation.select(frame, transfer)
    pd.testing.assert_frame_equal(found, evaluation.select(block(), transfer))
    assert evaluation.select(block(), Scenario("transfer", "transfer", 0.008)).empty


def test_a_strength_is_found_after_a_round_trip_through_text():
    frame = block(epsilon=float(f"{1 / 255:.8g}"))
    assert len(evaluation.select(frame, SCENARIOS[-1])) == len(GAINS) * 6


def test_scenarios_that_one_method_lacks_are_missing():
    frame = block()
    assert evaluation.missing(frame, SCENARIOS) == []
    lacks = frame[~((frame["method"] == "smug") & (frame["scenario"] == "noise"))]
    assert [s.name for s in evaluation.missing(lacks, SCENARIOS)] == ["noise"]
    with pytest.raises(ValueError, match=r"no records of scenario 'noise' at epsilon 0\.00392"):
        summary.table1_summary({0.05: lacks}, SCENARIOS)


def test_the_table_has_means_spreads_and_paired_differences():
    table = summary.table1_summary({0.05: block(), 0.01: block(0.01)}, SCENARIOS)
    psnr = line(table, "smug", "transfer")
    values = 30 - 8 + 3 + 0.1 * np.arange(6)
    assert psnr["mean"] == pytest.approx(values.mean())
    assert psnr["std"] == pytest.approx(values.std())
    assert [psnr[k] for k in ("difference", "low", "high")] == pytest.approx([3.0] * 3)
    assert (psnr["n_slices"], psnr["n_subjects"]) == (6, 5)
    assert line(table, "smug", "clean")["difference"] == pytest.approx(0)
    assert line(table, "zero_filled", "clean")["difference"] == pytest.approx(-5)
    assert line(table, "smug", "transfer", "ssim")["difference"] == pytest.approx(0.003)
    assert line(table, "modl", "clean", sigma=0.01)["mean"] == pytest.approx(30.25)
    assert len(table) == 2 * 3 * len(SCENARIOS) * len(GAINS)


def test_differences_are_to_modl_of_the_same_block():
    other = block(0.01).assign(psnr=lambda frame: frame["psnr"] + (frame["method"] == "modl"))
    table = summary.table1_summary({0.05: block(), 0.01: other}, SCENARIOS)
    assert line(table, "smug", "transfer", sigma=0.05)["difference"] == pytest.approx(3)
    assert line(table, "smug", "transfer", sigma=0.01)["difference"] == pytest.approx(2)


def test_methods_of_different_slices_are_refused():
    frame = block()
    uneven = frame[~((frame["method"] == "smug") & (frame["slice"] == 5))]
    with pytest.raises(ValueError, match="must be of the same slices"):
        summary.table1_summary({0.05: uneven}, SCENARIOS)


def test_the_poster_s_numbers_add_up_to_its_absolute_values():
    """Absolute values as its authors' code logs them: MoDL plus the printed difference."""
    absolute = {
        ("smug", "transfer_published"): (26.78, 0.737),
        ("smug_v0", "transfer_published"): (25.99, 0.715),
        ("rs_e2e", "transfer_published"): (23.69, 0.763),
        ("smug", "noise"): (29.23, 0.890),
        ("smug_v0", "clean"): (28.72, 0.886),
        ("rs_e2e", "clean"): (29.82, 0.902),
    }
    for (method, scenario), (psnr, ssim) in absolute.items():
        for metric, value in (("psnr", psnr), ("ssim", ssim)):
            base = poster.POSTER["modl"][scenario][metric][0]
            printed = poster.POSTER[method][scenario][metric][0]
            assert base + printed == pytest.approx(value, abs=1e-9)


def test_the_settings_are_said():
    words = summary.table1_settings({0.05: block(attack_samples=2, n_samples=10)}, SCENARIOS)
    for said in (
        "6 slices of 5 test subjects",
        "seed 0",
        "sampling rate 0.25",
        "8 unrolling steps",
        "10 noise samples where smoothed; ",
        "10 steps of ε/3",
        "averaged over 2 fresh noise samples",
    ):
        assert said in words


def test_the_iterations_of_total_variation_are_no_unrolling_steps():
    tv = block(methods=("modl",)).assign(method="tv", n_steps=50)
    words = summary.table1_settings({0.05: pd.concat([block(), tv])}, SCENARIOS)
    assert "; 8 unrolling steps (TV: 50 iterations); " in words
    assert "TV" not in summary.table1_settings({0.05: block()}, SCENARIOS)


def test_records_of_different_slices_are_not_compared():
    frame = block(scenarios=SCENARIOS[:1])
    smug, modl = (frame[frame["method"] == name] for name in ("smug", "modl"))
    with pytest.raises(ValueError, match="must be of the same slices"):
        compare(smug, modl[:-1])
    with pytest.raises(ValueError, match="smug has several rows for one slice"):
        compare(pd.concat([smug, smug]), pd.concat([modl, modl]))
