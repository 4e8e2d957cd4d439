"""Rows of the benchmark's results, and the table that shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

import torch

from smugbench.cases import Case
from smugbench.timing import Timing
from smuglib import evaluation

NAN = float("nan")


@dataclass(frozen=True)
class Cost(evaluation.Record):
    """Cost of one implementation of one work; NaN is what was not measured.

    ``samples`` counts the right-hand sides of a solve, and ``steps`` is 0 where nothing is
    unrolled. ``ratio`` is the median over that of the work's reference, measured in turn with it.
    ``accuracy`` is a solve's relative residual, or the relative difference to smuglib's result.
    """

    OPTIONAL: ClassVar[tuple[str, ...]] = (
        *("seconds_median", "seconds_min", "seconds_max", "ratio", "accuracy", "peak_bytes"),
    )

    section: str
    work: str
    implementation: str
    height: int
    width: int
    coils: int
    samples: int
    steps: int
    batch: int
    threads: int
    device: str
    seconds_median: float = NAN
    seconds_min: float = NAN
    seconds_max: float = NAN
    repeats: int = 0
    ratio: float = NAN
    accuracy: float = NAN
    accuracy_kind: str = ""
    peak_bytes: float = NAN


COLUMNS = Cost.columns()
"""Names of the columns and their types, in the order of the file."""


def cost_row(
    section: str,
    work: str,
    implementation: str,
    case: Case,
    timing: Timing | None = None,
    *,
    reference: Timing | None = None,
    accuracy: float = NAN,
    accuracy_kind: str = "",
    peak_bytes: float = NAN,
) -> Cost:
    """Make the row of a case."""
    seconds = (NAN,) if timing is None else timing.seconds
    median = NAN if timing is None else timing.median
    return Cost(
        section=section,
        work=work,
        implementation=implementation,
        height=case.height,
        width=case.width,
        coils=case.n_coils,
        samples=case.n_samples,
        steps=case.n_steps,
        batch=case.batch,
        threads=torch.get_num_threads(),
        device=case.device,
        seconds_median=median,
        seconds_min=min(seconds),
        seconds_max=max(seconds),
        repeats=0 if timing is None else len(seconds),
        ratio=NAN if reference is None else median / reference.median,
        accuracy=accuracy,
        accuracy_kind=accuracy_kind,
        peak_bytes=peak_bytes,
    )


def format_costs(costs: Iterable[Cost]) -> str:
    """Return costs as text, grouped by work; a size that all rows of a work share stands above."""
    lines = []
    for work, same in groupby(costs, lambda one: one.work):
        group = list(same)
        is_one_size = len({_size(one) for one in group}) == 1
        lines.append(f"{work} ({_size(group[0])})" if is_one_size else work)
        lines += [f"  {_cells(one, '' if is_one_size else _size(one))}" for one in group]
    return "\n".join(lines)


def _size(one: Cost) -> str:
    parts = [f"{one.height} x {one.width}", f"{one.coils} coils"]
    parts += [f"samples {one.samples}"] if one.samples else []
    parts += [f"{one.steps} steps"] if one.steps else []
    return ", ".join([*parts, f"batch {one.batch}"])


def _cells(one: Cost, size: str) -> str:
    low, high = 1e3 * one.seconds_min, 1e3 * one.seconds_max
    cells = [f"{size:<52s}"] * bool(size) + [f"{one.implementation:<35s}"]
    if one.repeats:
        cells.append(f"{1e3 * one.seconds_median:9.2f} ms ({low:.2f} to {high:.2f})".ljust(36))
    if not math.isnan(one.ratio):
        cells.append(f"{one.ratio:7.2f} x")
    if one.accuracy_kind:
        cells.append(f"{one.accuracy_kind} {one.accuracy:.1e}")
    if not math.isnan(one.peak_bytes):
        cells.append(f"{one.peak_bytes / 2**20:10.1f} MiB")
    return "  ".join(cells).rstrip()
