"""The answer of table 1 follows the records."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.chapters.table1 import answer, summary
from smuglib.evaluation import table_scenarios
from tests.table1 import SCENARIOS, WHOLE, block


def shifted(frame, **shifts):
    """Return records with the PSNR of methods moved."""
    return frame.assign(psnr=frame["psnr"] + frame["method"].map(shifts).fillna(0))


def test_the_answer_says_loss_price_gain_first_and_ranking():
    text = answer.answer_table1(
        {0.05: shifted(block(), smug=-1, smug_v0=-1, rs_e2e=-0.5)}, SCENARIOS
    )
    assert (
        "**MoDL is fragile.** What the transfer attack takes from its clean PSNR: 8.00\u00a0dB"
        in text
    )
    assert "**At σ = 0.05 all smoothed methods gain under the transfer attack, and lose on" in text
    assert (
        "SMUG against MoDL: +2.00\u00a0dB [+2.00, +2.00] under the transfer attack, −1.00\u00a0dB"
        in text
    )
    assert "(poster, clean: −0.34 dB); largest under the attack: SMUG, +2.00\u00a0dB" in text
    assert "**SMUG is first under the attacks.** At σ = 0.05, SMUG under the transfer" in text
    assert (
        "**The poster's ranking, SMUG > SMUGv0 > RS-E2E > MoDL, holds.** It is contradicted "
        in text
    )
    assert "in 0 of 1 cases" in text and text.count("\n- ") == 3


def test_the_answer_follows_the_records():
    frame = block()
    is_smug = frame["method"] == "smug"
    mixed = frame.assign(psnr=frame["psnr"] - is_smug * (1 + 3 * (-1.0) ** frame["slice"]))
    text = answer.answer_table1({0.05: mixed}, SCENARIOS)
    assert "ranking, SMUG > SMUGv0 > RS-E2E > MoDL, is not decided" in text
    assert "SMUG (not told apart from SMUGv0)" in text or "SMUGv0 (not told apart" in text
    worse = answer.answer_table1({0.05: mixed, 0.01: shifted(block(0.01), smug=-4)}, SCENARIOS)
    assert "ranking, SMUG > SMUGv0 > RS-E2E > MoDL, is contradicted" in worse
    assert (
        "At σ = 0.01 SMUGv0 and RS-E2E gain and SMUG loses under the transfer attack, and" in worse
    )
    assert "and no smoothed method is told apart from MoDL on clean scans.**" in worse
    calm_block = block().assign(psnr=30.0)
    calm = answer.answer_table1({0.05: calm_block}, SCENARIOS)
    assert "**Whether MoDL is fragile is not decided.**" in calm
    attacked = calm_block["scenario"] == "transfer"
    helped = answer.answer_table1({0.05: calm_block.assign(psnr=30.0 + attacked)}, SCENARIOS)
    assert "**MoDL does not lose everywhere.**" in helped
    assert answer.answer_table1({0.05: block()}, SCENARIOS[:1]).count("- **") == 1


@pytest.mark.parametrize(
    ("shifts", "verdict"),
    [
        ({}, "smoothing gains.** Compared with MoDL, gains: 3, losses: 0, not told apart: 0"),
        ({"smug": -3.0}, "some smoothed methods gain, and none loses.**"),
        ({"smug": -4.0}, "some smoothed methods gain and some lose.**"),
        (
            {"modl": 9.0},
            "no gain is told apart from zero.** Compared with MoDL, gains: 0, losses: 3",
        ),
    ],
)
def test_the_k_space_attack_has_a_verdict_of_its_own(shifts, verdict):
    kspace = next(s for s in table_scenarios() if s.name == "adaptive_kspace_l2")
    transfer = block(methods=WHOLE, scenarios=SCENARIOS[-1:])
    moved = shifted(transfer, **shifts).assign(
        scenario=kspace.name, epsilon=kspace.epsilon, domain="kspace", norm="l2",
        attack_samples=kspace.attack.n_samples or 0, attack_steps=kspace.attack.n_steps,
    )  # fmt: skip
    clean = block(methods=WHOLE, scenarios=SCENARIOS[:1])
    text = answer.answer_table1({0.05: pd.concat([clean, moved])}, [SCENARIOS[0], kspace])
    assert f"**Under the adaptive k-space attack (ℓ2) {verdict}" in text


def test_what_runs_away_is_told():
    tv = block(methods=("modl",)).assign(method="tv")
    tv.loc[tv["scenario"] == "noise", "psnr"] = -14.0
    text = answer.describe_runaway(
        summary.table1_summary({0.05: pd.concat([block(), tv])}, SCENARIOS)
    )
    assert "Under the random noise, the error of total variation (TV) is larger" in text
    assert answer.describe_runaway(summary.table1_summary({0.05: block()}, SCENARIOS)) == ""
