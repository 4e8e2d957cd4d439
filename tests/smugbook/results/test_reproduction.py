"""Differences between new and shipped records."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook import cli
from smugbook.results.reproduction import compare_records
from smuglib.files import UnreadableFileError, sealed_json, sha256, write_bytes


def write(folder, name, **changes):
    folder.mkdir(exist_ok=True)
    columns = {
        "method": ["smug", "smug"],
        "scenario": ["clean", "clean"],
        "slice": [0, 1],
        "psnr": [30.0, 31.0],
        "ssim": [0.9, 0.8],
        "commit": "abc",
    }
    keep(pd.DataFrame({**columns, **changes}), folder / name)


def keep(frame, path):
    """Write a table as records are kept, with its hash beside it."""
    frame.to_csv(path, index=False)
    beside = {"rows": len(frame), "sha256": sha256(path)}
    write_bytes(path.with_suffix(".json"), sealed_json(beside))


def test_rows_are_matched_and_measures_compared(tmp_path):
    fresh, shipped = tmp_path / "fresh", tmp_path / "shipped"
    write(shipped, "smug.csv")
    write(fresh, "smug.csv", psnr=[30.5, 30.5], commit="def", slice=[0, 2])
    table = compare_records(fresh, shipped).set_index("measure")
    psnr = table.loc["psnr"]
    assert (psnr["rows"], psnr["only_fresh"], psnr["only_shipped"]) == (1, 1, 1)
    assert psnr["mean_difference"] == psnr["largest_difference"] == 0.5
    assert table.loc["ssim", "largest_difference"] == 0


def test_measurements_are_compared_by_quantity(tmp_path):
    fresh, shipped = tmp_path / "fresh", tmp_path / "shipped"
    for folder, norm in ((fresh, 3.5), (shipped, 3.0)):
        folder.mkdir()
        lines = {"method": "smug", "scenario": "image", "quantity": ["norm", "change"]}
        keep(pd.DataFrame({**lines, "index": 0, "value": [norm, 7.0]}), folder / "smug.csv")
    table = compare_records(fresh, shipped).set_index("quantity")
    assert table["measure"].tolist() == ["value", "value"]
    assert table["largest_difference"].to_dict() == {"norm": 0.5, "change": 0.0}


def test_other_columns_and_missing_records_are_refused(tmp_path, capsys):
    fresh, shipped = tmp_path / "fresh", tmp_path / "shipped"
    write(fresh, "a.csv", extra=1)
    with pytest.raises(FileNotFoundError, match="holds no records"):
        compare_records(fresh, shipped)
    write(shipped, "a.csv")
    assert cli.main(["compare", str(fresh), str(shipped)]) == 2
    assert "same columns: ['extra']" in capsys.readouterr().err


def test_a_damaged_file_is_refused_and_a_hidden_one_passed_over(tmp_path):
    """A killed process leaves its unfinished file, whose name begins with a dot."""
    fresh, shipped = tmp_path / "fresh", tmp_path / "shipped"
    for folder in (fresh, shipped):
        write(folder, "smug.csv")
    (fresh / ".smug.0123.csv").write_text("method,scen")
    assert (compare_records(fresh, shipped)["largest_difference"] == 0).all()
    path = fresh / "smug.csv"
    path.write_text(path.read_text().replace("30.0", "90.0"))
    with pytest.raises(UnreadableFileError, match="truncated or edited"):
        compare_records(fresh, shipped)


def test_the_command_prints_the_table(tmp_path, capsys):
    write(tmp_path / "a", "a.csv")
    assert cli.main(["compare", str(tmp_path / "a"), str(tmp_path / "a")]) == 0
    assert "mean_difference" in capsys.readouterr().out
