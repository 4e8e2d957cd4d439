"""Trainings are set against the same training without one setting, and no other."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.experiments import effects
from smugbook.results import Store
from smuglib.evaluation import Scenario, evaluate, scores
from smuglib.models import ZeroFilled
from tests.scans import scan

CLEAN = Scenario("clean")


def leave(folder, best, psnr_shift=0.0):
    """Leave a log that peaks at update 2, and records of two slices."""
    log = pd.DataFrame({"update": [1, 2, 3], "validation_psnr": [best - 1, best, best - 2]})
    (folder / "logs").mkdir(parents=True)
    log.to_csv(folder / "logs" / "smug_s0.05.csv", index=False)
    scans = [scan(0), scan(2)]
    rows = evaluate(
        ZeroFilled(), scans, [CLEAN], method="smug", training_sigma=0.05, progress=False
    )
    frame = pd.DataFrame([vars(row) for row in rows])
    frame["psnr"] += psnr_shift
    scores.write(folder / "records" / "smug_s0.05.csv", scores.rows_of(frame), {"code": "abc"})


@pytest.fixture
def store(tmp_path):
    folder = tmp_path / "variants"
    leave(tmp_path, 30.0)
    leave(folder / "reference=denoised", 28.0, -1.5)
    leave(folder / "reference=denoised,updates=2", 27.0, -2.0)
    leave(folder / "updates=2", 29.0, -0.5)
    leave(folder / "jitter=0.1,seed=1", 20.0)
    return Store(tmp_path)


def test_pairs_differ_in_one_setting(store):
    found = {name: other.folder.name for name, _, other in effects.find_pairs(store, "reference")}
    assert found == {
        "reference=denoised": store.folder.name,
        "reference=denoised,updates=2": "updates=2",
    }
    assert not list(
        effects.find_pairs(store, "jitter")
    )  # the training with seed=1 alone is missing
    assert not list(effects.find_pairs(Store(store.folder / "none"), "reference"))


def test_a_default_that_is_named_is_the_partner(store):
    leave(store.folder / "variants" / "reference=target,updates=2", 29.5)
    found = {
        name: other.folder.name
        for name, _, other in effects.find_pairs(store, "reference", "target")
    }
    assert found == {
        "reference=denoised": store.folder.name,
        "reference=denoised,updates=2": "reference=target,updates=2",
    }


def test_logs_and_records_are_compared(store):
    lines = effects.compare_validations(store, "reference").set_index("variant")
    columns = ["validation (dB)", "without it (dB)"]
    assert lines.loc["reference=denoised", columns].tolist() == [28.0, 30.0]
    assert lines.loc["reference=denoised,updates=2", columns].tolist() == [27.0, 29.0]
    found = effects.compare_trainings(store, "reference", [CLEAN]).set_index("departure")
    assert found["mean"].to_dict() == pytest.approx(
        {"reference=denoised": -1.5, "reference=denoised,updates=2": -1.5}
    )
    assert set(found["n_subjects"]) == {2}


def test_a_log_that_ends_early_is_compared_up_to_there(store):
    path = store.folder / "variants" / "reference=denoised" / "logs" / "smug_s0.05.csv"
    pd.read_csv(path).iloc[:1].to_csv(path, index=False)
    line = (
        effects.compare_validations(store, "reference")
        .set_index("variant")
        .loc["reference=denoised"]
    )
    assert (line["updates"], line["validation (dB)"], line["without it (dB)"]) == (1, 27.0, 29.0)
