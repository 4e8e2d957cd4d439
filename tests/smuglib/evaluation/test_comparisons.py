"""Comparisons of records: known answers of means, pairs and tables, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from smuglib.evaluation import averages, compare, compare_methods
from smuglib.evaluation.bootstrap import bootstrap
from smuglib.evaluation.comparisons import intervals, paired_differences, with_partner
from tests.smugbook.tables.test_studies import measurements


def table(values, *, method, sigma=0.05, placement="none", scenario="clean", seed=0, split="test"):
    """One row a value; two slices a subject."""
    return pd.DataFrame(
        {
            "method": method,
            "training_sigma": sigma,
            "placement": placement,
            "scenario": scenario,
            "epsilon": 0.0,
            "sampling_rate": 0.25,
            "split": split,
            "subject": np.arange(len(values)) // 2,
            "slice": np.arange(len(values)),
            "seed": seed,
            "psnr": np.asarray(values, dtype=float),
            "ssim": np.asarray(values, dtype=float) / 40,
        }
    )


def rows(values, subjects, scenario="clean"):
    return pd.DataFrame(
        {"split": "test", "subject": subjects, "scenario": scenario, "method": "m", "v": values}
    )


def test_averages_known_answer():
    table = averages(
        pd.concat([rows([1, 1, 3, 3], [0, 0, 1, 1]), rows([-3.0, 4.0], [0, 0], "attacked")]), "v"
    )
    assert table.loc[("clean", "m")].tolist() == [
        2,
        *bootstrap([1, 3], [0, 1])[1:],
        4,
        2,
    ]
    assert table.loc[("clean", "m"), "low"] == 1 and table.loc[("clean", "m"), "high"] == 3
    one = table.loc[("attacked", "m")]
    assert one["mean"] == 0.5 and np.isnan(one["low"]) and np.isnan(one["high"])
    assert table.index.tolist() == [("clean", "m"), ("attacked", "m")]
    square = averages(rows([-3.0, 4.0], [0, 1]), "v", root_mean_square=True).iloc[0]
    assert square["mean"] == pytest.approx(math.sqrt(12.5))
    assert (square["low"], square["high"]) == (3, 4)
    with pytest.raises(ValueError, match="must name columns of"):
        averages(rows([1.0], [0]), "w")


def test_pairs_known_answer():
    frame = measurements().sample(frac=1, random_state=0)
    assert paired_differences(frame, "method", "smug", "modl")["value"].tolist() == [1, 1, 1]
    quotients = paired_differences(frame, "method", "smug", "modl", ratio=True).sort_values("slice")
    assert quotients["value"].tolist() == [2, 1.5, 4 / 3]
    assert set(quotients["method"]) == {"smug"}
    for broken, message in (
        (frame[frame["slice"] + (frame["method"] == "smug") > 0], "got 3 of smug and 2 of modl"),
        (pd.concat([frame, frame]), "smug has several rows for one slice, .* slice 2"),
    ):
        with pytest.raises(ValueError, match=message):
            paired_differences(broken, "method", "smug", "modl")


def test_one_column_names_groups_plainly():
    assert averages(measurements(), by=["method"]).index.tolist() == ["modl", "smug"]


def test_table_known_answer():
    modl, smug = [30, 32, 28, 30], [31, 33, 31, 33]
    records = pd.concat(
        [
            table(modl, method="modl"),
            # The order of rows must not matter.
            table(smug, method="smug", placement="denoiser").iloc[::-1],
            table([20, 20, 20, 20], method="modl", scenario="attack"),
        ]
    )
    lines = compare_methods(records).set_index(["scenario", "method"])
    assert len(lines) == 3
    smug_line = lines.loc[("clean", "smug")]
    assert smug_line["mean"] == 32
    assert smug_line["std"] == 1
    assert tuple(smug_line[["difference", "low", "high"]]) == (2, 1, 3)
    assert smug_line["n_slices"] == 4
    assert smug_line["n_subjects"] == 2
    assert tuple(lines.loc[("attack", "modl"), ["difference", "low", "high"]]) == (0, 0, 0)
    ssim = compare_methods(records, "ssim").set_index(["scenario", "method"])
    assert ssim.loc[("clean", "smug"), "difference"] == pytest.approx(2 / 40)


def test_table_compares_with_the_reference_of_the_same_training_noise():
    records = pd.concat(
        [
            table([30, 30, 30, 30], method="modl", sigma=0.05),
            table([31, 31, 31, 31], method="modl", sigma=0.01),
            table([33, 33, 33, 33], method="smug", sigma=0.05),
            table([33, 33, 33, 33], method="smug", sigma=0.01),
        ]
    )
    lines = compare_methods(records).set_index(["method", "training_sigma"])["difference"]
    assert lines["smug", 0.05] == 3
    assert lines["smug", 0.01] == 2
    lines = compare_methods(records, reference_sigma=0.05).set_index(["method", "training_sigma"])
    assert lines.loc[("smug", 0.01), "difference"] == 3
    assert lines.loc[("modl", 0.01), "difference"] == 1
    with pytest.raises(ValueError, match="give reference_sigma"):
        compare_methods(pd.concat([records, table([20] * 4, method="zero_filled", sigma=0.0)]))


def test_table_of_one_subject_has_no_interval():
    records = pd.concat([table([30, 31], method="modl"), table([31, 31], method="smug")])
    line = compare_methods(records).set_index("method").loc["smug"]
    assert line["difference"] == 0.5
    assert np.isnan(line["low"])
    assert np.isnan(line["high"])


def test_table_tells_subjects_of_two_splits_apart():
    parts = [
        table([30, 30], method=method, split=split)
        for method in ("modl", "smug")
        for split in ("val", "test")
    ]
    assert (compare_methods(pd.concat(parts))["n_subjects"] == 2).all()


def test_table_refuses():
    modl, smug = table([30, 31, 32], method="modl"), table([30, 31, 32], method="smug")
    with pytest.raises(ValueError, match="must name columns of"):
        compare_methods(modl, "speed")
    with pytest.raises(ValueError, match="reference 'modl' for .* got 0"):
        compare_methods(smug)
    message = "same slices, one row each: got 2 of smug and 3 of modl; no partner has .* slice 2"
    with pytest.raises(ValueError, match=message):
        compare_methods(pd.concat([modl, smug.iloc[:2]]))
    with pytest.raises(ValueError, match="modl has several rows for one slice, split test"):
        compare_methods(pd.concat([modl, modl]))


def test_one_estimator_behind_all_of_them():
    rng = np.random.default_rng(0)
    modl, smug = (table(rng.normal(size=9), method=method) for method in ("modl", "smug"))
    change = compare(smug, modl.sample(frac=1, random_state=1))
    assert change == bootstrap(smug["psnr"] - modl["psnr"], smug["subject"])
    both = pd.concat([smug, modl])
    line = compare_methods(both).set_index("method").loc["smug"]
    assert tuple(line[["difference", "low", "high"]]) == change
    columns = ["method", "split", "subject", "slice", "psnr"]
    rows = paired_differences(both[columns], "method", "smug", "modl", "psnr")
    assert intervals(averages(rows, "psnr", by=["method"])) == {"smug": change}
    assert compare(smug, modl, level=0.5).low > change.low


def test_rows_without_a_partner_can_be_left_out():
    modl, smug = table([1.0, 2.0, 3.0], method="modl"), table([5.0, 5.0], method="smug")
    assert with_partner(modl, smug).equals(modl[:2])
    assert with_partner(modl, smug.assign(seed=1)).empty
