"""Files that keep the benchmark's results: a CSV table, and its provenance beside it."""

import platform
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smugbench.rows import Cost
from smuglib import provenance
from smuglib.evaluation import records
from smuglib.files import UnreadableFileError

FILE_NAME = "benchmark.csv"

BUILD = Path("build/benchmark")
"""Folder of the records of a CPU; those of another device lie in a folder of its name below."""


def default_folder(device: torch.device) -> Path:
    """Return where a device's records go."""
    name = re.sub(r"[^a-z0-9]+", "-", provenance.device_name(device).lower()).strip("-")
    return BUILD if device.type == "cpu" else BUILD / name


def write_benchmark(
    folder: Path | str,
    costs: Iterable[Cost],
    *,
    device: torch.device,
    peers: dict[str, str],
    notes: Iterable[str] = (),
) -> Path:
    """Write rows and their provenance, each file whole or not at all."""
    path = Path(folder) / FILE_NAME
    extra = {"peers": peers, "processor": processor(), "notes": list(notes)}
    records.write(path, costs, Cost, {**provenance.describe(device), **extra})
    return path


def read_benchmark(folder: Path | str) -> pd.DataFrame:
    """Read and check what `write_benchmark` wrote."""
    path = Path(folder) / FILE_NAME
    if not path.is_file():
        raise FileNotFoundError(
            f"no benchmark {path}: make it with `python -m smugbench --output {folder}`"
        )
    try:
        return records.read(path, Cost)
    except UnreadableFileError as error:
        remedy = f"make it again with `python -m smugbench --output {folder}`"
        raise UnreadableFileError(error.path, f"{error.reason}; {remedy}") from error


def provenance_of(folder: Path | str) -> dict[str, Any]:
    """Return what stands beside the rows: versions, processor, peers, notes."""
    return records.read_provenance(Path(folder) / FILE_NAME)


def other_devices(folder: Path | str) -> dict[str, pd.DataFrame]:
    """Read the records below those of a folder, by the device's name."""
    folders = [path.parent for path in sorted(Path(folder).glob(f"*/{FILE_NAME}"))]
    return {_device_of(place): read_benchmark(place) for place in folders}


def _device_of(folder: Path) -> str:
    about = provenance_of(folder)
    return f"{about['device']}, torch {about['versions']['torch']}"


def processor() -> str:
    """Return the name of the CPU, or its kind where the system does not tell the name."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
