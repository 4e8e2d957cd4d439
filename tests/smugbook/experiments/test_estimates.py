"""Seconds that are left, from what others of the same kind took on the same device."""

from __future__ import annotations

import pytest

from smugbook.experiments import estimates
from smugbook.experiments.agenda import parts_of
from smugbook.experiments.parts import Pace
from smugbook.results import Store

CPU, GPU = "x86_64 CPU, 2 threads", "NVIDIA H200"


@pytest.fixture
def parts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return {part.name: part for part in parts_of("default")}


def test_paces_are_added_up_by_kind_and_device(parts, tmp_path):
    path, part = tmp_path / "paces.csv", parts["records/smug_s0.05"]
    for pace in (Pace(30.0, 10, CPU), Pace(10.0, 10, "x86_64 CPU, 1 threads"), Pace(1.0, 10, GPU)):
        estimates.note(path, part.kind, pace)
    known = estimates.paces(path, parts.values())
    left = part.size - 8
    assert estimates.seconds_left(part, 8, known, CPU) == (2.0 * left, "others of its kind")
    assert estimates.seconds_left(part, 8, known, GPU)[0] == pytest.approx(0.1 * left)
    other = parts["records/modl_s0.05"]
    assert estimates.seconds_left(other, 0, known, CPU) == (None, "unknown")


def test_a_process_that_made_nothing_gives_no_pace(parts, tmp_path):
    path, part = tmp_path / "paces.csv", parts["records/smug_s0.05"]
    estimates.note(path, part.kind, Pace(3.0, 0, CPU))
    assert estimates.seconds_left(part, 0, estimates.paces(path, []), CPU)[0] is None


def test_without_a_log_of_this_machine_the_measured_trainings_stand_in(parts):
    part = parts["smug_s0.05"]
    last = Store.open("default").read_log("smug", 0.05)["seconds"].iloc[-1]
    assert estimates.seconds_left(part, 0, {}, CPU) == (pytest.approx(last), "the shipped log")
    assert estimates.seconds_left(part, 0, {}, GPU) == (200.0, "an H200")
    control = parts["variants/updates=600/smug_s0.02"]
    assert estimates.seconds_left(control, 0, {}, CPU) == (None, "unknown")


def test_other_profiles_are_unknown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for part in parts_of("paper"):
        assert estimates.seconds_left(part, 0, {}, GPU) == (None, "unknown")
