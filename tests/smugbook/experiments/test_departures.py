"""Every departure changes what it says and nothing else, and a wrong record of one is found."""

from __future__ import annotations

from dataclasses import asdict, replace

import pandas as pd
import pytest
import torch

from smugbook import profiles, results
from smugbook.chapters.published_code import tables
from smugbook.experiments import effects, range_space
from smugbook.experiments.departures import (
    DEPARTURES,
    Departure,
    departure_recomputer,
    evaluate_departure,
)
from smugbook.results import Store
from smugbook.results.recheck import recheck
from smugbook.tables import html
from smuglib.evaluation import evaluate, table_scenarios
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork, denoisers, save_network
from smuglib.random import generator
from smuglib.smoothing import Smoothing

TINY = profiles.get("smoke").replace(height=32, width=32, strip_height=32, n_coils=2, n_test=3)
SCENARIOS = table_scenarios(attack_steps=3)
FIELDS = ("method", "scenario", "slice", "psnr")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Untrained weights of all methods."""
    kept = Store(tmp_path_factory.mktemp("store"))
    for seed, (method, placement) in enumerate(METHODS.items()):
        denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, seed)
        net = UnrolledNetwork(denoiser, n_steps=2, smoothing=Smoothing(placement, 0.05, 3))
        save_network(kept.weights(method, 0.05), net, method=method)
    return kept


@pytest.fixture(scope="module")
def scans():
    return [results.scan_of(TINY, index) for index in range(2)]


def described(store, method):
    hashed = results.weights_hash(store, method, 0.05)
    options = {"method": method, "training_sigma": 0.05, "weights_sha256": hashed}
    return {**options, "progress": False}


@pytest.fixture(scope="module")
def rows(store, scans):
    """Records of every departure, and of the scenarios that they change."""
    found = []
    for method in METHODS:
        net = results.network(store, method, 0.05)
        options = described(store, method)
        offered = [s for s in SCENARIOS if s.name in ("clean", "transfer")]
        found += evaluate(net, scans, offered, **options)
        for departure in DEPARTURES.values():
            if method in departure.methods:
                found += evaluate_departure(departure, net, scans, SCENARIOS, **options)
    return pd.DataFrame(map(asdict, found))


def test_every_departure_has_its_rows(rows):
    for departure in DEPARTURES.values():
        for scenario in departure.scenarios:
            own = rows[rows["scenario"] == f"{scenario} {departure.name}"]
            assert sorted(set(own["method"])) == sorted(departure.methods)
            assert len(own) == 2 * len(departure.methods)
            assert set(own["seed"]) == {departure.seed}


@pytest.mark.parametrize("name", DEPARTURES)
def test_a_departure_changes_the_reconstruction(rows, name):
    departure = DEPARTURES[name]
    keys = ["method", "slice"]
    for scenario in departure.scenarios:
        plain = rows[rows["scenario"] == scenario].set_index(keys)["nmse"]
        own = rows[rows["scenario"] == f"{scenario} {name}"].set_index(keys)["nmse"]
        # MoDL's clean reconstruction draws nothing: another seed leaves it as it is.
        drawn = own.drop("modl") if (name, scenario) == ("seed=1", "clean") else own
        assert (drawn != plain.loc[drawn.index]).all()


def test_the_network_itself_stays_as_it_was(store, scans):
    net = results.network(store, "rs_e2e", 0.05)
    before = net.smoothing
    changed = DEPARTURES["start_only"].network(net)
    assert changed.smoothing == replace(before, start_only=True)
    assert net.smoothing == before
    assert changed.denoiser is net.denoiser


def test_units_of_the_target_are_another_scale_of_the_same_scan(scans):
    scan = scans[0]
    changed = DEPARTURES["target_units"].scan(scan)
    assert changed.target.abs().max().item() == pytest.approx(1)
    torch.testing.assert_close(changed.kspace * changed.scale, scan.kspace * scan.scale)
    torch.testing.assert_close(changed.target * changed.scale, scan.target * scan.scale)
    assert changed.scale != pytest.approx(scan.scale, rel=1e-3)


def test_recheck_passes_for_true_records_and_fails_for_a_lie(store, rows):
    own = rows[rows["scenario"].str.contains(" ")]
    options = {"n_drawn": len(own), "generator": generator(0)}
    checked = recheck(own, departure_recomputer(store, TINY), **options)
    assert len(checked) == len(own)
    lied = own.assign(psnr=own["psnr"] + 0.2)
    with pytest.raises(RuntimeError, match=r"(?s)disagree with their weights .* 0\.05$"):
        recheck(lied, departure_recomputer(store, TINY), n_drawn=1, generator=generator(0))
    plain = rows[rows["scenario"] == "clean"]
    with pytest.raises(ValueError, match="departure must be one of 'start_only'"):
        recheck(plain, departure_recomputer(store, TINY), generator=generator(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"methods": ("smug", "unet")}, "methods must be one of .*, got 'unet'"),
        ({"units": "metres"}, "units must be one of 'zero_filled', 'target', got 'metres'"),
        ({"solver": "lu"}, "solver must be one of .*, got 'lu'"),
        ({"seed": -1}, "seed must be an integer >= 0, got -1"),
    ],
)
def test_an_impossible_departure_is_refused(options, message):
    given = {"name": "x", "methods": ("smug",), "scenarios": ("clean",), **options}
    with pytest.raises(ValueError, match=message):
        Departure(**given)


def test_a_method_that_a_departure_does_not_concern_is_refused(store, scans):
    net = results.network(store, "modl", 0.05)
    with pytest.raises(ValueError, match="method must be one of 'rs_e2e', got 'modl'"):
        evaluate_departure(
            DEPARTURES["start_only"], net, scans, SCENARIOS, **described(store, "modl")
        )


# --- effects --------------------------------------------------------------------------------------


def test_summary_holds_every_pair(rows):
    found = effects.summarize_effects(rows)
    expected = sum(len(d.methods) * len(d.scenarios) for d in DEPARTURES.values())
    assert list(found.columns) == effects.SUMMARY
    assert len(found) == expected
    line = found[(found["departure"] == "start_only") & (found["scenario"] == "clean")].iloc[0]
    own = rows[rows["method"] == "rs_e2e"].groupby("scenario")["psnr"].mean()
    assert line["mean"] == pytest.approx(own["clean start_only"] - own["clean"])
    assert (line["n_slices"], line["n_subjects"]) == (2, 2)
    assert line["low"] <= line["mean"] <= line["high"]


def table(*lines):
    """Records of two slices, given as scenario, ε and PSNR of the first; the second has 1 more."""
    common = {"method": "smug", "training_sigma": 0.05, "split": "test", "seed": 0}
    return pd.DataFrame(
        {**common, "scenario": name, "epsilon": e, "slice": k, "subject": k, "psnr": value + k}
        for name, e, value in lines
        for k in (0, 1)
    )


def test_strengths_are_not_mixed():
    frame = table(("transfer", 0.1, 20.0), ("transfer", 0.2, 10.0), ("transfer seed=1", 0.2, 13.0))
    (line,) = effects.summarize_effects(frame).itertuples()
    assert (line.mean, line.low, line.high) == (3.0, 3.0, 3.0)


def test_mask_mismatch_is_set_against_the_right_operator():
    wrong, right = table(("mask_clean", 0, 20)), table(("rate_clean", 0, 26))
    other = table(("rate_clean", 0, 7)).assign(sampling_rate=0.125)
    frame = pd.concat([wrong.assign(sampling_rate=0.5), right.assign(sampling_rate=0.5), other])
    (line,) = effects.mask_mismatch(frame).itertuples()
    assert (line.departure, line.scenario, line.mean) == ("mask=0.5", "clean", -6)
    assert effects.mask_mismatch(frame.iloc[:0]).empty


def test_a_step_count_that_never_arrives_is_the_own_one():
    own = table(("adaptive_image", 0.1, 20))
    asked = table(("steps_adaptive", 0.1, 12), ("steps_clean", 0, 30)).assign(n_steps=16)
    (line,) = effects.fixed_steps(asked, own).itertuples()
    assert (line.departure, line.scenario, line.mean) == ("steps=16", "adaptive_image", 8)


def test_a_spread_over_slices_is_no_error_of_a_paired_difference():
    first, second = (table(("clean", 0, value)) for value in (20.0, 18.0))
    found = effects.compare_spreads(first, second)
    assert (found["first"], found["second"], found["difference"]) == (20.5, 18.5, 2.0)
    assert found["± first"] == found["± second"] == 0.5
    # Two slices of standard deviation 1/2 each: 1.96 sqrt(1/4 + 1/4) / sqrt(2) = 0.98.
    assert found["half-width unpaired"] == pytest.approx(0.98)
    assert found["half-width paired"] == 0


def test_effects_in_words_keep_their_order():
    frame = table(("transfer", 0.1, 20.0), ("transfer seed=1", 0.1, 22.0))
    frame = pd.concat([frame, table(("clean", 0, 30.0), ("clean seed=1", 0, 30.001))])
    text = tables.format_effects(effects.summarize_effects(frame))
    assert text.to_dict() == {
        "SMUG": {
            ("seed 1 instead of 0", 0.05, "transfer"): "+2.00 [+2.00, +2.00]",
            ("seed 1 instead of 0", 0.05, "clean"): "0.00 [0.00, 0.00]",
        }
    }
    assert "<td>+2.00 <small>[+2.00,\u00a0+2.00]</small></td>" in html.render_table(text)


def test_methods_of_a_table_are_in_the_order_of_the_book():
    one = effects.summarize_effects(table(("clean", 0, 3.0), ("clean seed=1", 0, 2.0)))
    found = pd.concat([one, one.assign(method="modl", scenario="noise"), one.assign(method="tv")])
    text = tables.format_effects(found)
    assert list(text) == ["TV", "MoDL", "SMUG"]
    assert text.loc[("seed 1 instead of 0", 0.05, "noise"), "SMUG"] == "–"


def test_spectra_are_shares_in_percent():
    edges = {name: [0.25 * k, 0.5] for k, name in enumerate(range_space.EDGES)}
    scores = {"psnr_clean": 30.0, "psnr": 20.0, "psnr_within_reach": 29.0}
    key = {"training_sigma": 0.05, "method": "modl", "scenario": "noise"}
    text = tables.format_spectra(pd.DataFrame({**edges}).assign(**key, **scores))
    assert text.loc[(0.05, "modl", "noise")].tolist() == [
        *(f"{share}\u00a0%" for share in (25, 38, 50, 62)),
        *("30.00", "20.00", "29.00"),
    ]
