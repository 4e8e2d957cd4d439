"""The short form of the torture: 40 kills, 630 damaged files, some races and full disks."""

from __future__ import annotations

import ctypes
import resource
import time
from pathlib import Path
from unittest import mock

import pytest

from smuglib.evaluation import records
from tests.torture import __main__ as command
from tests.torture import kills, places, races
from tests.torture.forks import Child, Part, apart
from tests.torture.outcome import Outcome
from tests.torture.report import Toll
from tests.torture.works import WORKS, Work

SHORT: tuple[Part, ...] = (
    ("kills", "run", 40),
    ("kills", "crash_points", 12),
    ("races", "run", 8),
    ("places", "run", 12),
    ("damage", "run", 630),
)


@pytest.mark.long
def test_nothing_is_lost():
    found = apart("tests.torture.forks", "attempts", SHORT, 0)
    assert [len(outcomes) for outcomes in found] == [n for _, _, n in SHORT]
    assert [one for outcomes in found for one in outcomes if one.verdict == "lost"] == []


def careless() -> dict[str, set[str]]:
    """What each part says of a work that appends to a file, and takes what is there for its own."""

    def do(folder: Path, worker: int) -> None:
        for number in range(3):
            text = (folder / "log").read_text()
            (folder / "log").write_bytes(b"")
            time.sleep(0.01)
            (folder / "log").write_bytes(f"{text}{worker}{number} ".encode())

    work = Work(
        lambda folder: (folder / "log").touch(), do, lambda folder: (folder / "log").read_text()
    )
    parts = (kills.run, races.run, places.run)
    with mock.patch.dict(WORKS, {"careless": work}, clear=True):
        return {part.__module__: {one.verdict for one in part(0, 6)} for part in parts}


def test_a_careless_work_is_lost():
    assert all("lost" in verdicts for verdicts in apart(__name__, "careless").values())


def ends() -> list[str]:
    """How functions end that take their process along."""

    def greedy() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (2**30, resource.RLIM_INFINITY))
        bytearray(2**31)

    ways = (lambda: ctypes.string_at(0), greedy, lambda: time.sleep(60), lambda: 1 / 0)
    return [Child(way).end(1.0).error for way in ways]


def test_a_child_takes_nothing_along():
    assert apart(__name__, "ends") == [
        "ends with status -11",
        "MemoryError: ",
        "hangs over 1 s",
        "ZeroDivisionError: division by zero",
    ]


OUTCOMES = [
    Outcome("kill", "1", "survived", ""),
    Outcome("race", "2", "survived", ""),
    Outcome("kill", "3", "lost", "another result"),
]


def test_what_is_lost_is_told_kept_and_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "apart", lambda *_: [OUTCOMES])
    monkeypatch.setattr(command, "MINUTES", (("kills", "run", 3),))
    path = tmp_path / "torture.csv"
    assert command.main(["-o", str(path), "--seed", "4"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["kill", "2", "1", "1"]
    assert lines[3].split() == ["all", "3", "2", "1"]
    assert "lost: kill, 3: another result" in lines
    assert records.rows_of(records.read(path, Toll), Toll) == [
        Toll("kill", 2, 1, 1), Toll("race", 1, 1, 0)
    ]  # fmt: skip
    described = records.read_provenance(path)
    assert (described["seed"], described["long"]) == (4, False)
    assert [one["case"] for one in described["lost"]] == ["3"]
    monkeypatch.setattr(command, "apart", lambda *_: [OUTCOMES[:2]])
    assert command.main([]) == 0
