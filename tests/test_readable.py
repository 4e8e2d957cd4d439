"""Pages speak in words, with minus signs and units; nothing is lost but digits."""

import math

import numpy as np
import pandas as pd
import pytest

from smuglib import readable, sweeps
from smuglib.readable import NO_BREAK
from smuglib.scenarios import table_scenarios


@pytest.mark.parametrize(
    ("value", "text"),
    [(-2.675, "−2.67"), (0.004, "0.00"), (-0.004, "0.00"), (3, "3.00"), (math.nan, "–")]
    + [(math.inf, "∞"), (-math.inf, "−∞")],
)
def test_numbers(value, text):
    assert readable.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.2e23, "4.2 × 10²³"), (2e-24, "2.0 × 10⁻²⁴"), (5.0, "5.0"), (-30.0, "−3.0 × 10¹"), (0, "0")],
)
def test_powers(value, text):
    assert readable.power(value) == text.replace(" ", NO_BREAK)


def test_percentages():
    assert readable.percent(0.25) == f"25{NO_BREAK}%"
    assert readable.percent(-0.0118, 2) == f"−1.18{NO_BREAK}%"


@pytest.mark.parametrize(
    ("epsilon", "domain", "text"),
    [(1 / 255, "image", "1/255"), (0.5 / 255, "image", "0.5/255"), (0.008, "image", "0.008")]
    + [(0.02, "kspace", "2 % of ‖y‖₂"), (0.005, "kspace", "0.5 % of ‖y‖₂")],
)
def test_strengths(epsilon, domain, text):
    assert readable.strength(epsilon, domain) == text.replace(" ", NO_BREAK)


def test_a_table_of_records_is_in_words():
    frame = pd.DataFrame(
        {
            "method": ["smug", "rs_e2e"],
            "training_sigma": [0.05, 0.01],
            "scenario": ["strength_transfer", "kspace_random"],
            "epsilon": [1 / 255, 0.02],
            "domain": ["image", "kspace"],
            "slice": [1, 2],
            "psnr_recorded": [22.125, -1.0],
            "broken": np.array([True, False]),
            "note": ["3 (+0.1 [+0.2, +0.4])", None],
        }
    )
    shown = readable.table(frame, {"psnr_recorded": 1})
    assert shown.columns.name == "method" and shown.index.tolist() == ["SMUG", "RS-E2E"]
    assert shown.iloc[0].tolist() == [
        "0.05", "transfer attack", "1/255", "image", "1", "22.1", "yes",
        "3 (+0.1 [+0.2, +0.4])",
    ]  # fmt: skip
    assert shown.iloc[1, [2, 5, 6, 7]].tolist() == [
        f"2{NO_BREAK}%{NO_BREAK}of{NO_BREAK}‖y‖₂",
        "−1.0",
    ] + ["no", "–"]
    assert frame["psnr_recorded"].tolist() == [22.125, -1.0]


def test_heads_of_rows_and_columns_keep_their_digits():
    index = pd.Index([0.125, -0.5], name="sampling_rate")
    columns = pd.Index(["modl", "smug"], name="method")
    shown = readable.table(pd.DataFrame(np.zeros((2, 2)), index=index, columns=columns))
    assert shown.index.tolist() == ["0.125", "−0.5"] and shown.columns.tolist() == ["MoDL", "SMUG"]
    assert shown.columns.name == "sampling rate"
    several = pd.MultiIndex.from_tuples([("smug", 0.05)], names=["method", "epsilon"])
    shown = readable.table(pd.DataFrame([[1]], index=several, columns=["n_steps"]))
    assert shown.index.tolist() == [("SMUG", "0.05")] and list(shown.index.names) == ["method", "ε"]
    assert shown.columns.tolist() == ["unrolling steps"]


def test_intervals_stay_whole_and_differences_have_their_own_line():
    cells = ["33.71 (+0.08 [+0.01, +0.16])", "0.93 [0.91, 0.95]", "a < b (c, d)"]
    found = readable.html(pd.DataFrame({"x": cells, "y": [1.0, 2.0, 3.0]}, index=["a", "b", "c"]))
    found = found.replace(NO_BREAK, "_")
    assert "<td>33.71<br><small>+0.08 [+0.01,_+0.16]</small></td>" in found
    assert "<td>0.93 <small>[0.91,_0.95]</small></td>" in found
    assert "<td>a &lt; b (c, d)</td>" in found and "<td>2.00</td>" in found


def test_every_scenario_has_a_name():
    known = readable.VALUE_LABELS["scenario"]
    named = [one.name for one in table_scenarios()]
    named += [one.name for sweep in sweeps.AXES for one in sweeps.scenarios(sweep)]
    assert set(named) <= set(known)
    assert {one.rung for sweep in sweeps.AXES for one in sweeps.scenarios(sweep)} - {
        "clean"
    } <= set(readable.RUNGS)


def test_bold_cells_keep_their_interval():
    written = readable.html(pd.DataFrame({"x": ["**1.00** [0.90, 1.10]"]}, index=["a"]))
    assert f"<b>1.00</b> <small>[0.90,{NO_BREAK}1.10]</small>" in written
