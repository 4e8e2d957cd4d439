"""Gains of table 1, and its ladder."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smugbook.chapters.table1 import answer, gains, summary
from smugbook.words import verdicts
from smuglib.evaluation import Interval
from tests.table1 import SCENARIOS, WHOLE, block, line


def uneven(seed=0):
    """Return a block whose differences vary from slice to slice and from subject to subject."""
    frame = block(methods=WHOLE, n_slices=11)
    noise = np.random.default_rng(seed).normal(size=len(frame))
    return frame.assign(psnr=frame["psnr"] + noise, norm="linf")


def test_one_difference_has_one_interval_in_table_ladder_and_prose():
    frame, transfer = uneven(), SCENARIOS[-1]
    row = line(summary.table1_summary({0.05: frame}, SCENARIOS), "smug", "transfer")
    interval = Interval(*row[["difference", "low", "high"]])
    written = verdicts.format_interval(interval, "")
    assert gains.gain(frame, transfer, "smug") == interval
    assert (
        gains.format_gains({0.05: frame}, SCENARIOS).loc[(0.05, "SMUG"), "transfer attack"]
        == written
    )
    ladder = gains.format_rungs({0.05: frame}, transfer.epsilon, 0.02)
    assert ladder.loc[(0.05, "transfer attack"), "SMUG"] == f"{row['mean']:.2f} ({written})"
    assert f"{verdicts.format_interval(interval)} under the transfer" in answer.answer_table1(
        {0.05: frame}, SCENARIOS
    )


def test_the_ladder_is_of_one_strength_and_has_dashes_where_nothing_was_computed():
    frame = block()
    other = block(epsilon=0.008).assign(psnr=0.0)
    lacks = ~((frame["method"] == "smug") & (frame["scenario"] == "noise"))
    ladder = gains.format_rungs(
        {0.05: pd.concat([frame[lacks], other])}, SCENARIOS[-1].epsilon, 0.02
    )
    assert ladder.index.get_level_values(1).tolist() == [
        "clean", "random noise, σ = ε", "transfer attack",
    ]  # fmt: skip
    assert list(ladder) == ["Zero-filled", "MoDL", "RS-E2E", "SMUGv0", "SMUG"]
    assert ladder.loc[(0.05, "random noise, σ = ε"), "SMUG"] == "–"
    assert ladder.loc[(0.05, "transfer attack"), "MoDL"] == "22.25"
    assert ladder.loc[(0.05, "transfer attack"), "Zero-filled"] == "17.25"


def test_gains_are_marked_where_they_hold_zero():
    table = gains.format_gains({0.05: block(), 0.01: block(0.01)}, SCENARIOS)
    assert table.loc[(0.01, "SMUGv0"), "transfer attack"] == "+2.00 [+2.00, +2.00]"
    assert table.loc[(0.05, "SMUG"), "clean"] == "0.00† [0.00, 0.00]"


def test_losses_are_clean_minus_attacked_of_the_same_slices():
    losses = gains.fragility(block(), SCENARIOS, "modl")
    assert losses.keys() == {"noise", "transfer"}
    assert losses["transfer"] == pytest.approx((8, 8, 8))
    frame = block()
    fewer = frame[(frame["scenario"] != "transfer") | (frame["slice"] < 3)]
    assert gains.fragility(fewer, SCENARIOS, "smug")["transfer"] == pytest.approx((5, 5, 5))
