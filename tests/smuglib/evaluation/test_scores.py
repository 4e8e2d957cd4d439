"""Records survive the file exactly, and damaged files are refused by name."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pandas as pd
import pytest

from smuglib.evaluation import Score, records, scores

ROW = Score(
    method="smug",
    training_sigma=0.05,
    placement="denoiser",
    sigma=0.05,
    n_samples=10,
    n_steps=8,
    scenario="transfer",
    rung="transfer",
    epsilon=1 / 255,
    domain="image",
    norm="linf",
    attack_steps=10,
    attack_restarts=1,
    attack_samples=0,
    attack_precision="float32",
    sampling_rate=0.25,
    consistency_rate=0.25,
    seed=0,
    split="test",
    subject=3,
    slice=7,
    psnr=29.123456789012345,
    ssim=0.1 + 0.2,
    nmse=1e-17 / 3,
    ssim_published=0.9,
    psnr_zero_filled=math.pi,
    ssim_zero_filled=0.5,
    weights_sha256="ab" * 32,
    commit="unknown",
    versions="python 3.11; torch 2.13.0+cpu",
    device='a "quoted", comma',
)
ROWS = [ROW, replace(ROW, slice=8, psnr=math.inf), replace(ROW, scenario="clean", domain="none")]
PROVENANCE = {"commit": "unknown", "versions": {"torch": "2.13"}, "command": "evaluate"}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "records" / "smug_s0.05.csv"
    scores.write(path, ROWS, PROVENANCE)
    return path


def test_round_trip_is_exact(path):
    frame = scores.read(path)
    assert list(frame.columns) == list(Score.columns())
    assert scores.rows_of(frame) == ROWS
    assert all(type(row.subject) is int for row in scores.rows_of(frame))
    assert frame["subject"].dtype == "int64"
    assert frame["psnr"].dtype == "float64"


def test_provenance_stands_beside_the_records(path):
    found = records.read_provenance(path)
    assert {key: found[key] for key in PROVENANCE} == PROVENANCE
    assert found["rows"] == 3
    assert {item.name for item in path.parent.glob("[!.]*")} == {path.name, "smug_s0.05.json"}


def test_records_without_provenance_are_read_on_request_only(path):
    path.with_suffix(".json").unlink()
    assert scores.rows_of(scores.read(path, verify=False)) == ROWS
    with pytest.raises(FileNotFoundError, match=r"no provenance file .*smug_s0\.05\.json"):
        scores.read(path)


def test_no_rows_make_an_empty_table(tmp_path):
    scores.write(tmp_path / "none.csv", [], {})
    assert len(scores.read(tmp_path / "none.csv")) == 0


def test_identity_leaves_out_results_and_makers():
    other = replace(ROW, psnr=1.0, commit="x", versions="y", device="z")
    assert other.identity == ROW.identity
    for name in Score.columns():
        if name in (*scores.RESULTS, "commit", "versions", "device", "budget"):
            continue
        value = getattr(ROW, name)
        changed = replace(ROW, **{name: value + 1 if not isinstance(value, str) else "other"})
        assert changed.identity != ROW.identity


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    with pytest.raises(ValueError, match="psnr is NaN for smug in scenario 'transfer', test slice"):
        scores.write(path, [replace(ROW, psnr=math.nan)], PROVENANCE)
    with pytest.raises(ValueError, match="two records are of the same settings"):
        scores.write(path, [ROW, replace(ROW, psnr=1.0)], PROVENANCE)
    assert path.read_bytes() == before
    assert len(list(path.parent.glob("[!.]*"))) == 2


def test_an_update_leaves_other_methods_alone_and_drops_outdated_weights(path):
    baseline = replace(ROW, method="tv", weights_sha256="none")
    scores.write(path, [*ROWS, baseline], PROVENANCE)
    again = replace(ROW, psnr=30.0, commit="later")
    frame = scores.update(path, [again], {"smug": ROW.weights_sha256}, PROVENANCE)
    assert scores.rows_of(frame) == [again, *ROWS[1:], baseline]
    assert frame.equals(scores.read(path))
    new = replace(ROW, weights_sha256="cd" * 32)
    frame = scores.update(path, [new], {"smug": new.weights_sha256}, PROVENANCE)
    assert scores.rows_of(frame) == [new, baseline]


def test_an_update_of_no_file_and_by_no_rows(tmp_path):
    path = tmp_path / "new.csv"
    weights = {"smug": ROW.weights_sha256}
    assert scores.rows_of(scores.update(path, ROWS, weights, PROVENANCE)) == ROWS
    assert scores.rows_of(scores.update(path, [], weights, PROVENANCE)) == ROWS
    assert len(scores.update(path, [], {"smug": "none"}, PROVENANCE)) == 0


@pytest.mark.parametrize("weights", [{}, {"smug": "none"}])
def test_an_update_by_rows_of_other_weights_than_stated(path, weights):
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"smug in scenario .* is of the weights abab"):
        scores.update(path, ROWS, weights, PROVENANCE)
    assert path.read_bytes() == before


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no records file .*none\.csv"):
        scores.read(tmp_path / "none.csv")
    with pytest.raises(FileNotFoundError, match=r"no records file .*none\.csv"):
        records.read_provenance(tmp_path / "none.csv")


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_truncated_file(path, cut):
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match="truncated or edited: .* the 3 rows written"):
        scores.read(path)


def test_edited_value(path):
    path.write_text(path.read_text().replace("29.12", "39.12"))
    with pytest.raises(ValueError, match="truncated or edited"):
        scores.read(path)


def test_truncated_line_without_verification(path):
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match=r"line 4 has not 33 fields, the file is truncated"):
        scores.read(path, verify=False)


def test_columns(path):
    frame = pd.read_csv(path)
    frame.drop(columns="ssim").to_csv(path, index=False)
    with pytest.raises(ValueError, match="lacks column 'ssim'"):
        scores.read(path, verify=False)
    frame.assign(speed=1).to_csv(path, index=False)
    with pytest.raises(ValueError, match="unknown column 'speed'"):
        scores.read(path, verify=False)


def test_wrong_type(path):
    path.write_text(path.read_text().replace(repr(ROW.psnr), "good"))
    with pytest.raises(ValueError, match="line 2: psnr must be of type float, got 'good'"):
        scores.read(path, verify=False)


def test_damaged_provenance(path):
    provenance = path.with_suffix(".json")
    whole = provenance.read_text()
    provenance.write_text(whole[:-5])
    with pytest.raises(ValueError, match="not a whole JSON file"):
        scores.read(path)
    provenance.write_text(json.dumps({"rows": 3}))
    with pytest.raises(ValueError, match="lacks 'sha256'"):
        scores.read(path)


def test_files_older_than_a_column_are_read_with_what_it_means_there(tmp_path):
    path = tmp_path / "smug_s0.05.csv"
    row = replace(ROW, device="CPU")
    scores.write(path, [row], PROVENANCE)
    lines = [line.rsplit(",", 2)[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(lines) + "\n")
    assert "antithetic" not in lines[0] and "budget" not in lines[0]
    assert scores.rows_of(scores.read(path, verify=False)) == [row]
    path.write_text("\n".join(line.rsplit(",", 1)[0] for line in lines) + "\n")
    with pytest.raises(ValueError, match="it lacks column 'device'"):
        scores.read(path, verify=False)
