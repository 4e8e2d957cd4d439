"""Measuring networks slice by slice; an interrupted run resumes."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from smuglib.data import Scan
from smuglib.evaluation import Measurement, records

Values = dict[str, Sequence[float]]
"""Numbers by quantity; those of one quantity are numbered from 0 on."""

Measure = Callable[[Scan, str], Values]
"""Measures one network at a slice in a scenario."""


def measure_slice(
    measure: Measure,
    scan: Scan,
    scenario: str,
    *,
    method: str,
    training_sigma: float,
    seed: int,
) -> list[Measurement]:
    """Measure a network at one slice, a batch of one, in one scenario."""
    blank = Measurement(
        method=method,
        training_sigma=float(training_sigma),
        scenario=scenario,
        seed=seed,
        split=scan.split,
        subject=int(scan.subject),
        slice=int(scan.slice_index),
        quantity="",
        index=0,
        value=0.0,
    )
    return [
        replace(blank, quantity=quantity, index=index, value=float(value))
        for quantity, values in measure(scan, scenario).items()
        for index, value in enumerate(values)
    ]


def measure_slices(
    measure: Measure,
    scans: Iterable[Scan],
    scenarios: Sequence[str],
    *,
    method: str,
    training_sigma: float,
    seed: int,
    partial: Path | str,
    progress: bool = True,
) -> list[Measurement]:
    """Measure a network at many slices in many scenarios; an interrupted run resumes.

    Slices that the CSV file ``partial`` holds come first and are not measured again: it must be of
    the same code, weights and settings. It is rewritten after every slice; if it is damaged, all is
    measured again, with a warning. See `measure_slice`.
    """
    if not scenarios:
        raise ValueError("scenarios must hold at least one name, got none")
    of: dict[str, Any] = {"method": method, "training_sigma": training_sigma, "seed": seed}
    found = records.kept(partial, Measurement)
    done = {(row.split, row.slice) for row in found}
    for scan in tqdm(scans, desc=method, disable=not progress):
        if (scan.split, int(scan.slice_index)) not in done:
            for scenario in scenarios:
                found += measure_slice(measure, scan, scenario, **of)
            records.keep(partial, found, Measurement)
    return found
