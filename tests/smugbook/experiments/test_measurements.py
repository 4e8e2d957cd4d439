"""Measurements survive the file, interruptions lose nothing, and a handful is measured again."""

from __future__ import annotations

from dataclasses import asdict, replace

import pandas as pd
import pytest

from smugbook.experiments.measurements import measure_slice, measure_slices
from smugbook.results.recheck import recheck_measurements
from smuglib.evaluation import Measurement, records
from smuglib.random import generator
from tests.scans import scan

NAMES = {"method": "smug", "training_sigma": 0.05, "seed": 3}


def values(found, scenario):
    """Numbers that depend on the slice and the scenario."""
    base = found.slice_index + (0.5 if scenario == "attacked" else 0)
    return {"norm": [base + 0.1], "share": [base, -base], "psnr": [30.0 + base]}


def test_rows_say_what_was_measured():
    found = measure_slice(values, scan(4), "attacked", **NAMES)
    assert [(row.quantity, row.index, row.value) for row in found] == [
        ("norm", 0, 4.6), ("share", 0, 4.5), ("share", 1, -4.5), ("psnr", 0, 34.5),
    ]  # fmt: skip
    assert {(row.method, row.scenario, row.seed, row.slice) for row in found} == {
        ("smug", "attacked", 3, 4)
    }


def test_rows_survive_the_file(tmp_path):
    path = tmp_path / "a.csv"
    found = measure_slice(values, scan(4), "clean", **NAMES)
    records.write(path, found, Measurement, {"settings": {"seed": 3}})
    assert records.rows_of(records.read(path, Measurement), Measurement) == found
    assert records.read_provenance(path)["settings"] == {"seed": 3}
    with pytest.raises(ValueError, match="value is NaN for norm 0 of smug at test slice 4"):
        records.write(path, [replace(found[0], value=float("nan"))], Measurement)
    with pytest.raises(ValueError, match="two records are of the same settings: norm 0 of smug"):
        records.write(path, [found[0], replace(found[0], value=7.0)], Measurement)
    path.write_text(path.read_text().replace("4.1", "4.2"))
    with pytest.raises(ValueError, match="truncated or edited"):
        records.read(path, Measurement)


def test_an_interrupted_run_resumes_and_ends_alike(tmp_path):
    options = {"scenarios": ["clean", "attacked"], "progress": False, **NAMES}
    scans = [scan(index) for index in range(3)]
    whole = measure_slices(values, scans, partial=tmp_path / "whole.csv", **options)
    calls = []

    def stops(found, scenario):
        calls.append((found.slice_index, scenario))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return values(found, scenario)

    partial = tmp_path / "partial.csv"
    with pytest.raises(KeyboardInterrupt):
        measure_slices(stops, scans, partial=partial, **options)
    assert measure_slices(stops, scans, partial=partial, **options) == whole
    # The second slice was cut short, so it is measured again; the first one is not.
    assert calls == [(0, "clean"), (0, "attacked"), (1, "clean"), (1, "attacked"),
                     (1, "clean"), (1, "attacked"), (2, "clean"), (2, "attacked")]  # fmt: skip
    assert measure_slices(stops, scans[:1], partial=partial, **options) == whole
    partial.write_text(partial.read_text().replace("30.5", "90.5"))
    with pytest.warns(UserWarning, match=r"partial\.csv cannot be read: .* computed again"):
        assert measure_slices(values, scans, partial=partial, **options) == whole
    with pytest.raises(ValueError, match="scenarios must hold at least one"):
        measure_slices(values, scans, partial=partial, **(options | {"scenarios": []}))


def table(n_slices=4):
    scenarios = ("clean", "attacked")
    found = [measure_slice(values, scan(i), s, **NAMES) for i in range(n_slices) for s in scenarios]
    return pd.DataFrame([asdict(row) for group in found for row in group])


def again(drawn):
    first = records.rows_of(drawn, Measurement)[0]
    method, sigma = first.method, first.training_sigma
    assert (method, sigma) == ("smug", 0.05)
    return measure_slice(values, scan(first.slice), first.scenario, **NAMES)


def test_a_random_but_seeded_handful_is_measured_again():
    def drawn(seed):
        found = recheck_measurements(table(), again, n_drawn=3, generator=generator(seed))
        assert found["rows"].tolist() == [4, 4, 4] and (found["difference"] == 0).all()
        return found[["scenario", "slice"]].values.tolist()

    assert drawn(1) == drawn(1)
    assert len({str(drawn(seed)) for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("quantity", "factor", "shift", "passes"),
    [("norm", 1.019, 0, True), ("norm", 1.021, 0, False), ("share", 1.021, 0, False),
     ("psnr", 1, 0.049, True), ("psnr", 1, 0.051, False)],
)  # fmt: skip
def test_a_measurement_that_lies_is_found(quantity, factor, shift, passes):
    frame = table()
    lies = frame["quantity"] == quantity
    frame.loc[lies, "value"] = frame.loc[lies, "value"] / factor - shift
    options = {"n_drawn": 99, "generator": generator(0)}
    if passes:
        assert 0.9 < recheck_measurements(frame, again, **options)["difference"].max() < 1
        return
    with pytest.raises(RuntimeError, match=f"(?s)disagree with their weights .* {quantity} "):
        recheck_measurements(frame, again, **options)


def test_rows_without_a_partner_are_found():
    for broken in (table()[1:], table().assign(index=lambda t: t["index"] + 1)):
        with pytest.raises(RuntimeError, match="disagree with their weights"):
            recheck_measurements(broken, again, n_drawn=99, generator=generator(0))


@pytest.mark.parametrize("option", [{"n_drawn": 0}, {"tolerance": 0}, {"tolerance_psnr": -1.0}])
def test_impossible_checks_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        recheck_measurements(table(), again, **option, generator=generator(0))
