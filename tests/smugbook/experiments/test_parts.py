"""Parts leave the notebooks' files, go on where they stopped, and count what is done."""

from __future__ import annotations

import pytest

from smugbook import profiles
from smugbook.experiments import runs, tuning
from smugbook.experiments.agenda import parts_of
from smugbook.experiments.evaluations import Evaluation
from smugbook.experiments.parts import Records
from smugbook.results import Store, weights_hash
from smugbook.results.recheck import recheck, score_recomputer
from smugbook.results.scans import write_scan_hashes
from smugbook.results.tuning import choose_weights, read_candidates
from smuglib import random
from smuglib.evaluation import Scenario, scores
from smuglib.evaluation.records import read_provenance
from smuglib.training.plan import Budget, BudgetSpentError

TINY = profiles.get("smoke").replace(
    height=48, width=32, strip_height=32, n_train=2, n_validation=1, n_validation_used=1, n_test=2,
    denoiser="dncnn", channels=4, blocks=1, pretraining_updates=3, updates=3, pretraining_batch=2,
    n_validations=3,
)  # fmt: skip
RUN = ("modl", 0.05)
FIRST = ("scans/0", "pretrained_s0.05", "modl_s0.05")
SHORT = {"scenarios": ("clean", "noise"), "baselines": ("zero_filled",), "n_slices": 2}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Folder of a project in which the parts up to a network were computed one by one."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setitem(profiles.PROFILES, "smoke", TINY)
        patch.setenv("SMUGLIB_CACHE", str(folder / "cache"))
        for name in FIRST:
            part = parts()[name]
            assert part.n_done() == 0
            part.compute(device="cpu")
            assert part.n_done() == part.size
    return folder


@pytest.fixture
def project(built, monkeypatch):
    monkeypatch.chdir(built)
    monkeypatch.setitem(profiles.PROFILES, "smoke", TINY)
    monkeypatch.setenv("SMUGLIB_CACHE", str(built / "cache"))
    return Store.open("smoke", "build")


def parts():
    return {part.name: part for part in parts_of("smoke")}


def contents(store, method):
    paths = store.weights(method, 0.05), store.log(method, 0.05)
    text = paths[1].read_text().splitlines()
    # The last column is the time that it took.
    return paths[0].read_bytes(), [line.rpartition(",")[0] for line in text]


def test_trainings_leave_what_the_notebooks_functions_do(project, tmp_path):
    other = Store(tmp_path)
    start = runs.train_denoiser(other, TINY, 0.05, device="cpu")
    runs.train_network(other, TINY, "modl", 0.05, start, device="cpu")
    for method in ("pretrained", "modl"):
        assert contents(project, method) == contents(other, method)
        kept, own = (store.read_provenance(method, 0.05) for store in (project, other))
        assert kept["settings"] == own["settings"]
    manifest = project.folder / "manifests" / "data.sha256"
    write_scan_hashes(tmp_path / "data.sha256", TINY)
    assert manifest.read_text() == (tmp_path / "data.sha256").read_text()


def test_parts_without_time_go_on_to_the_same_bits(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in FIRST[1:]:
        part, n_calls = parts()[name], 0
        while part.n_done() < part.size:
            try:
                part.compute(device="cpu", budget=Budget(0))
            except BudgetSpentError:
                assert part.n_done() < part.size
            n_calls += 1
        assert n_calls == part.size
    for method in ("pretrained", "modl"):
        assert contents(project, method) == contents(Store.open("smoke", "build"), method)


def test_weights_that_are_others_are_not_done(project):
    part, path = parts()["pretrained_s0.05"], project.weights("pretrained", 0.05)
    content = path.read_bytes()
    try:
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        assert part.n_done() == part.size - 1
        assert parts()["modl_s0.05"].n_done() == 0
        part.compute(device="cpu")
    finally:
        path.write_bytes(content)
    assert part.n_done() == part.size
    assert parts()["modl_s0.05"].n_done() == TINY.updates


def test_a_pace_is_read_from_the_log(project):
    pace = parts()["modl_s0.05"].pace()
    assert pace is not None and pace.size == TINY.updates and pace.seconds >= 0
    assert "CPU" in pace.device


def test_an_evaluation_stops_goes_on_and_counts_its_rows(project):
    records = parts()["records/modl_s0.05"]
    part = type(records)("smoke", "records", (), Evaluation("smoke", *RUN, **SHORT))
    assert (part.n_done(), part.size) == (0, 8)
    done = []
    while part.n_done() < part.size:
        try:
            part.compute(device="cpu", budget=Budget(0))
        except BudgetSpentError:
            assert not part.evaluation.path.is_file()
        done.append(part.n_done())
    # A scan at a time: of the zero-filled image, then of MoDL.
    assert done == [2, 6, 8]
    frame = scores.read(part.evaluation.path)
    fresh = Evaluation("smoke", *RUN, **SHORT)
    for name in fresh.names:
        fresh.partial(name).unlink()
    fresh.path.unlink()
    again = fresh.compute(device="cpu")
    assert frame.equals(again)
    assert records.n_done() == 8
    assert records.n_done() < records.size


def test_a_budget_stands_in_each_row_and_tuned_baselines_have_their_own_weights(
    project, monkeypatch
):
    cases = [Scenario("clean"), Scenario("tuned", "adaptive", 1 / 255, attack_steps=1)]
    monkeypatch.setattr(tuning, "tuning_scenarios", lambda: cases)
    what = {"scenarios": ("clean",), "sweeps": ("standard",), "baselines": ("tv_tuned",)}
    what |= {"sweep_steps": 2, "n_slices": 1}
    part = Records("smoke", "budget", (), Evaluation("smoke", "modl", budget="cpu", **what))
    # Clean, and the strong attack of three threat models, of two methods at one slice.
    assert part.size == 8 > part.n_done()
    part.compute(device="cpu")
    assert part.n_done() == 8
    frame = scores.read(part.evaluation.path)
    rows = frame[frame["budget"] == "cpu"]
    assert len(rows) == 8 and set(rows["attack_steps"]) == {0, 2}
    chosen = choose_weights(read_candidates(project.tuning))
    assert set(chosen) == {"clean", "image 0.003922"}
    digest = weights_hash(project, "tv_tuned", 0.05)
    assert set(rows.loc[rows["method"] == "tv_tuned", "weights_sha256"]) == {digest}
    draws = random.generator(0, "checked")
    recompute = score_recomputer(project, TINY)
    assert len(recheck(rows, recompute, n_drawn=2, tolerance=1e-4, generator=draws)) == 2
    assert read_provenance(part.evaluation.path)["budget"] == "cpu"
