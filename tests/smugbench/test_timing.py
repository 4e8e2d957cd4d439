"""The benchmark times what it says, and what it compares is equally accurate."""

import pytest
import torch

from smugbench import peers, solves
from smugbench.cases import TARGET_RESIDUAL, Case, System
from smugbench.timing import Timing, Work, time_in_turn

CPU = torch.device("cpu")
TINY = Case(height=32, width=32, n_coils=3, n_samples=2, n_steps=2)


def test_works_take_turns_after_one_warm_up_each():
    calls = []
    works = {name: Work(lambda name=name: calls.append(name)) for name in "ab"}
    timings = time_in_turn(works, repeats=3, device=CPU)
    assert calls == list("ab" * 4)
    assert [len(timings[name].seconds) for name in "ab"] == [3, 3]


def test_start_up_is_subtracted_and_the_rest_scaled(monkeypatch):
    ticks = iter([0.0, 5.0, 10.0, 12.0] * 2)
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    work = Work(lambda: None, start_up=lambda: None, factor=10.0)
    assert time_in_turn({"a": work}, repeats=1, device=CPU)["a"].seconds == (30.0,)


def test_a_timing_tells_its_median():
    assert Timing((0.001, 0.004, 0.002)).median == pytest.approx(0.002)


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats must be an integer >= 1, got 0"):
        time_in_turn({"a": Work(lambda: None)}, repeats=0, device=CPU)


def test_the_library_s_solvers_reach_the_accuracy_that_they_are_compared_at():
    batches = [rows for rows, _ in solves.measure_solves(TINY, {}, repeats=1)]
    rows = [row for batch in batches for row in batch if row.work.startswith("solve")]
    assert [row.samples for row in rows] == [1] * 3 + [10] * 3 + [32] * 2
    assert all(0 < row.accuracy <= TARGET_RESIDUAL for row in rows)


def test_the_residual_is_that_of_the_system():
    system = System.of(TINY)
    assert system.residual(torch.zeros_like(system.rhs)) == pytest.approx(1)


@pytest.mark.parametrize("name", list(peers.INSTALL))
def test_a_missing_peer_is_reported_in_one_line(monkeypatch, name):
    def missing(module):
        raise ImportError("no", name=module.rpartition(".")[2].removesuffix("_peer"))

    monkeypatch.setattr(peers, "import_module", missing)
    found, left_out = peers.find_peers(CPU)
    assert found == {}
    (line,) = [line for line in left_out if line.startswith(name)]
    assert "not installed, left out; " in line and "install" in line


def test_a_peer_that_fails_to_import_is_not_called_missing(monkeypatch):
    def broken(module):
        raise ImportError("cannot import name 'x'", name="numpy")

    monkeypatch.setattr(peers, "import_module", broken)
    assert "cannot be imported: cannot import name 'x'" in peers.find_peers(CPU)[1][0]
