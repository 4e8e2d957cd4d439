"""The first page's conclusions turn with the records."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.chapters import intro

NAMES = ("clean", "noise", *intro.ON_IMAGES, *intro.ON_SAMPLES)
USUAL = {"clean": -1.0, "noise": 0.0} | dict.fromkeys(intro.ON_IMAGES, 3.0)


def summary(*, smug=0.0, **gains):
    """A summary of two training noises; SMUG has a little more than the others."""
    lines = [
        {
            "training_sigma": sigma, "method": method, "scenario": name, "mean": 30.0,
            "difference": value, "low": value - 0.2, "high": value + 0.2,
        }
        for sigma in (0.05, 0.01)
        for name in NAMES
        for method, own in (("modl", 0.0), ("rs_e2e", 0.1), ("smug_v0", 0.2), ("smug", smug))
        for value in [own + {**USUAL, **gains}.get(name, 0.0) if method != "modl" else 0.0]
    ]  # fmt: skip
    return pd.DataFrame(lines)


def lead(text):
    return text.split("**")[1]


def test_the_table_has_a_row_a_scenario_and_sigma():
    rows = summary()
    rows = rows[(rows["scenario"] != "noise") & ((rows["method"] != "smug") | (rows["mean"] < 0))]
    shown = intro.tabulate_gains(
        pd.concat([rows, summary().query("method == 'smug'").head(1)]), [0.05]
    )
    assert shown.columns.tolist() == [
        "scenario", "sigma", "MoDL", "SMUG − MoDL", "SMUGv0 − MoDL", "RS-E2E − MoDL",
    ]  # fmt: skip
    assert shown.iloc[0].tolist() == [
        "clean", 0.05, "30.00", "−1.00 [−1.20, −0.80]", "−0.80 [−1.00, −0.60]",
        "−0.90 [−1.10, −0.70]",
    ]  # fmt: skip
    assert len(shown) == len(NAMES) - 1 and shown.iloc[1, 3] == "–"


@pytest.mark.parametrize(("smug", "where"), [(0.0, "nowhere"), (0.5, "everywhere")])
def test_leaders(smug, where):
    said = intro.conclude_leader(summary(smug=smug), [0.05, 0.01])
    assert f"SMUG is {where} the best" in lead(said) and "of 10 pairs" in said
    assert f"SMUG in {10 if smug else 'none'}" in said
    order = "SMUGv0 +3.20, RS-E2E +3.10, SMUG +3.00 dB at σ = 0.01"
    assert (order in said) == (not smug)


def test_some_wins_are_counted():
    rows = summary()
    chosen = (rows["method"] == "smug") & (rows["scenario"] == "transfer")
    rows.loc[chosen, "difference"] = 9.0
    assert "SMUG is in 2 of 10 cases the best" in intro.conclude_leader(rows, [0.05, 0.01])


@pytest.mark.parametrize(
    ("clean", "noise", "words", "word"),
    [(-1, 1, "All of them pay", "better"), (1, -1, "None of them pays", "worse")]
    + [(-0.15, 0, "Some of them pay", "not told apart")],
)
def test_price(clean, noise, words, word):
    said = intro.conclude_price(summary(clean=clean, noise=noise), [0.05])
    assert lead(said).startswith(words) and f"SMUG is {word} at σ = 0.05" in said


@pytest.mark.parametrize(
    ("gain", "words"),
    [(1.0, "less than half"), (2.0, "is smaller"), (4.0, "no smaller")],
)
def test_samples(gain, words):
    said = intro.conclude_samples(summary(**dict.fromkeys(intro.ON_SAMPLES, gain)), [0.05, 0.01])
    assert words in lead(said) and "+3.00 to +3.20 dB under attacks on the image" in said


def test_where_nothing_gains_on_images_nothing_is_smaller():
    none = dict.fromkeys(intro.ON_IMAGES, -1.0)
    assert "no smaller" in lead(intro.conclude_samples(summary(**none), [0.05]))
