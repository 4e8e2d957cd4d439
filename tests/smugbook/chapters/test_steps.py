"""Pages of the pipeline's steps: toys are called toys, and verdicts follow the numbers."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import torch

from smugbook import profiles
from smugbook.chapters.steps import finetuning, harm, points, pretraining, stability
from smugbook.chapters.steps.transfer import (
    compare_losses,
    describe_transfer,
    format_losses,
    own_attacks,
)
from smugbook.results import Store
from smugbook.tables.html import render_table
from smuglib.evaluation import Measurement
from smuglib.evaluation.records import read as read_rows
from smuglib.evaluation.records import read_provenance
from smuglib.evaluation.scores import read

SHIPPED = Store.open("default", "shipped")


def log(*values):
    return pd.DataFrame({"update": range(1, len(values) + 1), "validation_psnr": values})


def test_only_a_toy_is_called_one():
    note = points.toy_note(profiles.get("smoke").replace(updates=7), "[](13_table1)")
    assert "7 of fine-tuning" in note and "[](13_table1)" in note and "`smoke`" in note
    assert points.toy_note(profiles.get("default"), "") == ""


@pytest.mark.parametrize(
    ("values", "change", "word"),
    [
        ((1.0, 2.0, 3.0, 3.05), 0.05, "yes"),
        ((1.0, 2.0, 3.0, 3.2), 0.2, "no, still rising"),
        ((1.0, 2.0, 3.0, 2.0), -1.0, "no, falling"),
        ((13.0,), math.nan, "not known"),
    ],
)
def test_the_end_of_a_training_is_its_last_quarter(values, change, word):
    found = finetuning.late_change(log(*values))
    assert found == pytest.approx(change, nan_ok=True)
    table = finetuning.summarize_trainings({"modl": log(*values)}, 0.1)
    assert table["ended"].tolist() == [word]
    assert "MoDL" in finetuning.describe_trainings(table, 0.1)


@pytest.mark.parametrize(
    ("rises", "lead"),
    [
        ((0.0, 0.0), "All have been"),
        ((0.0, 0.5), "Not all have been"),
        ((0.4, 0.5), "No training has been"),
    ],
)
def test_the_verdict_on_trainings_counts_them(rises, lead):
    names = ("modl", "smug")
    logs = {name: log(1, 2, 3, 3 + rise) for name, rise in zip(names, rises, strict=True)}
    text = finetuning.describe_trainings(finetuning.summarize_trainings(logs, 0.1), 0.1)
    assert text.startswith(f"- **{lead}")


@pytest.fixture(scope="module")
def records():
    frame = read(SHIPPED.records("smug", 0.05))
    return frame[frame["seed"] == 0]


def test_losses_are_to_the_clean_scan_of_the_same_settings(records):
    found = points.summarize_points(records, records).set_index(["scenario", "setting"])
    means = records.groupby(["scenario", "sampling_rate"])["psnr"].mean()
    own = found.loc["rate_adaptive", "sampling rate 0.5"]
    assert own["loss"] == pytest.approx(means["rate_clean", 0.5] - means["rate_adaptive", 0.5])
    swept = found.loc["rate_clean", "sampling rate 0.5"]
    assert swept["loss"] == pytest.approx(means["clean", 0.25] - means["rate_clean", 0.5])
    assert math.isnan(found.loc[("clean", "–"), "loss"])


def test_points_are_written_in_words(records):
    some = records[records["scenario"].isin(["clean", "adaptive_image", "adaptive_kspace_l2"])]
    found = points.summarize_points(records, some)
    html = render_table(points.format_points(found))
    assert "adaptive attack" in html and "2\u00a0%\u00a0of\u00a0‖y‖₂" in html and "±" in html
    verdict = points.describe_dearest(found, "Of these")
    assert verdict.startswith("**Of these, the adaptive attack (ε\u00a0=\u00a01/255) costs most**")
    assert "1/255" in points.describe_costs("It", found, "adaptive_image")
    assert points.describe_costs("It", found, "noise") == ""


def test_without_clean_records_nothing_is_lost(records):
    some = records[records["scenario"] == "adaptive_image"]
    found = points.summarize_points(some, some)
    assert found["loss"].isna().all() and points.describe_dearest(found, "Of these") == ""
    assert points.format_points(found)["loss (dB)"].tolist() == ["–"]


class Shrink(torch.nn.Module):
    def forward(self, x):
        return 0.9 * x


def test_a_denoiser_is_judged_by_its_gain():
    image = torch.ones(1, 16, 16, dtype=torch.complex64)
    table = pretraining.by_level(Shrink(), [image], 0.5, 0)
    assert list(table.index) == list(pretraining.STRENGTHS)
    assert math.isinf(table["noisy"].iloc[0]) and table["sigma"].iloc[3] == 0.5
    text = pretraining.describe_denoiser(table, "This one")
    assert text.startswith("**This one helps at") and "does harm at zero noise" in text
    harmful = pretraining.describe_denoiser(table.assign(gain=-1.0), "This one")
    assert "does harm at all strengths" in harmful
    with pytest.raises(ValueError, match="at least one"):
        pretraining.by_level(Shrink(), [], 0.5, 0)


@pytest.mark.parametrize("method", ["modl", "smug"])
def test_the_harm_of_shipped_networks_is_in_words(method):
    frame = read_rows(SHIPPED.measurements("harm", method, 0.05), Measurement)
    table = render_table(harm.at_first_lesion(frame))
    assert "erasing k-space attack" in table and "_" not in table
    assert "opposite" in harm.lesions_verdict(frame)
    spread = harm.spread_verdict(frame)
    assert "no spread" in spread if method == "modl" else "rank correlation" in spread
    alone = frame[frame["subject"] == frame["subject"].iloc[0]]
    assert "is open" in harm.lesions_verdict(alone)


@pytest.mark.parametrize("method", ["modl", "smug"])
def test_the_stability_of_shipped_networks_is_in_words(method):
    frame = read_rows(SHIPPED.measurements("stability", method, 0.05), Measurement)
    table = stability.format_quantities(frame)
    assert list(table.index) == list(stability.QUANTITIES.values())
    text = stability.describe_stability(frame, 8)
    assert "up to about" in text and "from below" in text and "at most" not in text
    bound = "not evaluated here" if method == "modl" else "says little"
    assert bound in text
    small = frame[(frame["quantity"] == "change") & (frame["scenario"] == "image")]
    share = small[small["index"] < 5].groupby("slice")["value"].sum().mean()
    assert f"{share:.0f}\u00a0%" in text


def transfer(psnr):
    """Rows of four slices of two subjects, by method."""
    places = {"split": "test", "subject": [0, 0, 1, 1], "slice": range(4), "seed": 0}
    noise = np.array([0.0, 0.1, 0.2, 0.3])
    return pd.concat(
        [pd.DataFrame({**places, "method": name, "psnr": value + noise}) for name, value in psnr]
    )


def test_a_transfer_is_judged_by_losses():
    clean = transfer([("modl", 36.0), ("rs_e2e", 31.0), ("smug", 33.0)])
    attacked = transfer([("modl", 30.0), ("rs_e2e", 31.0), ("smug", 29.0)])
    own = {"modl": transfer([("modl", 32.0)])}
    table = compare_losses(clean, attacked, "smug", own)
    assert [loss.mean for loss in table["loss"]] == pytest.approx([6.0, 0.0, 4.0])
    text = describe_transfer(table, "smug")
    assert "harms MoDL too, and no other" in text
    assert "More than SMUG:** MoDL +2.00\u00a0dB" in text and "Less than SMUG:** RS-E2E" in text
    assert "harms MoDL more than the own attack" in text
    assert "own attack (dB)" in format_losses(table)
    alone = compare_losses(clean, attacked, "smug", {})
    assert "own attack (dB)" not in format_losses(alone)
    assert "Not known here" in describe_transfer(alone, "smug")
    one, other = (frame[frame["subject"] == 0] for frame in (clean, attacked))
    single = describe_transfer(compare_losses(one, other, "smug", {}), "smug")
    assert single.startswith("- **One subject gives no interval") and "\n" not in single


def test_own_attacks_are_those_with_the_same_settings():
    path = SHIPPED.measurements("transfer", "smug", 0.05)
    settings = read_provenance(path)["settings"]
    found = own_attacks((SHIPPED,), 0.05, settings)
    assert set(found) == {"modl", "rs_e2e", "smug_v0", "smug"}
    assert set(found["modl"]["method"]) == {"modl"}
    assert not own_attacks((SHIPPED,), 0.05, {**settings, "epsilon": 1.0})
