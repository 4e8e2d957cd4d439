"""Table 1 is what the records say, and refuses what they do not hold."""

from __future__ import annotations

from dataclasses import asdict
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from smugbook import results
from smugbook.chapters.table1 import answer, gains, summary
from smugbook.chapters.table1.page import render_table1
from smugbook.results import Store
from smugbook.words import poster, verdicts
from smuglib import evaluation
from smuglib.evaluation import (
    Interval,
    Scenario,
    Score,
    compare,
    comparisons,
    scores,
    table_scenarios,
)
from smuglib.methods import METHODS

SCENARIOS = [s for s in table_scenarios() if s.name in ("clean", "noise", "transfer")]
GAINS = {"zero_filled": -5.0, "modl": 0.0, "rs_e2e": 1.0, "smug_v0": 2.0, "smug": 3.0}
COST = {"clean": 0.0, "noise": 1.0, "transfer": 8.0}


def record(method, scenario, index, sigma=0.05, **changes):
    """Return a row whose PSNR is 30, minus the scenario's cost, plus the method's gain there."""
    gain = GAINS[method] if scenario.name == "transfer" or method == "zero_filled" else 0.0
    attack = scenario.attack
    ascends = attack is not None and attack.kind == "pgd"
    values = {
        "method": method, "training_sigma": 0.0 if method == "zero_filled" else sigma,
        "placement": METHODS.get(method, "none"), "sigma": 0.0, "n_samples": 0, "n_steps": 8,
        "scenario": scenario.name, "rung": scenario.rung, "epsilon": scenario.epsilon,
        "domain": attack.domain if attack else "none", "norm": attack.norm if attack else "none",
        "attack_steps": attack.n_steps if attack and ascends else 0,
        "attack_restarts": attack.n_restarts if attack and ascends else 0, "attack_samples": 0,
        "attack_precision": "float32" if ascends else "none",
        "sampling_rate": 0.25, "consistency_rate": 0.25, "seed": 0, "split": "test",
        "subject": index % 5, "slice": index,
        "psnr": 30 - COST[scenario.name] + gain + 0.1 * index, "ssim": 0.9 + 0.001 * gain,
        "nmse": 0.01, "ssim_published": 0.95, "psnr_zero_filled": 24.0, "ssim_zero_filled": 0.7,
        "weights_sha256": f"{method} {sigma}", "commit": "abc", "versions": "", "device": "CPU",
    }  # fmt: skip
    return Score(**{**values, **changes})


def block(sigma=0.05, n_slices=6, methods=tuple(GAINS), scenarios=SCENARIOS, **changes):
    rows = [
        record(method, scenario, index, sigma, **changes)
        for method in methods
        for scenario in scenarios
        for index in range(n_slices)
    ]
    return pd.DataFrame([asdict(row) for row in rows])


def line(table, method, scenario, metric="psnr", sigma=0.05):
    chosen = table[
        (table["method"] == method)
        & (table["scenario"] == scenario)
        & (table["metric"] == metric)
        & (table["block"] == sigma)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


# --- from files -----------------------------------------------------------------------------------


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


# --- selection ------------------------------------------------------------------------------------


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
        summary.table({0.05: lacks}, SCENARIOS)


# --- the numbers ----------------------------------------------------------------------------------


def test_the_table_has_means_spreads_and_paired_differences():
    table = summary.table({0.05: block(), 0.01: block(0.01)}, SCENARIOS)
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
    assert len(table) == 2 * 2 * len(SCENARIOS) * len(GAINS)


def test_differences_are_to_modl_of_the_same_block():
    other = block(0.01).assign(psnr=lambda frame: frame["psnr"] + (frame["method"] == "modl"))
    table = summary.table({0.05: block(), 0.01: other}, SCENARIOS)
    assert line(table, "smug", "transfer", sigma=0.05)["difference"] == pytest.approx(3)
    assert line(table, "smug", "transfer", sigma=0.01)["difference"] == pytest.approx(2)


def test_methods_of_different_slices_are_refused():
    frame = block()
    uneven = frame[~((frame["method"] == "smug") & (frame["slice"] == 5))]
    with pytest.raises(ValueError, match="must be of the same slices"):
        summary.table({0.05: uneven}, SCENARIOS)


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
    words = summary.settings({0.05: block(attack_samples=2, n_samples=10)}, SCENARIOS)
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
    words = summary.settings({0.05: pd.concat([block(), tv])}, SCENARIOS)
    assert "; 8 unrolling steps (TV: 50 iterations); " in words
    assert "TV" not in summary.settings({0.05: block()}, SCENARIOS)


# --- the page -------------------------------------------------------------------------------------


class Cells(HTMLParser):
    """Collects the cells of every row, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.text = [], [], None

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        if tag == "tbody" and "tbody" in self.open:
            self.open.remove("tbody")  # its end tag may be left out
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.text = ""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.rows[-1].append(self.text)
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text += data


def page(blocks, columns, metric="psnr"):
    """Return the rows of the page's table, each a list of texts."""
    parser = Cells()
    parser.feed(
        render_table1(summary.table(blocks, columns), columns, metric=metric, label="Table <1>")
    )
    assert parser.open == []
    return parser.rows


def test_the_page_has_a_column_a_scenario_and_a_row_a_method():
    columns = [*SCENARIOS, *(s for s in table_scenarios() if s.name == "transfer_published")]
    frame = block(scenarios=SCENARIOS)
    published = frame[frame["scenario"] == "transfer"].assign(scenario="transfer_published")
    rows = page({0.05: pd.concat([frame, published])}, columns)
    assert rows[0][0] == "Method" and rows[0][2] == "random noiseσ\u00a0=\u00a01/2556 slices"
    heads = [row[0] for row in rows]
    assert heads.count("SMUG") == 2  # ours and the poster's
    ours = rows[heads.index("SMUG")]
    assert ours[1] == "30.25 ± 0.170.00\u00a0†[0.00,\u00a00.00]"
    assert ours[3] == "25.25 ± 0.17+3.00[+3.00,\u00a0+3.00]"
    assert rows[heads.index("MoDL")][1] == "30.25 ± 0.17"
    posters = rows[len(heads) - 1 - heads[::-1].index("SMUG")]
    assert posters[1:] == ["29.39 ± 3.06−0.34", "29.23 ± 2.98+0.53", "–", "26.78 ± 2.28+3.87"]
    similarity = page({0.05: frame}, SCENARIOS, "ssim")
    assert similarity[heads.index("SMUG")][3] == "0.903 ± 0.000+0.003[+0.003,\u00a0+0.003]"


def test_baselines_stand_once_above_the_blocks():
    tv = block(methods=("modl",)).assign(method="tv", psnr=-14.8)
    rows = page({0.05: pd.concat([block(), tv]), 0.01: block(0.01)}, SCENARIOS)
    heads = [row[0] for row in rows]
    assert heads[1:5] == [
        "Baselines: nothing trained, nothing smoothed", "Zero-filled", "Total variation (TV)",
        "Pre-trained and smoothed with σ = 0.05",
    ]  # fmt: skip
    assert heads.count("Zero-filled") == heads.count("Total variation (TV)") == 1
    assert rows[3][1] == "−14.80 ± 0.00"
    none = block(methods=("modl", "smug"))
    assert page({0.05: none}, SCENARIOS)[1][0] == "Pre-trained and smoothed with σ = 0.05"


def test_the_label_is_text_and_no_markup():
    columns = SCENARIOS[:1]
    table = summary.table({0.05: block(scenarios=columns)}, columns)
    assert 'aria-label="a &lt; b"' in render_table1(table, columns, metric="psnr", label="a < b")


@pytest.mark.parametrize(
    ("shift", "mark"),
    [(lambda i: 1.0, False), (lambda i: (-1) ** i, True), (lambda i: -1.0, False)],
)
def test_a_dagger_marks_intervals_that_hold_zero(shift, mark):
    frame = block(methods=("modl", "smug"), scenarios=SCENARIOS[:1])
    moved = [
        shift(i) if m == "smug" else 0 for m, i in zip(frame["method"], frame["slice"], strict=True)
    ]
    rows = page({0.05: frame.assign(psnr=frame["psnr"] + moved)}, SCENARIOS[:1])
    assert ("†" in "".join(rows[3])) == mark


# --- verdicts -------------------------------------------------------------------------------------


def test_losses_are_clean_minus_attacked_of_the_same_slices():
    losses = comparisons.fragility(block(), SCENARIOS, "modl")
    assert losses.keys() == {"noise", "transfer"}
    assert losses["transfer"] == pytest.approx((8, 8, 8))
    frame = block()
    fewer = frame[(frame["scenario"] != "transfer") | (frame["slice"] < 3)]
    assert comparisons.fragility(fewer, SCENARIOS, "smug")["transfer"] == pytest.approx((5, 5, 5))


def test_records_of_different_slices_are_not_compared():
    frame = block(scenarios=SCENARIOS[:1])
    smug, modl = (frame[frame["method"] == name] for name in ("smug", "modl"))
    with pytest.raises(ValueError, match="must be of the same slices"):
        compare(smug, modl[:-1])
    with pytest.raises(ValueError, match="smug has several rows for one slice"):
        compare(pd.concat([smug, smug]), pd.concat([modl, modl]))


# --- what it says ---------------------------------------------------------------------------------

WHOLE = ("modl", "rs_e2e", "smug_v0", "smug")


def uneven(seed=0):
    """Return a block whose differences vary from slice to slice and from subject to subject."""
    frame = block(methods=WHOLE, n_slices=11)
    noise = np.random.default_rng(seed).normal(size=len(frame))
    return frame.assign(psnr=frame["psnr"] + noise, norm="linf")


def test_one_difference_has_one_interval_in_table_ladder_and_prose():
    frame, transfer = uneven(), SCENARIOS[-1]
    row = line(summary.table({0.05: frame}, SCENARIOS), "smug", "transfer")
    interval = Interval(*row[["difference", "low", "high"]])
    written = verdicts.format_interval(interval, "")
    assert gains.gain(frame, transfer, "smug") == interval
    assert gains.gains({0.05: frame}, SCENARIOS).loc[(0.05, "SMUG"), "transfer attack"] == written
    ladder = gains.rungs({0.05: frame}, transfer.epsilon, 0.02)
    assert ladder.loc[(0.05, "transfer attack"), "SMUG"] == f"{row['mean']:.2f} ({written})"
    assert f"{verdicts.format_interval(interval)} under the transfer" in answer.answer(
        {0.05: frame}, SCENARIOS
    )


def test_the_ladder_is_of_one_strength_and_has_dashes_where_nothing_was_computed():
    frame = block()
    other = block(epsilon=0.008).assign(psnr=0.0)
    lacks = ~((frame["method"] == "smug") & (frame["scenario"] == "noise"))
    ladder = gains.rungs({0.05: pd.concat([frame[lacks], other])}, SCENARIOS[-1].epsilon, 0.02)
    assert ladder.index.get_level_values(1).tolist() == [
        "clean", "random noise, σ = ε", "transfer attack",
    ]  # fmt: skip
    assert list(ladder) == ["Zero-filled", "MoDL", "RS-E2E", "SMUGv0", "SMUG"]
    assert ladder.loc[(0.05, "random noise, σ = ε"), "SMUG"] == "–"
    assert ladder.loc[(0.05, "transfer attack"), "MoDL"] == "22.25"
    assert ladder.loc[(0.05, "transfer attack"), "Zero-filled"] == "17.25"


def test_gains_are_marked_where_they_hold_zero():
    table = gains.gains({0.05: block(), 0.01: block(0.01)}, SCENARIOS)
    assert table.loc[(0.01, "SMUGv0"), "transfer attack"] == "+2.00 [+2.00, +2.00]"
    assert table.loc[(0.05, "SMUG"), "clean"] == "0.00† [0.00, 0.00]"


def shifted(frame, **shifts):
    """Return records with the PSNR of methods moved."""
    return frame.assign(psnr=frame["psnr"] + frame["method"].map(shifts).fillna(0))


def test_the_answer_says_loss_price_gain_first_and_ranking():
    text = answer.answer({0.05: shifted(block(), smug=-1, smug_v0=-1, rs_e2e=-0.5)}, SCENARIOS)
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
    text = answer.answer({0.05: mixed}, SCENARIOS)
    assert "ranking, SMUG > SMUGv0 > RS-E2E > MoDL, is not decided" in text
    assert "SMUG (not told apart from SMUGv0)" in text or "SMUGv0 (not told apart" in text
    worse = answer.answer({0.05: mixed, 0.01: shifted(block(0.01), smug=-4)}, SCENARIOS)
    assert "ranking, SMUG > SMUGv0 > RS-E2E > MoDL, is contradicted" in worse
    assert (
        "At σ = 0.01 SMUGv0 and RS-E2E gain and SMUG loses under the transfer attack, and" in worse
    )
    assert "and no smoothed method is told apart from MoDL on clean scans.**" in worse
    calm_block = block().assign(psnr=30.0)
    calm = answer.answer({0.05: calm_block}, SCENARIOS)
    assert "**Whether MoDL is fragile is not decided.**" in calm
    attacked = calm_block["scenario"] == "transfer"
    helped = answer.answer({0.05: calm_block.assign(psnr=30.0 + attacked)}, SCENARIOS)
    assert "**MoDL does not lose everywhere.**" in helped
    assert answer.answer({0.05: block()}, SCENARIOS[:1]).count("- **") == 1


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
    text = answer.answer({0.05: pd.concat([clean, moved])}, [SCENARIOS[0], kspace])
    assert f"**Under the adaptive k-space attack (ℓ2) {verdict}" in text


def test_what_runs_away_is_told():
    tv = block(methods=("modl",)).assign(method="tv")
    tv.loc[tv["scenario"] == "noise", "psnr"] = -14.0
    text = answer.runaway(summary.table({0.05: pd.concat([block(), tv])}, SCENARIOS))
    assert "Under the random noise, the error of total variation (TV) is larger" in text
    assert answer.runaway(summary.table({0.05: block()}, SCENARIOS)) == ""
