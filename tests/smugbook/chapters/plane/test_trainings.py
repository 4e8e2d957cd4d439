"""Trainings are found by their folders, their seeds joined; the plane is drawn from any of them."""

from __future__ import annotations

import numpy as np
import pytest

from smugbook import profiles
from smugbook.chapters.plane import picture, tables, trainings
from smugbook.experiments.controls import controls_of
from smugbook.experiments.protocol import protocol_of
from smugbook.results import Store
from smuglib.evaluation import scores
from tests.table1 import record

COLUMNS = protocol_of(profiles.get("default")).columns
SCENARIOS = [COLUMNS["clean"], COLUMNS["image"]]
PLACES = {
    "": {"modl": (36.0, 25.0), "smug": (33.0, 30.0)},
    "seed=1": {"modl": (36.4, 24.0)},
    "jitter=0.02": {"modl": (34.0, 30.0)},
    "jitter=0.05": {"modl": (31.0, 31.0)},
    "lam=1.0,lam_learned=False": {"modl": (30.0, 27.0)},
    "pretrained=False": {"modl": (32.0, 24.0)},
    "jitter=0.02,updates=600": {"modl": (33.0, 29.0)},
}
"""Clean PSNR and level under the image attack of each training."""


@pytest.fixture
def store(tmp_path):
    for label, methods in PLACES.items():
        folder = Store(tmp_path).named_variant(label, missing_ok=True)
        for method, values in methods.items():
            others = ("zero_filled",) if (label, method) == ("", "modl") else ()
            rows = [
                record(name, scenario, k, psnr=(value if name == method else 20.0) + 0.1 * k)
                for name in (*others, method)
                for scenario, value in zip(SCENARIOS, values, strict=True)
                for k in range(6)
            ]
            path = folder.records(method, 0.05)
            scores.write(path, rows)
    return Store(tmp_path)


def test_every_training_is_found_and_seeds_are_joined(store):
    found = {one.name: one for one in trainings.find_trainings(store)}
    assert set(found) == {
        "Zero-filled",
        *("MoDL, σ = 0.05", "SMUG, σ = 0.05", "MoDL, σ = 0.05, no pre-training"),
        *(f"MoDL, σ = 0.05, jitter {value}" for value in ("0.02", "0.05", "0.02, updates 600")),
        "MoDL, σ = 0.05, lam 1.0, lam learned False",
    }
    assert {name: one.seeds for name, one in found.items() if one.seeds > 1} == {
        "MoDL, σ = 0.05": 2
    }


def test_level_and_damage_stand_side_by_side(store):
    found = {one.name: one for one in trainings.find_trainings(store)}
    rows = trainings.level_table(found["MoDL, σ = 0.05, jitter 0.02"], COLUMNS, "image")
    assert len(rows) == 6 and rows["damage"].to_numpy() == pytest.approx(4.0)
    both = trainings.level_table(found["MoDL, σ = 0.05"], COLUMNS, "image")
    assert len(both) == 12
    mean, low, high = trainings.summarize(both, "damage")
    # The seeds' damages are 11 and 12.4; of two seeds one is drawn.
    assert (mean, low, high) == pytest.approx((11.7, 11.0, 12.4))
    assert trainings.level_table(found["SMUG, σ = 0.05"], COLUMNS, "kspace").empty


def test_families_differ_in_one_number(store):
    found = trainings.families(trainings.find_trainings(store))
    assert set(found) == {("modl", 0.05, "jitter"), ("modl", 0.05, "lam")}
    assert len(found["modl", 0.05, "jitter"]) == 3


def test_smug_is_compared_with_families_at_its_own_clean_psnr(store):
    matches = tables.match_families(trainings.find_trainings(store), COLUMNS)
    assert {(name, threat) for name, _, threat in matches} == {("SMUG, σ = 0.05", "image")}
    found = {family: change.mean for (_, family, _), change in matches.items()}
    # At 33 dB jitter is a third of the way from (34, 30) to (31, 31), λ half-way from (30, 27) to
    # (36, 25).
    assert found == pytest.approx({"MoDL, jitter": 30 - 91 / 3, "MoDL, lam": 30 - 26.0})
    words = tables.describe_matches(matches)
    assert "SMUG, σ = 0.05, and MoDL, jitter: behind" in words[0]
    assert words[2].endswith("no family of trainings reaches SMUG’s clean PSNR.")


def test_the_front_is_of_those_that_no_other_surpasses():
    front = trainings.pareto_front([(36, 25), (33, 30), (34, 30), (31, 31), (30, 27)])
    assert front == [(31, 31), (34, 30), (36, 25)]
    assert trainings.pareto_front([]) == []


def test_an_ellipse_is_of_one_standard_deviation():
    rng = np.random.default_rng(0)
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    points = rng.normal(size=(4000, 2)) * [2.0, 0.5] @ turn.T + [30.0, 25.0]
    (x, y), long, short, angle = picture.ellipse_axes(points)
    # Four thousand points tell a standard deviation to about one percent.
    assert (x, y) == pytest.approx((30, 25), abs=0.1)
    assert (long, short) == pytest.approx((4.0, 1.0), rel=0.05)
    assert angle % 180 == pytest.approx(np.degrees(np.arctan2(0.8, 0.6)), abs=2)


def test_the_picture_and_its_table_hold_every_training(store):
    numbered = picture.number_trainings(trainings.find_trainings(store))
    assert [numbered[1].name, numbered[2].name] == ["Zero-filled", "MoDL, σ = 0.05"]
    dots = {k: (one, trainings.level_table(one, COLUMNS, "image")) for k, one in numbered.items()}
    figure = picture.draw_plane({"image": dots})
    (ax,) = figure.axes
    assert {text.get_text() for text in ax.texts} == set(map(str, numbered))
    assert len(ax.patches) == 1, "an ellipse for the one training with two seeds"
    table = tables.format_plane(numbered, COLUMNS, controls_of(profiles.get("head")))
    assert list(table.index) == list(numbered)
    cell = table.loc[2, ("image ball", "level")]
    assert cell.startswith("24.75 [")
    assert table.loc[2, ("rests on", "slices × seeds")] == "6 × 2"
    assert table.loc[2, ("within reach of a measurement", "damage")] == "–"
