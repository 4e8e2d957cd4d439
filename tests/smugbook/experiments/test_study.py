"""Studies write what they measure, resume, and can be checked against their weights."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
import torch

from smugbook import profiles
from smugbook.experiments.harm import SCENARIOS, LesionStudy
from smugbook.experiments.stability import StabilityStudy
from smugbook.experiments.study import Run, read_study, study_recomputer
from smugbook.experiments.transfer import SCENARIO, TransferStudy
from smugbook.results import Store
from smugbook.results.recheck import recheck_measurements
from smuglib.evaluation.records import read_provenance
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork, denoisers, save_network
from smuglib.random import generator
from smuglib.smoothing import Smoothing

TINY = profiles.get("smoke").replace(height=48, width=48, strip_height=32, n_coils=2, n_test=2)
CPU = torch.device("cpu")
LESIONS = LesionStudy(n_lesions=1, radius=1.0, attack_steps=1, n_samples=2, n_bins=3)
QUICK = StabilityStudy(n_iterations=40, tolerance=0.2, n_steps_ascent=1, n_steps_bound=2)
TRANSFER = TransferStudy(attack_steps=1, attack_samples=1)


def trained(folder, seed=0):
    """Leave untrained weights of all methods."""
    store = Store(folder)
    for method in METHODS:
        denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, seed)
        net = UnrolledNetwork(denoiser, n_steps=2, smoothing=Smoothing(METHODS[method], 0.05, 3))
        save_network(store.weights(method, 0.05), net, method=method)
    return store


def run(study, store, method="smug", n_slices=2):
    one = Run(study, method, 0.05, store, store, TINY)
    one.compute(n_slices, device=CPU, progress=False)
    return one


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Weights, and all studies of two methods."""
    kept = trained(tmp_path_factory.mktemp("store"))
    for method in ("modl", "smug"):
        run(LESIONS, kept, method)
        run(QUICK, kept, method)
        run(TRANSFER, kept, method)
    return kept


ALL = {"harm": LESIONS, "stability": QUICK, "transfer": TRANSFER}


@pytest.mark.parametrize(("name", "study"), ALL.items())
def test_what_is_written_is_read_and_measured_again_to_the_last_digit(store, name, study):
    frame, settings = read_study(name, store, ["modl", "smug"], 0.05)
    assert settings == study
    assert sorted(set(frame["slice"])) == [0, 1] and set(frame["method"]) == {"modl", "smug"}
    if name == "harm":
        assert set(frame["scenario"]) == set(SCENARIOS)
    again = study_recomputer(study, store, TINY)
    checked = recheck_measurements(frame, again, n_drawn=3, tolerance=1e-6, generator=generator(0))
    assert checked["difference"].max() < 1e-3


def test_provenance_names_code_weights_and_settings(store):
    found = read_provenance(store.measurements("harm", "smug", 0.05))
    assert found["settings"]["radius"] == 1.0 and found["study"] == "harm"
    assert found["profile"] == "smoke" and len(found["weights_sha256"]) == len(found["code"]) == 64
    assert {"commit", "versions", "device", "time", "rows", "sha256"} <= set(found)


def test_transfer_scores_every_method_and_notices_when_one_of_them_changes(store, tmp_path):
    frame, study = read_study("transfer", store, ["smug"], 0.05)
    assert set(frame["scenario"]) == {SCENARIO} and set(frame["quantity"]) == {"psnr"}
    assert frame.groupby("slice")["index"].apply(list).tolist() == [[0, 1, 2, 3]] * 2
    other = Store(tmp_path)
    shutil.copytree(store.folder, other.folder, dirs_exist_ok=True)
    denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, 7)
    save_network(other.weights("modl", 0.05), UnrolledNetwork(denoiser), method="modl")
    with pytest.raises(RuntimeError, match=r"with the weights .*modl_s0.05.* or .*smug_s0.05"):
        recheck_measurements(frame, study_recomputer(study, other, TINY), generator=generator(0))


def test_a_second_run_measures_nothing_and_fewer_slices_lose_none(store, monkeypatch):
    path = store.measurements("harm", "smug", 0.05)
    before = path.read_bytes()
    monkeypatch.setattr(LesionStudy, "observe", None)
    run(LESIONS, store, n_slices=1)
    assert path.read_bytes() == before


def test_other_settings_do_not_resume_from_these(store, monkeypatch):
    monkeypatch.setattr(LesionStudy, "observe", None)
    with pytest.raises(TypeError):
        run(replace(LESIONS, radius=1.5), store)


def test_methods_measured_with_other_settings_are_not_compared(tmp_path):
    store = trained(tmp_path)
    run(QUICK, store, "modl", 1)
    run(replace(QUICK, tolerance=0.3), store, "smug", 1)
    with pytest.raises(ValueError, match="with other settings than"):
        read_study("stability", store, ["modl", "smug"], 0.05)
    with pytest.raises(FileNotFoundError, match="no records file .*rs_e2e_s0.05"):
        read_study("stability", store, ["modl", "rs_e2e"], 0.05)


def test_other_weights_are_noticed(store, tmp_path):
    frame, study = read_study("harm", store, ["smug"], 0.05)
    other = trained(tmp_path, seed=1)
    path = other.measurements("harm", "smug", 0.05)
    shutil.copytree(store.measurements("harm", "smug", 0.05).parent, path.parent)
    with pytest.raises(RuntimeError, match=r"with the weights [^ ]*smug_s0.05.safetensors$"):
        recheck_measurements(frame, study_recomputer(study, other, TINY), generator=generator(0))


def test_impossible_requests_are_refused(store):
    with pytest.raises(ValueError, match="n_slices must be <= n_test 2, got 3"):
        run(LESIONS, store, n_slices=3)
    with pytest.raises(ValueError, match="study must be one of"):
        read_study("damage", store, ["smug"], 0.05)
    with pytest.raises(ValueError, match="methods must hold at least one"):
        read_study("harm", store, [], 0.05)
