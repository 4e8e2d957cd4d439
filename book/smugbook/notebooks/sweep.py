"""A chapter at many combinations of parameters: run by Snakemake, gathered in one table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook.notebooks import combinations, key_numbers
from smuglib.files import write_json

ERROR = "error"
"""Column of the last words of a combination that failed."""


def run(root: Path, path: Path, planned: dict[str, dict[str, Any]], *, n_jobs: int) -> Path:
    """Execute a chapter at every combination that was not executed yet by this code.

    ``planned`` holds the parameters of each combination by its name, ``n_jobs`` are executed at
    once, each on one thread. Returns the folder with an executed notebook and a log for each
    combination that succeeded, and the log alone for one that failed.
    """
    folder = root / "build" / "sweeps" / path.stem
    plan = folder / "plan.json"
    shipped = [str(root / folder / "shipped") for folder in ("smuglib", "book")]
    content = {"chapter": path.stem, "notebook": str(path), "shipped": shipped}
    write_json(plan, content | {"combinations": planned})
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "sweep.smk")]
    command += ["--directory", str(folder), "--cores", str(n_jobs), "--config", f"plan={plan}"]
    command += ["--keep-going", "--rerun-incomplete", "--quiet", "rules", "host"]
    subprocess.run(command, check=False)
    return folder


def gather(folder: Path, planned: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Gather parameters and key numbers, one row per combination, with its minutes or its error."""
    rows = []
    for name, values in planned.items():
        row: dict[str, Any] = {key: combinations.written(value) for key, value in values.items()}
        executed = folder / f"{name}.ipynb"
        if executed.is_file():
            row |= {**key_numbers.read(executed), "minutes": key_numbers.minutes(executed)}
        else:
            row[ERROR] = _last_words(folder / f"{name}.log")
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(planned, name="combination"))
    last = [column for column in ("minutes", ERROR) if column in table]
    return table[[*table.columns.drop(last), *last]]


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8").strip().splitlines() if log.is_file() else []
    errors = [line for line in lines if line.startswith("error: ")]
    # Which notebook failed, the row says already.
    return re.sub(r"^error: (\S+\.ipynb: )?", "", (errors or lines or ["not executed"])[-1])
