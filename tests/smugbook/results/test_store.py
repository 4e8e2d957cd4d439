"""Where results lie, and how a training's files get there."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import pytest
import torch

from smugbook.results import Store
from smugbook.results.store import run_name
from smuglib import models
from smuglib.files import UnreadableFileError, sealed_json, sha256, write_bytes
from smuglib.methods import METHODS, SIGMAS
from smuglib.models import UnrolledNetwork, denoisers, weights
from smuglib.smoothing import Smoothing
from tests.crashes import crashes
from tests.damage import damaged

LAYOUT = {
    "weights": "weights/smug_s0.05.safetensors",
    "records": "records/smug_s0.05.csv",
    "log": "logs/smug_s0.05.csv",
}


def trained(folder, seed=1):
    """Leave what a training leaves in its checkpoints; return the path of its network."""
    network = UnrolledNetwork(
        denoisers.seeded({"name": "dncnn", "channels": 2, "blocks": 1}, seed),
        smoothing=Smoothing("denoiser", 0.05),
    )
    path = folder / "network.safetensors"
    models.save_network(path, network, method="smug")
    (folder / "log.csv").write_text("update,validation_psnr\n1,30.5\n2,31.25\n")
    (folder / "provenance.json").write_text(json.dumps({"commit": "abc"}))
    return path


def test_both_sources_have_one_layout(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("SHIPPED", "SHIPPED_WEIGHTS"):
        monkeypatch.setattr(f"smugbook.results.store.{name}", tmp_path / "shipped")
    roots = {"shipped": tmp_path / "shipped" / "default", "build": tmp_path / "build" / "default"}
    for source, root in roots.items():
        for name, path in LAYOUT.items():
            assert getattr(Store.open("default", source), name)("smug", 0.05) == root / path
        harm = Store.open("default", source).measurements("harm", "smug", 0.05)
        assert harm == root / "harm" / "smug_s0.05.csv"


def test_the_build_folder_is_the_project_s_from_any_folder_below_it(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").touch()
    (tmp_path / "book" / "deep").mkdir(parents=True)
    for folder in (tmp_path, tmp_path / "book", tmp_path / "book" / "deep"):
        monkeypatch.chdir(folder)
        assert Store.open("smoke", "build").folder == tmp_path / "build" / "smoke"


def test_a_variant_is_found_by_name_and_an_unknown_one_names_the_known(tmp_path):
    own = Store(tmp_path)
    assert own.named_variant("") == own
    with pytest.raises(FileNotFoundError, match="no variant 'seed=1' .*: there are none"):
        own.named_variant("seed=1")
    assert own.named_variant("seed=1", missing_ok=True) == own.variant({"seed": 1})
    other = own.variant({"seed": 1})
    other.folder.mkdir(parents=True)
    assert own.named_variant("seed=1") == other
    with pytest.raises(FileNotFoundError, match="no variant 'seed=2' .*: there are seed=1"):
        own.named_variant("seed=2")


def test_runs_with_other_settings_lie_apart(tmp_path):
    own = Store(tmp_path)
    assert own.variant({}) == own
    other = own.variant({"seed": 1, "learning_rate": 1e-4})
    assert other.folder == tmp_path / "variants" / "learning_rate=0.0001,seed=1"
    assert own.variant({"learning_rate": 1e-4, "seed": 1}) == other


@pytest.mark.parametrize(
    ("method", "sigma", "name"),
    [
        ("smug", 0.05, "smug_s0.05"),
        ("pretrained", 0.01, "pretrained_s0.01"),
        ("modl", 1, "modl_s1"),
        ("rs_e2e", 0.10, "rs_e2e_s0.1"),
        ("smug", 0.05000001, "smug_s0.05000001"),
        ("smug", 1 / 3, "smug_s0.3333333333333333"),
    ],
)
def test_a_run_is_named_by_method_and_noise(method, sigma, name):
    assert run_name(method, sigma) == name


def test_run_names_agree_with_the_files_that_load_looks_for():
    for method in METHODS:
        for sigma in SIGMAS:
            assert weights.file_name(method, sigma) == f"{run_name(method, sigma)}.safetensors"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope", "build"), "profile must be one of"),
        (("smoke", "elsewhere"), "results must be one of 'shipped', 'build', got 'elsewhere'"),
    ],
)
def test_an_unknown_profile_or_source_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Store.open(*arguments)


@pytest.mark.parametrize(
    ("method", "sigma", "message"),
    [
        ("SMUG", 0.05, "method must be one of 'pretrained', 'modl'"),
        ("smug", 0, "sigma must be > 0"),
        ("smug", float("nan"), "sigma must be a finite real number"),
        ("smug", "0.05", "sigma must be a finite real number"),
    ],
)
def test_an_impossible_run_is_refused(method, sigma, message):
    with pytest.raises(ValueError, match=message):
        run_name(method, sigma)


def test_keep_copies_weights_log_and_provenance(tmp_path):
    kept = Store(tmp_path)
    source = trained(kept.checkpoints("smug", 0.05, "code"))
    assert kept.keep("smug", 0.05, source) == kept.weights("smug", 0.05)
    assert kept.weights("smug", 0.05).read_bytes() == source.read_bytes()
    network = kept.load("smug", 0.05)
    assert network.smoothing == Smoothing("denoiser", 0.05)
    assert not network.training
    expected = pd.DataFrame({"update": [1, 2], "validation_psnr": [30.5, 31.25]})
    pd.testing.assert_frame_equal(kept.read_log("smug", 0.05), expected)
    described = {"commit": "abc", "weights_sha256": sha256(source)}
    assert kept.read_provenance("smug", 0.05) == described


def test_a_damaged_log_is_refused(tmp_path):
    kept = Store(tmp_path)
    source = trained(kept.checkpoints("smug", 0.05, "code"))
    kept.keep("smug", 0.05, source)
    log = kept.log("smug", 0.05)
    write_bytes(log.with_suffix(".json"), sealed_json({"log_sha256": sha256(log)}))
    whole = log.read_bytes()
    kept.read_log("smug", 0.05)
    for content in damaged(whole, n_cuts=20):
        log.write_bytes(content)
        with pytest.raises(UnreadableFileError, match=r"smug_s0\.05\.csv cannot be read"):
            kept.read_log("smug", 0.05)


def test_keep_replaces_an_older_training(tmp_path):
    kept = Store(tmp_path)
    first = kept.keep("smug", 0.05, trained(kept.checkpoints("smug", 0.05, "code")))
    before = first.read_bytes()
    kept.keep("smug", 0.05, trained(kept.checkpoints("smug", 0.05, "code"), seed=2))
    assert first.read_bytes() != before
    assert sorted(p.name for p in first.parent.iterdir()) == [first.name]


def test_a_crash_leaves_one_training_or_is_told_and_the_next_mends_it(tmp_path):
    kept = Store(tmp_path)
    runs = [trained(kept.checkpoints("smug", 0.05, code), seed=s) for s, code in enumerate("ab")]
    for number, run in enumerate(runs):
        log = (run.parent / "log.csv").read_text() + f"{number + 3},32\n"
        (run.parent / "log.csv").write_text(log)
        described = {"log_sha256": hashlib.sha256(log.encode()).hexdigest()}
        write_bytes(run.parent / "provenance.json", sealed_json(described))
    whole = [sha256(run) for run in runs]
    n_told = 0
    for _ in crashes(
        lambda: kept.keep("smug", 0.05, runs[0]), lambda: kept.keep("smug", 0.05, runs[1])
    ):
        try:
            log = kept.read_log("smug", 0.05)
        except UnreadableFileError:
            n_told += 1
        else:
            number = whole.index(kept.read_provenance("smug", 0.05)["weights_sha256"])
            assert sha256(kept.weights("smug", 0.05)) == whole[number]
            assert log["update"].iloc[-1] == number + 3
        kept.keep("smug", 0.05, runs[1])
        assert kept.read_provenance("smug", 0.05)["weights_sha256"] == whole[1]
    assert n_told


def test_what_was_not_trained_is_named(tmp_path):
    empty = Store(tmp_path)
    with pytest.raises(
        FileNotFoundError, match=r"no training log .*: has smug_s0\.05 been trained"
    ):
        empty.read_log("smug", 0.05)
    with pytest.raises(FileNotFoundError, match="no weights file"):
        empty.load("smug", 0.05)
    with pytest.raises(FileNotFoundError):
        empty.keep("smug", 0.05, tmp_path / "none.safetensors")
    assert not empty.weights("smug", 0.05).exists()


def test_a_network_is_loaded_on_the_cpu(tmp_path):
    kept = Store(tmp_path)
    kept.keep("smug", 0.05, trained(kept.checkpoints("smug", 0.05, "code")))
    devices = {p.device for p in kept.load("smug", 0.05).parameters()}
    assert devices == {torch.device("cpu")}


def test_checkpoints_of_other_code_are_not_resumed_from(tmp_path):
    own = Store(tmp_path)
    folder = own.checkpoints("smug", 0.05, "0123456789abcdef")
    assert folder == tmp_path / "checkpoints" / "smug_s0.05-0123456789ab"
    assert own.checkpoints("smug", 0.05, "another") != folder


def test_noise_levels_that_differ_have_files_that_differ(tmp_path):
    store = Store(tmp_path)
    names = [store.weights("smug", sigma).name for sigma in (0.05, 0.05000001, 0.1, 1e-7, 1)]
    assert names[0] == weights.file_name("smug", 0.05) == "smug_s0.05.safetensors"
    assert names[1] == weights.file_name("smug", 0.05000001) == "smug_s0.05000001.safetensors"
    assert names[2:] == [f"smug_s{text}.safetensors" for text in ("0.1", "1e-07", "1")]
