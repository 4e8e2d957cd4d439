"""Rows computed in a chapter are those of the records, and a record that lies is found."""

from __future__ import annotations

from dataclasses import asdict, replace

import pandas as pd
import pytest
import torch

from smugbook import profiles, results
from smugbook.experiments import sweeps
from smugbook.results import Store
from smugbook.results.recheck import recheck, score_recomputer
from smuglib import evaluation
from smuglib.evaluation import Scenario, evaluate, scores, table_scenarios
from smuglib.methods import METHODS
from smuglib.models import TotalVariation, UnrolledNetwork, ZeroFilled, denoisers, save_network
from smuglib.random import generator
from smuglib.smoothing import Smoothing

TINY = profiles.get("smoke").replace(height=32, width=32, strip_height=32, n_coils=2, n_test=3)
SCENARIOS = table_scenarios(attack_steps=2)
NAMES = ("zero_filled", "tv", "modl", "smug")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Untrained weights of two methods."""
    kept = Store(tmp_path_factory.mktemp("store"))
    for seed, method in enumerate(("modl", "smug")):
        denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, seed)
        net = UnrolledNetwork(denoiser, n_steps=2, smoothing=Smoothing(METHODS[method], 0.05, 3))
        save_network(kept.weights(method, 0.05), net, method=method)
    return kept


def rows(store, method, scenarios=SCENARIOS, n_slices=2):
    return evaluate(
        results.network(store, method, 0.05),
        [results.scan_of(TINY, index) for index in range(n_slices)],
        scenarios,
        method=method,
        training_sigma=0.05 if method in METHODS else 0.0,
        weights_sha256=results.weights_hash(store, method, 0.05),
        progress=False,
        rescan=results.rescanner(TINY),
    )


@pytest.fixture(scope="module")
def block(store):
    return pd.DataFrame([asdict(row) for method in NAMES for row in rows(store, method)])


def test_every_row_is_recomputed_to_the_last_digit(store, block):
    draws = generator(0)
    again = score_recomputer(store, TINY)
    found = recheck(block, again, n_drawn=len(block), tolerance=1e-9, generator=draws)
    assert len(found) == len(NAMES) * len(SCENARIOS) * 2
    assert set(found["scenario"]) == {scenario.name for scenario in SCENARIOS}
    assert (found["ssim_recorded"] - found["ssim_recomputed"]).abs().max() < 1e-9


@pytest.mark.parametrize("sweep", sweeps.AXES)
def test_every_row_of_a_sweep_is_recomputed(store, sweep):
    if sweep in ("strong", "plateau"):
        chosen = [replace(one, attack_steps=2) for one in sweeps.sweep_scenarios(sweep)]
    else:
        chosen = sweeps.sweep_scenarios(sweep, attack_steps=1, attack_samples=1)
    own = pd.DataFrame([asdict(row) for row in rows(store, "smug", chosen, n_slices=1)])
    again = score_recomputer(store, TINY)
    found = recheck(own, again, n_drawn=99, tolerance=1e-9, generator=generator(0))
    assert len(found) == len(chosen)
    axis = sweeps.AXES[sweep]
    for scenario in chosen:
        (row,) = scores.rows_of(evaluation.select(own, scenario))
        assert getattr(row, axis) == pytest.approx(getattr(scenario, axis), abs=0.02)
        assert (row.consistency_rate != row.sampling_rate) == (sweep == "mask")


def test_the_handful_is_random_but_seeded(store, block):
    clean, again = evaluation.select(block, Scenario("clean")), score_recomputer(store, TINY)

    def drawn(seed):
        found = recheck(clean, again, n_drawn=2, generator=generator(seed))
        return found[["method", "slice"]].values.tolist()

    assert drawn(1) == drawn(1)
    assert len({str(drawn(seed)) for seed in range(4)}) > 1
    assert len(recheck(clean, again, n_drawn=99, generator=generator(0))) == len(clean)


def test_a_record_that_disagrees_is_found(store, block):
    clean, again = evaluation.select(block, Scenario("clean")), score_recomputer(store, TINY)
    for shift, passes in ((0.04, True), (-0.06, False)):
        edited = clean.assign(psnr=clean["psnr"] + shift)
        if passes:
            recheck(edited, again, generator=generator(0))
            continue
        with pytest.raises(RuntimeError, match=r"(?s)disagree with their weights .* 0\.05$"):
            recheck(edited, again, generator=generator(0))


def test_records_of_other_weights_are_found(store, block):
    own = block[block["method"] == "smug"].assign(weights_sha256="0" * 64)
    with pytest.raises(RuntimeError, match="smug were not made with the weights .*smug_s0.05"):
        recheck(own, score_recomputer(store, TINY), generator=generator(0))


@pytest.mark.parametrize("options", [{"n_drawn": 0}, {"tolerance": 0}, {"tolerance": float("nan")}])
def test_impossible_checks_are_refused(store, block, options):
    with pytest.raises(ValueError, match=next(iter(options))):
        recheck(block, score_recomputer(store, TINY), generator=generator(0), **options)


def test_missing_scenarios_are_computed_for_every_method(store, block):
    stronger = Scenario("transfer", "transfer", 0.008, attack_steps=2)
    columns = [Scenario("clean"), stronger]
    assert evaluation.missing(block, columns) == [stronger]
    full = results.complete(block, [stronger], store, TINY, n_slices=3)
    assert evaluation.missing(full, columns) == []
    assert len(full) == len(block) + 3 * len(NAMES)
    new = evaluation.select(full, stronger)
    assert sorted(set(new["slice"])) == [0, 1, 2]
    expected = [row for method in NAMES for row in rows(store, method, [stronger], 3)]
    assert scores.rows_of(new) == expected


def test_rows_of_a_scenario_that_is_computed_are_replaced(store, block):
    lacks = block[~((block["method"] == "smug") & (block["scenario"] == "noise"))]
    noise = next(scenario for scenario in SCENARIOS if scenario.name == "noise")
    full = results.complete(lacks, [noise], store, TINY, n_slices=1)
    assert len(evaluation.select(full, noise)) == len(NAMES)
    assert results.complete(block, [], store, TINY, n_slices=1) is block


def test_a_baseline_is_a_method_like_any_other(store):
    assert isinstance(results.network(store, "zero_filled", 0.05), ZeroFilled)
    assert results.weights_hash(store, "zero_filled", 0.05) == "none"
    assert isinstance(results.network(store, "tv", 0.05), TotalVariation)
    assert results.weights_hash(store, "tv", 0.05) == "none"
    with pytest.raises(
        ValueError, match="method must be one of 'zero_filled', 'tv', 'tv_tuned', 'modl'"
    ):
        results.network(store, "pretrained", 0.05)


def test_a_scan_beyond_the_profile_s_is_refused():
    scan = results.scan_of(TINY, 2)
    assert scan.split == "test"
    assert torch.equal(scan.target, results.scan_of(TINY, 2).target)
    with pytest.raises(ValueError, match="index must be < n_test = 3, got 3"):
        results.scan_of(TINY, 3)
