"""Results of the benchmark: rows, the table that shows them, and the files that keep them."""

from __future__ import annotations

import csv
import io
import math
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smuglib import files, provenance, records
from smuglib.bench.cases import Case
from smuglib.bench.timing import Timing

FILE_NAME = "benchmark.csv"
NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """Cost of one implementation of one work.

    Parameters
    ----------
    section, work, implementation
        What was measured.
    height, width, coils, samples, steps, batch
        Size. ``samples`` counts the right-hand sides of a solve; ``steps`` is 0 where nothing is
        unrolled.
    threads, device
        Where it ran; the provenance beside the file names the processor.
    seconds_median, seconds_min, seconds_max, repeats
        Time; NaN and 0 where it was not measured.
    ratio
        Median over that of the work's reference implementation, measured in turn with it.
    accuracy, accuracy_kind
        Relative residual of a solve, or relative difference to smuglib's own result.
    peak_bytes
        Growth of the peak of the process's memory, or of the GPU's allocations; NaN where it was
        not measured.
    """

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


COLUMNS = {field.name: str(field.type) for field in fields(Row)}
"""Names of the columns and their types, in the order of the file."""


def row(
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
) -> Row:
    """Make the row of a case.

    Parameters
    ----------
    section, work, implementation, case
        What was measured.
    timing, reference
        Its seconds, and those of the implementation that it is compared with.
    accuracy, accuracy_kind, peak_bytes
        See `Row`.

    Returns
    -------
    Row
        The row, with the present number of threads.
    """
    seconds = (NAN,) if timing is None else timing.seconds
    median = NAN if timing is None else timing.median
    return Row(
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


def table(rows: Iterable[Row]) -> str:
    """Return rows as text, grouped by work; a size that all rows of a work share stands above."""
    lines = []
    for work, same in groupby(rows, lambda one: one.work):
        group = list(same)
        is_one_size = len({_size(one) for one in group}) == 1
        lines.append(f"{work} ({_size(group[0])})" if is_one_size else work)
        lines += [f"  {_cells(one, '' if is_one_size else _size(one))}" for one in group]
    return "\n".join(lines)


def _size(one: Row) -> str:
    parts = [f"{one.height} x {one.width}", f"{one.coils} coils"]
    parts += [f"samples {one.samples}"] if one.samples else []
    parts += [f"{one.steps} steps"] if one.steps else []
    return ", ".join([*parts, f"batch {one.batch}"])


def _cells(one: Row, size: str) -> str:
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


def write(
    folder: Path | str,
    rows: Iterable[Row],
    *,
    device: torch.device,
    peers: dict[str, str],
    notes: Iterable[str] = (),
) -> Path:
    """Write rows and their provenance, each file whole or not at all.

    Parameters
    ----------
    folder
        Where to write; made if missing.
    rows
        The rows.
    device
        Where the benchmark ran.
    peers
        Versions of the peers.
    notes
        Lines for the reader, such as peers that were left out.

    Returns
    -------
    Path
        The CSV file; its provenance is the JSON file beside it.
    """
    rows, path = list(rows), Path(folder) / FILE_NAME
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in rows:
        writer.writerow(
            {name: "" if value != value else value for name, value in asdict(one).items()}
        )
    files.write_text(path, buffer.getvalue())
    described = provenance.describe(device)
    written = {"rows": len(rows), "sha256": files.sha256(path)}
    extra = {"peers": peers, "processor": processor(), "notes": list(notes)}
    files.write_json(path.with_suffix(".json"), {**described, **extra, **written})
    return path


def read(folder: Path | str) -> pd.DataFrame:
    """Read and check what `write` wrote.

    Parameters
    ----------
    folder
        The folder given to `write`.

    Returns
    -------
    pandas.DataFrame
        One row a `Row`, with NaN where nothing was measured.

    Raises
    ------
    FileNotFoundError
        If a file is missing.
    ValueError
        If the table is truncated or edited, or has not the columns of `Row`.
    """
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"no benchmark {path}: make it with `python -m smuglib.bench --output {folder}`"
        )
    if files.sha256(path) != records.read_provenance(path)["sha256"]:
        raise ValueError(
            f"{path} is truncated or edited: its hash is not the one in {path.stem}.json; make it "
            f"again with `python -m smuglib.bench --output {folder}`"
        )
    frame = pd.read_csv(path)
    if list(frame.columns) != list(COLUMNS):
        raise ValueError(f"{path} must have the columns {', '.join(COLUMNS)}")
    return frame.fillna({"accuracy_kind": ""}).astype(COLUMNS)


def provenance_of(folder: Path | str) -> dict[str, Any]:
    """Return what stands beside the rows: versions, processor, peers, notes.

    Parameters
    ----------
    folder
        The folder given to `write`.

    Returns
    -------
    dict
        The values that `write` kept.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is damaged.
    """
    return records.read_provenance(Path(folder) / FILE_NAME)


def processor() -> str:
    """Return the name of the CPU, or its kind where the system does not tell the name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
