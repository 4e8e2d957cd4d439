"""Weights of total variation are chosen on validation slices, scenario by scenario."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook import profiles, results
from smugbook.experiments import tuning
from smugbook.results import Store
from smugbook.results.tuning import case_of, choose_weights, read_candidates, weight_for
from smuglib.evaluation import Scenario

SMOKE = profiles.get("smoke").replace(height=32, width=32, strip_height=32)


@pytest.mark.parametrize("start", range(7))
@pytest.mark.parametrize("peak", [0, 3, 6])
def test_the_climb_ends_at_the_peak_from_anywhere(start, peak):
    assert tuning.climb_grid(lambda place: -abs(place - peak), start, 7) == peak


def test_candidates_are_kept_and_not_tried_twice(tmp_path, monkeypatch):
    store = Store(tmp_path)
    cases = [Scenario("clean"), Scenario("tuned", "adaptive", 0.02, attack_steps=1)]
    tuning.tune(SMOKE, store.tuning, cases, n_slices=2)
    table = read_candidates(store.tuning)
    assert list(table.columns) == ["candidate", "setting", "scenario", "slice", "psnr"]
    assert set(table["scenario"]) == {"clean", "image 0.02"}
    assert table.groupby(["scenario", "setting"]).size().eq(2).all()
    means = table.groupby(["scenario", "setting"])["psnr"].mean()
    for case, weight in choose_weights(table).items():
        place = tuning.WEIGHTS.index(weight)
        beside = [tuning.WEIGHTS[k] for k in (place - 1, place + 1) if 0 <= k < len(tuning.WEIGHTS)]
        tried = set(table.loc[table["scenario"] == case, "setting"])
        assert set(beside) <= tried, "a peak has both its neighbours below it"
        assert all(means[case, other] <= means[case, weight] for other in beside)

    def refuse(*args, **settings):
        raise AssertionError("all that is needed is there")

    monkeypatch.setattr(tuning.trial, "reconstruct", refuse)
    before = store.tuning.read_bytes()
    tuning.tune(SMOKE, store.tuning, cases, n_slices=2)
    assert store.tuning.read_bytes() == before


def test_a_scenario_has_the_weight_of_its_case_or_of_the_nearest_strength():
    weights = {"clean": 1.0, "noise 0.004": 2.0, "image 0.002": 3.0, "image 0.016": 4.0}
    weights["kspace 0.02"] = 5.0
    assert weight_for(weights, Scenario("clean")) == weight_for(weights, None) == 1.0
    assert weight_for(weights, Scenario("noise", "random_gaussian", 1 / 255)) == 2.0
    for epsilon, expected in ((0.002, 3.0), (0.004, 3.0), (0.009, 4.0), (0.1, 4.0)):
        assert weight_for(weights, Scenario("a", "transfer", epsilon)) == expected
    assert weight_for(weights, Scenario("a", "kspace", 0.01, norm="linf")) == 5.0
    # Nothing was tuned within reach.
    assert weight_for(weights, Scenario("a", "adaptive", 0.01, domain="range")) == 1.0
    assert case_of(Scenario("a", "adaptive", 1 / 255, domain="range")) == "range 0.003922"


def test_a_store_with_tuned_weights_has_them_in_its_baselines(tmp_path):
    store = Store(tmp_path)
    assert results.network(store, "tv", 0.05).weight == results.BASELINES["tv"]().weight
    store.tuning.parent.mkdir()
    lines = [("tv", 0.02, "clean", 0, 30.0), ("tv", 0.05, "clean", 0, 29.0)]
    lines += [("tv", 0.05, "image 0.01", 0, 25.0), ("tv", 0.02, "image 0.01", 0, 20.0)]
    frame = pd.DataFrame(lines, columns=["candidate", "setting", "scenario", "slice", "psnr"])
    frame.to_csv(store.tuning, index=False)
    attacked = Scenario("a", "adaptive", 0.01)
    assert results.network(store, "tv", 0.05, attacked).weight == 0.02
    assert results.network(store, "tv_tuned", 0.05, attacked).weight == 0.05
    assert results.network(store, "tv_tuned", 0.05).weight == 0.02
    assert results.weights_hash(store, "tv", 0.05) != "none"
    assert results.weights_hash(store, "zero_filled", 0.05) == "none"
