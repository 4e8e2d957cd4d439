"""A departure matters for SMUG's gain by how it moves SMUG against MoDL, and not otherwise."""

import math

import pandas as pd
import pytest

from smugbook.chapters.published_code import gain
from smugbook.chapters.published_code.names import (
    LABELS,
    PHRASES,
    departure_label,
    departure_labels,
    departure_phrase,
)
from smugbook.experiments import departures, effects, sweeps
from smugbook.results import Store
from tests.smugbook.experiments.test_effects import CLEAN, leave


def scored(method, *values, scenario="transfer", seed=0):
    """Records of one method, a slice and subject each."""
    common = {"method": method, "training_sigma": 0.05, "scenario": scenario, "epsilon": 0.1}
    common |= {"split": "test", "seed": seed}
    return pd.DataFrame(
        {**common, "slice": k, "subject": k, "psnr": value} for k, value in enumerate(values)
    )


PLAIN = pd.concat([scored("smug", 20.0, 21.0), scored("modl", 17.0, 19.0)])


def test_what_moves_both_alike_leaves_the_gain():
    changed = pd.concat([scored("smug", 15.0, 16.0, seed=1), scored("modl", 12.0, 14.0, seed=1)])
    (line,) = gain.gain_change(changed, PLAIN, "mask=0.5").itertuples()
    assert (line.method, line.mean, line.low, line.high) == ("both", 0, 0, 0)
    assert (line.scenario, line.n_slices, line.n_subjects) == ("transfer", 2, 2)


@pytest.mark.parametrize(("method", "mean"), [("smug", 1.5), ("modl", -1.5)])
def test_what_moves_one_moves_the_gain(method, mean):
    own = PLAIN[PLAIN["method"] == method]
    changed = own.assign(psnr=own["psnr"] + [1.0, 2.0])
    (line,) = gain.gain_change(changed, PLAIN, "cut").itertuples()
    assert (line.method, line.mean) == (method, mean)


def test_what_concerns_neither_is_left_out():
    assert gain.gain_change(scored("rs_e2e", 1.0, 2.0), PLAIN, "start_only").empty
    assert gain.gain_change(PLAIN.assign(training_sigma=0.01), PLAIN, "cut").empty


def test_slices_that_one_side_lacks_are_refused():
    with pytest.raises(ValueError, match="must be of the same slices"):
        gain.gain_change(scored("smug", 1.0, 2.0, 3.0), PLAIN, "cut")


def test_summaries_and_trainings_can_be_of_the_gain(tmp_path):
    second = PLAIN.assign(psnr=PLAIN["psnr"] - 1, scenario="transfer seed=1")
    (line,) = effects.summarize_effects(pd.concat([PLAIN, second]), gain.gain_change).itertuples()
    assert (line.departure, line.method, line.mean) == ("seed=1", "both", 0)
    leave(tmp_path, 30.0)
    leave(tmp_path / "variants" / "reference=denoised", 28.0, -1.5)
    options = Store(tmp_path), "reference", [CLEAN], None, gain.gain_change
    (line,) = effects.compare_trainings(*options).itertuples()
    assert (line.method, line.mean) == ("smug", pytest.approx(-1.5))


def row(departure, mean, half=0.1):
    return (departure, "both", 0.05, "transfer", mean, mean - half, mean + half, 2, 2)


FOUND = pd.DataFrame(
    [row("cut", 0.2), row("once", 0.45), row("pretrained=False,updates=600", 5.0)]
    + [row("pretrained=False", 3.0), row("beyond", -4.0), row("around", -2.0, 3.0)]
    + [row("seed=1", math.nan)],
    columns=effects.SUMMARY,
)


def test_departures_are_sorted_by_their_intervals():
    assert gain.sort_departures(FOUND, 0.5) == {
        "moves": ["pretrained", "beyond"],
        "keeps": ["cut"],
        "open": ["around", "once", "seed"],
    }
    assert gain.sort_departures(FOUND.iloc[:0], 0.5) == {"moves": [], "keeps": [], "open": []}


def test_full_trainings_are_told_before_shorter_ones():
    told = gain.describe_change(gain.by_kind(FOUND)["pretrained"].iloc[0])
    assert told == (
        "a MoDL that was not pre-trained: +3.00\u00a0dB [+2.90, +3.10] at σ\u00a0=\u00a00.05"
    )


def test_changes_of_the_gain_in_words_start_with_the_largest():
    text = gain.format_gain_changes(FOUND)
    assert text["departure"].tolist()[:3] == [
        "from scratch, 600 updates",
        "beyond a measurement",
        "from scratch",
    ]
    assert text["change of the gain (dB)"][1] == "−4.00 [−4.10, −3.90]"


# --- words ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mask=0.5", "old mask, scan at 2x"),
        ("mask=0.125", "old mask, scan at 8x"),
        ("steps=16", "16 steps asked, not run"),
        ("steps=1", "1 step asked, not run"),
        ("seed=1", "seed 1 instead of 0"),
        ("jitter=0.02", "jitter 0.02"),
        ("pretrained=False,updates=600", "from scratch"),
        ("learning_rate=0.0001,reference=denoised,updates=600", "denoised target"),
    ],
)
def test_departures_with_a_value_follow_a_rule(name, text):
    assert departure_label(name) == text


def test_every_departure_has_a_short_name_and_a_phrase():
    names = [*departures.DEPARTURES, *LABELS]
    names += [f"steps={count}" for count in sweeps.UNROLLING_STEPS]
    names += [f"mask={rate}" for rate in sweeps.SAMPLING_RATES]
    for name in names:
        assert len(departure_label(name)) <= 25
        assert departure_phrase(name) in PHRASES.values()
    with pytest.raises(ValueError, match="departure must be one of"):
        departure_label("updates=600")


def test_labels_of_one_table_differ():
    names = ["pretrained=False", "pretrained=False,updates=600", "jitter=0.1,updates=6", "cut"]
    assert departure_labels([*names, "cut"]) == {
        "pretrained=False": "from scratch",
        "pretrained=False,updates=600": "from scratch, 600 updates",
        "jitter=0.1,updates=6": "jitter 0.1",
        "cut": "gradient cut",
    }


def test_a_shorter_training_is_named_in_sentences():
    assert departure_phrase("learning_rate=0.0001,reference=denoised,updates=600") == (
        "the denoised target, as reference instead of the label (600 updates)"
    )
