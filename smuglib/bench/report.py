"""Files that keep the benchmark's results: a CSV table, and its provenance beside it."""

from __future__ import annotations

import csv
import io
import platform
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smuglib import files, provenance, records
from smuglib.bench.rows import COLUMNS, Row

FILE_NAME = "benchmark.csv"


def write(
    folder: Path | str,
    rows: Iterable[Row],
    *,
    device: torch.device,
    peers: dict[str, str],
    notes: Iterable[str] = (),
) -> Path:
    """Write rows and their provenance, each file whole or not at all."""
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
    """Read and check what `write` wrote."""
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
    """Return what stands beside the rows: versions, processor, peers, notes."""
    return records.read_provenance(Path(folder) / FILE_NAME)


def processor() -> str:
    """Return the name of the CPU, or its kind where the system does not tell the name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
