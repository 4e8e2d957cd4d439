"""The page on how the book was made reads what trainings and evaluations left behind."""

from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from smugbook.notebooks import run
from smugbook.pages import inventory
from smugbook.paths import project_root
from smugbook.results import Store
from smuglib.files import sha256
from tests.smugbook.notebooks.test_sweep import executed
from tests.torture import report
from tests.torture.outcome import Outcome

ORIGIN = {"device": "a CPU", "commit": "0123456789abcdef", "time": "2026-01-02T03:04:05+00:00"}


@pytest.fixture
def store(tmp_path):
    """One training and its records, and the records of a variant that somebody edited."""
    for folder in (tmp_path, tmp_path / "variants" / "jitter=0.1"):
        for kind in ("logs", "records", "weights"):
            (folder / kind).mkdir(parents=True)
        records = folder / "records" / "modl_s0.05.csv"
        records.write_text("a\n1\n2\n")
        origin = {**ORIGIN, "rows": 2, "sha256": sha256(records)}
        records.with_suffix(".json").write_text(json.dumps(origin))
    records.write_text("a\n1\n3\n")
    log = {"update": [5, 9], "validation_psnr": [31.0, 30.0], "seconds": [60, 90]}
    pd.DataFrame(log).to_csv(tmp_path / "logs" / "modl_s0.05.csv", index=False)
    origin = json.dumps({**ORIGIN, "precision": "bfloat16"})
    (tmp_path / "logs" / "modl_s0.05.json").write_text(origin)
    (tmp_path / "weights" / "modl_s0.05.safetensors").write_bytes(b"0" * 20000)
    return tmp_path


def test_a_training_is_told_by_its_log(store):
    table = inventory.list_trainings(store)
    assert table.index.to_list() == ["modl_s0.05"]
    assert table.iloc[0].to_dict() == {
        "updates": 9,
        "validation PSNR (dB)": 31.0,
        "minutes": 1.5,
        "arithmetic": "bfloat16",
        "device": "a CPU",
        "commit": "0123456",
        "date": "2026-01-02",
    }


def test_records_that_changed_are_noticed(store):
    table = inventory.list_evaluations(store)
    assert table["unchanged"].to_dict() == {
        "modl_s0.05": True,
        "variants/jitter=0.1/modl_s0.05": False,
    }
    assert table["SHA-256"]["modl_s0.05"] == sha256(store / "records" / "modl_s0.05.csv")[:16]


def test_weights_are_told_by_size_and_hash(store):
    table = inventory.list_weights(store)
    digest = sha256(store / "weights" / "modl_s0.05.safetensors")
    assert table.loc["modl_s0.05"].to_list() == [0.02, digest[:16]]


def test_files_are_told_in_words(store):
    told = inventory.label_table(inventory.list_evaluations(store))
    assert told["run"].to_list() == ["MoDL", "MoDL"]
    assert told["training_sigma"].to_list() == [0.05, 0.05]
    assert told["differs by"].to_list() == ["–", "jitter\u00a00.1"]
    names = ["variants/pretrained=False,updates=600,reference=denoised/other"]
    (row,) = inventory.label_table(pd.DataFrame({"MB": [1]}, index=names)).itertuples(index=False)
    assert row[0] == "other" and math.isnan(row[1])
    assert row[2].replace("\u00a0", " ") == "no pre-training, 600 updates, reference D(t)"


def test_the_torture_is_told_with_its_sums(tmp_path):
    path = tmp_path / "torture.csv"
    table, told = inventory.summarize_torture(path)
    assert table.empty and told == "No torture is on record here."
    outcomes = [Outcome("kill", "1", "survived", ""), Outcome("race", "2", "lost", "a row")]
    report.write(path, report.tolls(outcomes), outcomes[1:], {"seed": 3})
    table, told = inventory.summarize_torture(path)
    assert table.loc["race"].to_dict() == {"tried": 1, "survived": 0, "lost": 1}
    assert told.startswith("2 attempts, 1 lost (seed 3, ")


def test_an_empty_store_has_empty_tables(tmp_path):
    for read in (inventory.list_trainings, inventory.list_evaluations, inventory.list_weights):
        assert inventory.label_table(read(tmp_path)).empty
    assert inventory.list_evaluations(tmp_path)["unchanged"].sum() == 0


def test_columns_that_agree_are_told_once():
    table = pd.DataFrame({"device": ["a", "a"], "commit": ["1", "2"], "rows": [3, 3]})
    left, told = inventory.split_shared_columns(table)
    assert left.columns.to_list() == ["commit", "rows"] and told == "In every row: device a."
    assert inventory.split_shared_columns(left)[1] == ""
    dated = pd.DataFrame({"unchanged": [True, True], "date": ["2026-01-10", "2026-01-02"]})
    left, told = inventory.split_shared_columns(dated)
    assert (
        told.replace("\u00a0", " ") == "In every row: unchanged. Dates: 2 Jan 2026 to 10 Jan 2026."
    )
    assert left.empty


def test_one_thread_is_one():
    assert inventory.device("x86_64 CPU, 1 threads") == "x86_64 CPU, 1 thread"
    assert inventory.device("x86_64 CPU, 11 threads") == "x86_64 CPU, 11 threads"


def test_times_of_chapters_come_from_their_execution(tmp_path):
    timed = executed(tmp_path / "a.ipynb", duration=90)
    content = run.read_notebook(timed)
    content["metadata"]["papermill"]["start_time"] = "2026-01-02T03:04:05.678"
    timed.write_text(json.dumps(content))
    table = inventory.list_executions([timed])
    assert table.loc["Demo"].to_list() == [1.5, "2\u00a0Jan\u00a02026", "03:04"]
    assert inventory.list_executions([executed(tmp_path / "b.ipynb")])["minutes"].isna().all()
    assert inventory.list_executions([]).empty


def test_nothing_shipped_has_changed_since_it_was_written():
    folder = Store.open("default").folder
    assert inventory.list_evaluations(folder)["unchanged"].all()
    assert len(inventory.list_trainings(folder)) >= 10
    assert not inventory.list_versions().eq("not installed").any()
    assert str(project_root()) not in inventory.list_trainings(folder).to_csv()
