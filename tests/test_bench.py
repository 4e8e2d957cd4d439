"""The benchmark times what it says; its solvers reach the accuracy that they are compared at."""

import re

import pytest
import torch

from smuglib import bench

CPU = torch.device("cpu")


def test_works_take_turns_after_one_warm_up_each():
    calls = []
    works = {name: lambda name=name: calls.append(name) for name in "ab"}
    timings = bench.interleaved(works, repeats=3, device=CPU)
    assert calls == list("ab" * 4)
    assert [len(timings[name].seconds) for name in "ab"] == [3, 3]


def test_a_timing_tells_its_median_in_milliseconds():
    assert bench.Timing((0.001, 0.004, 0.002)).median == pytest.approx(2.0)


def test_no_repeats_are_refused():
    with pytest.raises(ValueError, match="repeats must be an integer >= 1, got 0"):
        bench.interleaved({"a": lambda: None}, repeats=0, device=CPU)


def test_the_report_compares_solvers_of_equal_accuracy(monkeypatch, capsys):
    monkeypatch.setattr(bench, "SIZES", ((32, 32, 4), (48, 32, 2)))
    threads = torch.get_num_threads()
    bench.main(["--quick", "--threads", str(threads), "--device", "cpu"])
    report = capsys.readouterr().out
    assert f"{threads} threads" in report and "48 x 32" not in report
    residuals = [float(value) for value in re.findall(r"relative residual (\S+)", report)[1:]]
    assert len(residuals) == 4
    # Conjugate gradients stop below their tolerance, but the residual that they update drifts
    # from the true one by rounding; the direct solver has rounding only.
    assert max(residuals) < 2 * bench.CG_TOLERANCE
