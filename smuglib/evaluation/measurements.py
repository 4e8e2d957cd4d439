"""Measurements of networks slice by slice, kept as tidy rows: a quantity, an index, a value.

The files are those of `smuglib.evaluation.records`. Settings of the whole file, such as the
strength of its attacks, stand in the provenance beside it. A chapter draws a few of its rows and
measures them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from tqdm import tqdm

from smuglib.data.scan import Scan
from smuglib.evaluation import records


@dataclass(frozen=True)
class Measurement(records.Record):
    """One number that a method gave at one slice in one scenario.

    Parameters
    ----------
    method, training_sigma
        The network.
    scenario
        What it was put through.
    split, subject, slice
        The scan.
    quantity
        What was measured.
    index
        Tells apart numbers of one quantity, such as lesions or bins; 0 where there is one.
    value
        The number.
    """

    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    method: str
    training_sigma: float
    scenario: str
    seed: int
    split: str
    subject: int
    slice: int
    quantity: str
    index: int
    value: float

    def __str__(self) -> str:
        """Name the row, for messages."""
        where = f"{self.split} slice {self.slice} in scenario {self.scenario!r}"
        return f"{self.quantity} {self.index} of {self.method} at {where}"


Values = dict[str, Sequence[float]]
"""Numbers by quantity; those of one quantity are numbered from 0 on."""


Measure = Callable[[Scan, str], Values]
"""Measures one network at a slice in a scenario."""


def measured(
    measure: Measure,
    scan: Scan,
    scenario: str,
    *,
    method: str,
    training_sigma: float,
    seed: int,
) -> list[Measurement]:
    """Measure a network at one slice in one scenario.

    Parameters
    ----------
    measure
        What to do.
    scan
        A batch of one.
    scenario
        Name of the scenario.
    method, training_sigma, seed
        What the rows say of the network and of the draws.

    Returns
    -------
    list of Measurement
        The rows.
    """
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


def collect(
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

    Parameters
    ----------
    measure, method, training_sigma, seed
        See `measured`.
    scans
        Scans, each a batch of one.
    scenarios
        Names of the scenarios, at least one.
    partial
        CSV file that is rewritten after every slice. Slices that it holds are taken from it: it
        must be of the same code, weights and settings.

    Returns
    -------
    list of Measurement
        Slice by slice, scenario by scenario; slices of an earlier run first.
    """
    if not scenarios:
        raise ValueError("scenarios must hold at least one name, got none")
    found: list[Measurement] = []
    if Path(partial).is_file():
        found = records.rows_of(records.read(partial, Measurement, verify=False), Measurement)
    done = {(row.split, row.slice) for row in found}
    for scan in tqdm(scans, desc=method, disable=not progress):
        if (scan.split, int(scan.slice_index)) not in done:
            for scenario in scenarios:
                found += measured(
                    measure,
                    scan,
                    scenario,
                    method=method,
                    training_sigma=training_sigma,
                    seed=seed,
                )
            records.write(partial, found, Measurement)
    return found
