"""A file of records is one thing: no crash, no other process and no damage makes it another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from smuglib import files
from smuglib.evaluation import records
from tests.crashes import crashes, kills
from tests.damage import damaged


@dataclass(frozen=True)
class Row(records.Record):
    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    writer: str
    number: int
    value: float


OLD = [Row("old", number, 12.5 + number) for number in range(3)]
NEW = [Row("new", number, 1 / (1 + number)) for number in range(4)]


def held(path):
    """Rows and provenance of a pair, which must be of one writing."""
    found = records.rows_of(records.read(path, Row), Row)
    provenance = records.read_provenance(path)
    assert provenance["rows"] == len(found)
    return found, provenance["made"]


def prepare(path):
    for file in path.parent.glob("*"):
        file.unlink()
    records.write(path, OLD, Row, {"made": "old"})


def add(path):
    records.update(path, Row, lambda rows: [*NEW, *rows], {"made": "new"})


def check_every(stops, path):
    """Stop an update everywhere: the old pair is there, or the new one, and a later run ends."""
    before, after = (OLD, "old"), ([*NEW, *OLD], "new")
    found = []
    for _ in stops(lambda: prepare(path), lambda: add(path)):
        found.append(held(path))
        old = [row for row in found[-1][0] if row in OLD]
        records.update(path, Row, lambda rows, old=old: [*NEW, *old], {"made": "new"})
        assert held(path) == after
        assert "previous" not in path.with_suffix(".json").read_text()
    assert held(path) == after
    assert all(pair in (before, after) for pair in found)
    assert found.count(before) > 4 and found.count(after) > 4
    return len(found)


def test_a_crash_at_any_point_of_an_update_leaves_a_pair(tmp_path):
    assert check_every(crashes, tmp_path / "a.csv") == 12  # three files: write, sync, rename, sync


def in_a_process_without_threads(call, path):
    """Run a function of this module where it may fork: pytest and torch have threads."""
    code = f"import pathlib, {__name__} as here; here.{call}(pathlib.Path({str(path)!r}))"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def kill_everywhere(path):
    assert check_every(kills, path) == 12


def test_a_kill_at_any_point_of_an_update_leaves_a_pair(tmp_path):
    in_a_process_without_threads("kill_everywhere", tmp_path / "a.csv")


def test_a_crash_at_any_point_of_a_first_write_leaves_no_records_or_all(tmp_path):
    path = tmp_path / "a.csv"

    def clear():
        for file in tmp_path.glob("*"):
            file.unlink()

    for _ in crashes(clear, lambda: records.write(path, OLD, Row, {"made": "old"})):
        assert not path.exists() or held(path) == (OLD, "old")
        add(path)
        assert held(path)[0][: len(NEW)] == NEW


def test_a_reader_finds_one_pair_or_the_other_while_it_is_written(tmp_path):
    path = tmp_path / "a.csv"
    prepare(path)

    def write(number):
        records.write(path, (OLD, NEW)[number % 2], Row, {"made": ("old", "new")[number % 2]})

    with ThreadPoolExecutor(1) as pool:
        writing = pool.map(write, range(30))
        seen = [tuple(records.rows_of(records.read(path, Row), Row)) for _ in range(60)]
        list(writing)
    assert set(seen) <= {tuple(OLD), tuple(NEW)}


def test_a_pair_that_is_replaced_between_its_files_is_read_again(tmp_path, monkeypatch):
    path, read_json = tmp_path / "a.csv", files.read_json
    prepare(path)

    def overtaken(beside):
        monkeypatch.setattr(files, "read_json", read_json)
        records.write(path, NEW, Row, {"made": "new"})
        return read_json(beside)

    monkeypatch.setattr(files, "read_json", overtaken)
    assert held(path) == (NEW, "new")


def write_from_three_processes(path):
    children = []
    for name in "abc":
        children.append(os.fork())
        if children[-1] == 0:
            for number in range(10):
                row = Row(name, number, number / 3)
                records.update(path, Row, lambda rows, row=row: [row, *rows], {"made": name})
            os._exit(0)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]


def test_no_row_is_lost_between_processes(tmp_path):
    path = tmp_path / "a.csv"
    in_a_process_without_threads("write_from_three_processes", path)
    found, _ = held(path)
    assert {(row.writer, row.number) for row in found} == {(w, n) for w in "abc" for n in range(10)}


# --- damage ---------------------------------------------------------------------------------------


def test_no_damage_is_read_as_other_records(tmp_path):
    path = tmp_path / "a.csv"
    prepare(path)
    for file in (path, path.with_suffix(".json")):
        whole, refused = file.read_bytes(), 0
        for content in damaged(whole):
            file.write_bytes(content)
            try:
                assert held(path) == (OLD, "old")
            except files.UnreadableFileError:
                refused += 1
        assert refused > 300
        file.write_bytes(whole)
    assert held(path) == (OLD, "old")


def test_git_on_windows_may_change_the_ends_of_lines(tmp_path):
    path = tmp_path / "a.csv"
    prepare(path)
    for file in (path, path.with_suffix(".json")):
        file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert held(path) == (OLD, "old")


def test_what_an_interrupted_run_left_grows_and_is_replaced_by_identity(tmp_path):
    path = tmp_path / "partial.csv"
    assert records.kept(path, Row) == []
    records.keep(path, OLD, Row)
    again = Row("old", 1, 99.0)
    records.keep(path, [again, *NEW], Row)
    assert records.kept(path, Row) == [again, *NEW, OLD[0], OLD[2]]


def test_what_an_interrupted_run_left_is_computed_again_if_it_is_damaged(tmp_path):
    path = tmp_path / "partial.csv"
    records.keep(path, OLD, Row)
    for content in (path.read_bytes().replace(b"12.5", b"92.5"), b"", b"\xff\n"):
        path.write_bytes(content)
        with pytest.warns(UserWarning, match=r"partial\.csv cannot be read: .* computed again"):
            assert records.kept(path, Row) == []
    with pytest.warns(UserWarning, match="computed again"):
        records.keep(path, NEW, Row)
    assert records.kept(path, Row) == NEW
    path.with_suffix(".json").unlink()
    with pytest.warns(UserWarning, match="no provenance file .* computed again"):
        assert records.kept(path, Row) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"\xff,1,2.0", "no table of records"),
        (b"a,99999999999999999999999,2.0", "no table of records"),
        (b'"' + b"a" * 200_000 + b'",1,2.0', "no table of records"),
        (b"a,1", "line 2 has not 3 fields"),
        (b"a,x,2.0", "line 2: number must be of type int, got 'x'"),
    ],
)
def test_whatever_is_wrong_in_a_file_is_one_error(tmp_path, line, reason):
    path = tmp_path / "a.csv"
    path.write_bytes(b"writer,number,value\n" + line + b"\n")
    with pytest.raises(files.UnreadableFileError, match=reason):
        records.read(path, Row, verify=False)


@pytest.mark.parametrize("previous", [3, [], {}, {"sha256": "0"}, None])
def test_a_strange_provenance_is_one_error(tmp_path, previous):
    path = tmp_path / "a.csv"
    prepare(path)
    content = {"rows": 3, "sha256": "0", "previous": previous}
    path.with_suffix(".json").write_text(json.dumps(content))
    with pytest.raises(files.UnreadableFileError, match="truncated or edited"):
        records.read(path, Row)


def test_shipped_records_are_read_as_they_are():
    shipped = Path(__file__).parents[3] / "book" / "shipped"
    paths = [p for p in shipped.rglob("*.csv") if "sha256" in p.with_suffix(".json").read_text()]
    assert len(paths) > 20
    for path in paths:
        assert records.read_provenance(path)["sha256"] == files.sha256(path)
