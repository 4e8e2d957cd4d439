"""Early stops and scored candidates as parts: taken from a training, made again, counted."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook import profiles
from smugbook.experiments import candidates, runs
from smugbook.experiments.agenda import parts_of
from smugbook.results import Store
from smuglib.models import load_network
from smuglib.training.plan import Budget, BudgetSpentError

TINY = profiles.get("smoke").replace(
    height=48, width=32, strip_height=32, n_train=2, n_validation=4, n_validation_used=2, n_test=2,
    denoiser="dncnn", channels=4, blocks=1, pretraining_updates=1, updates=4, pretraining_batch=2,
)  # fmt: skip
UPDATES = {1 / 20: 1, 1 / 10: 1, 1 / 4: 1, 1 / 2: 2}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of a project in which MoDL was trained."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(profiles.PROFILES, "smoke", TINY)
        patch.setenv("SMUGLIB_CACHE", str(folder / "cache"))
        for name in ("pretrained_s0.05", "modl_s0.05"):
            parts()[name].compute(device="cpu")
    return folder


@pytest.fixture
def project(built, monkeypatch):
    monkeypatch.chdir(built)
    monkeypatch.setitem(profiles.PROFILES, "smoke", TINY)
    monkeypatch.setenv("SMUGLIB_CACHE", str(built / "cache"))
    return Store.open("smoke", "build")


def parts():
    return {part.name: part for part in parts_of("smoke")}


def stop_weights(store):
    return {stop: store.variant({"stopped": stop}).weights("modl", 0.05) for stop in UPDATES}


def test_a_training_leaves_its_stops_for_their_evaluations(project):
    part = parts()["stops/modl_s0.05"]
    assert (part.size, part.n_done()) == (2, 2)
    for stop, path in stop_weights(project).items():
        _, header = load_network(path)
        assert header["update"] == UPDATES[stop]
        assert header["settings"] == project.read_provenance("modl", 0.05)["settings"]
    evaluation = parts()["variants/stopped=0.05/records/modl_s0.05"]
    assert evaluation.needs == ("stops/modl_s0.05",)
    assert evaluation.evaluation.store.weights("modl", 0.05) == stop_weights(project)[1 / 20]


def test_a_control_s_training_leaves_none(project, tmp_path):
    control = Store(tmp_path)
    start = runs.pretrained_weights("smoke", 0.05)
    runs.train_network(control, TINY.replace(jitter=0.02), "modl", 0.05, start, device="cpu")
    assert control.weights("modl", 0.05).is_file()
    assert not (tmp_path / "variants").exists()


def test_stops_of_a_training_that_kept_none_are_trained_again(project):
    part, paths = parts()["stops/modl_s0.05"], stop_weights(project)
    before = {path: path.read_bytes() for path in paths.values()}
    network = project.weights("modl", 0.05).read_bytes()
    for path in paths.values():
        path.unlink()
    assert part.n_done() == 0
    with pytest.raises(BudgetSpentError):
        part.compute(device="cpu", budget=Budget(0))
    part.compute(device="cpu")
    assert part.n_done() == part.size
    assert {path: path.read_bytes() for path in before} == before
    assert project.weights("modl", 0.05).read_bytes() == network


def test_stops_of_other_weights_are_not_done(project, monkeypatch):
    part = parts()["stops/modl_s0.05"]
    monkeypatch.setitem(profiles.PROFILES, "smoke", TINY.replace(learning_rate=1e-3))
    assert part.n_done() == 0


def test_a_candidate_is_scored_on_validation_slices_alone_and_counted(project):
    part = parts()["tuning/stopped=0.05"]
    assert part.needs == ("stops/modl_s0.05",)
    assert (part.size, part.n_done()) == (6, 0)
    with pytest.raises(BudgetSpentError):
        part.compute(device="cpu", budget=Budget(0))
    assert part.n_done() == 0
    part.compute(device="cpu")
    assert part.n_done() == part.size
    table = pd.read_csv(part.path)
    assert list(table.columns) == list(candidates.COLUMNS)
    assert set(table["slice"]) == {1, 3} == set(candidates.slice_numbers(TINY))
    assert set(table["candidate"]) == {"stop"} and set(table["setting"]) == {"stopped=0.05"}
    clean, image, kspace = (
        table[table["scenario"] == name]["psnr"].mean()
        for name in ("clean", "adaptive_image", "adaptive_kspace_l2")
    )
    assert clean > image and clean > kspace
    assert candidates.read_families(project)["setting"].unique().tolist() == ["stopped=0.05"]


def test_scores_of_other_weights_or_an_edited_table_are_not_done(project):
    part = parts()["tuning/modl"]
    part.compute(device="cpu")
    path, weights = part.path, project.weights("modl", 0.05)
    text, content = path.read_text(), weights.read_bytes()
    path.write_text(text.replace("clean", "klean", 1))
    assert part.n_done() == 0
    path.write_text(text)
    assert part.n_done() == part.size
    weights.write_bytes(stop_weights(project)[1 / 20].read_bytes())
    try:
        assert parts()["tuning/modl"].n_done() == 0
    finally:
        weights.write_bytes(content)
