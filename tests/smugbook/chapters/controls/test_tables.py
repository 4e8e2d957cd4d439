"""Differences between trainings are of the same slices, and are held against the seed's change."""

from __future__ import annotations

import numpy as np
import pytest

from smugbook.chapters.controls import tables
from smugbook.experiments import seeds
from smuglib.evaluation import Interval
from tests.table1 import SCENARIOS, block

BLOCK = block()
FRAMES = {
    name: BLOCK[BLOCK["method"] == method]
    for name, method in (("MoDL", "modl"), ("SMUGv0", "smug_v0"), ("SMUG", "smug"))
}
CLEAN, NOISE, TRANSFER = SCENARIOS


def moved(frame, **gains):
    """Return records with PSNR moved, by scenario."""
    return frame.assign(psnr=frame["psnr"] + frame["scenario"].map(gains).fillna(0))


def test_changes_are_paired_differences_by_scenario():
    found = seeds.scenario_changes(FRAMES["SMUG"], FRAMES["MoDL"], SCENARIOS)
    assert list(found) == ["clean", "noise", "transfer"]
    assert found["transfer"] == pytest.approx((3, 3, 3))
    fewer = FRAMES["MoDL"][FRAMES["MoDL"]["scenario"] == "clean"]
    assert list(seeds.scenario_changes(FRAMES["SMUG"], fewer, SCENARIOS)) == ["clean"]
    other = FRAMES["MoDL"].assign(slice=lambda rows: rows["slice"] + 1)
    with pytest.raises(ValueError, match="same slices"):
        seeds.scenario_changes(FRAMES["SMUG"], other, SCENARIOS)


def test_means_stand_with_the_difference_to_their_reference():
    shown = tables.tabulate_means(FRAMES, SCENARIOS, "MoDL")
    assert shown.loc["SMUG", "transfer attack"] == "25.25 (+3.00 [+3.00, +3.00])"
    assert shown.loc["MoDL", "transfer attack"] == "22.25"
    own = tables.tabulate_means(FRAMES, SCENARIOS, {"SMUG": "SMUGv0", "MoDL": "absent"})
    assert own["transfer attack"].tolist() == ["22.25", "24.25", "25.25 (+1.00 [+1.00, +1.00])"]
    few = {"SMUG": FRAMES["SMUG"][FRAMES["SMUG"]["scenario"] == "clean"]}
    assert tables.tabulate_means(few, [TRANSFER]).iloc[0, 0] == "–"
    assert tables.tabulate_means({}, SCENARIOS).empty


def test_differences_are_named_and_listed():
    found = seeds.method_differences(FRAMES, [TRANSFER], "SMUGv0")
    assert list(found) == ["MoDL − SMUGv0", "SMUG − SMUGv0"]
    shown = tables.tabulate_differences({**found, "none": {}})
    assert shown["transfer attack"].tolist() == [
        "−2.00 [−2.00, −2.00]",
        "+1.00 [+1.00, +1.00]",
        "–",
    ]
    assert seeds.method_differences(FRAMES, SCENARIOS, "absent") == {}


def test_the_seed_changes_the_difference_to_modl_and_the_largest_counts():
    again = {
        "MoDL": moved(FRAMES["MoDL"], transfer=-2.0, clean=-1.0),
        "SMUG": moved(FRAMES["SMUG"], transfer=-0.5, clean=-1.1),
        "SMUGv0": moved(FRAMES["SMUGv0"], transfer=-3.0),
    }
    found = seeds.seed_changes(FRAMES, again, SCENARIOS)
    assert list(found) == ["clean", "noise", "transfer"]
    assert found == pytest.approx({"clean": 1.0, "noise": 0.0, "transfer": 1.5})
    shown = tables.tabulate_seeds(FRAMES, again, SCENARIOS)
    assert shown.loc["SMUG − MoDL", "transfer attack"] == "+3.00 → +4.50"
    assert shown.loc["largest change"].tolist() == ["1.00", "0.00", "1.50"]


@pytest.mark.parametrize("again", [{}, {"SMUG": FRAMES["SMUG"]}, {"MoDL": FRAMES["MoDL"]}])
def test_without_a_second_seed_nothing_is_known(again):
    assert seeds.seed_changes(FRAMES, again, SCENARIOS) == {}
    assert tables.tabulate_seeds(FRAMES, again, SCENARIOS).empty
    assert tables.against_seed({"a": {"clean": Interval(1, 1, 1)}}, {}).empty


@pytest.mark.parametrize(
    ("change", "side"),
    [
        (Interval(1.6, 1.4, 1.8), 1),
        (Interval(-1.6, -1.8, -1.4), -1),
        (Interval(1.4, 1.3, 1.6), 0),
        (Interval(1.6, -0.1, 3.0), 0),
        (Interval(1.6, np.nan, np.nan), 0),
    ],
)
def test_a_difference_counts_beyond_the_seed_and_with_a_sign(change, side):
    assert seeds.counts(change, 1.5) == side
    shown = tables.against_seed({"a": {"clean": change}, "b": {}}, {"clean": 1.5})
    assert shown.columns.tolist() == ["clean, beyond 1.50?"]
    assert shown.iloc[0, 0].endswith("yes" if side else "no") and shown.iloc[1, 0] == "–"
