"""A chapter at many combinations of parameters, gathered in one table.

Beside each executed notebook lies a stamp: the hash of code and parameters that it was made by, and
its own. A notebook whose stamp says otherwise is made anew, so that a sweep that was stopped, by
whatever means, goes on where it was.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook.notebooks import combinations, forks, key_numbers, processes
from smugbook.notebooks import run as notebooks
from smuglib.files import sha256, write_text

ERROR = "error"
"""Column of the last words of a combination that failed."""

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1"
)
"""Environment of a combination: as many are executed at once as there are cores."""


@dataclass(frozen=True)
class Sweep:
    """A chapter's notebook, the folder of its sweep, the hash of the code, and its processes."""

    path: Path
    folder: Path
    code: str
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def notebook(self, name: str) -> Path:
        """Return where a combination's executed notebook lies."""
        return self.folder / f"{name}.ipynb"

    def stamp(self, name: str, values: dict[str, Any]) -> str:
        """Return what a combination's notebook is recognized by, as it is now."""
        made_by = json.dumps([self.code, notebooks.code_hash(self.path), values], sort_keys=True)
        return f"{hashlib.sha256(made_by.encode()).hexdigest()} {sha256(self.notebook(name))}\n"

    def is_done(self, name: str, values: dict[str, Any]) -> bool:
        """Say whether a combination's notebook was made by this code and these parameters."""
        stamp, notebook = self.folder / f"{name}.stamp", self.notebook(name)
        if not stamp.is_file() or not notebook.is_file():
            return False
        return stamp.read_text(encoding="utf-8", errors="replace") == self.stamp(name, values)

    def execute(self, name: str, values: dict[str, Any], root: Path) -> None:
        """Execute a combination, in a process that keeps what it says in a log."""
        command = [sys.executable, "-m", "smugbook", "chapter", self.path.stem, "--quiet"]
        command += ["--no-page", "-o", str(self.notebook(name))]
        for key, value in values.items():
            command += ["-p", key, combinations.option(value)]
        self.folder.mkdir(parents=True, exist_ok=True)
        self.notebook(name).unlink(missing_ok=True)
        own = {**os.environ, **ONE_THREAD, processes.PARENT: str(os.getpid())}
        with open(self.folder / f"{name}.log", "wb") as log:
            child = subprocess.Popen(command, cwd=root, env=own, stdout=log, stderr=log)
        self.running.append(child)
        if child.wait() == 0:
            write_text(self.folder / f"{name}.stamp", self.stamp(name, values))


def run_sweep(
    root: Path, path: Path, planned: dict[str, dict[str, Any]], *, code: str, n_jobs: int
) -> Sweep:
    """Execute a chapter at every combination that was not executed yet by this code.

    ``planned`` holds the parameters of each combination by its name, ``code`` is the hash of what
    the chapter depends on beside its own cells, ``n_jobs`` are executed at once.
    """
    sweep = Sweep(path, root / "build" / "sweeps" / path.stem, code)
    waiting = {name: values for name, values in planned.items() if not sweep.is_done(name, values)}
    with forks.standby() if len(waiting) > 1 else nullcontext():
        pool = ThreadPoolExecutor(n_jobs)
        jobs = [pool.submit(sweep.execute, name, values, root) for name, values in waiting.items()]
        try:
            for number, job in enumerate(as_completed(jobs), start=1):
                job.result()
                print(f"{number} of {len(jobs)} combinations executed", file=sys.stderr)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for child in sweep.running:
                child.kill()
    return sweep


def gather(sweep: Sweep, planned: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Gather parameters and key numbers, one row per combination, with its minutes or its error."""
    rows = []
    for name, values in planned.items():
        row: dict[str, Any] = {
            key: combinations.format_value(value) for key, value in values.items()
        }
        if sweep.is_done(name, values):
            executed = sweep.notebook(name)
            row |= {
                **key_numbers.read_key_numbers(executed),
                "minutes": key_numbers.minutes(executed),
            }
        else:
            row[ERROR] = _last_words(sweep.folder / f"{name}.log")
        rows.append(row)
    table = pd.DataFrame(rows, index=pd.Index(planned, name="combination"))
    last = [column for column in ("minutes", ERROR) if column in table]
    return table[[*table.columns.drop(last), *last]]


def _last_words(log: Path) -> str:
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = text.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    # Which notebook failed, the row says already.
    return re.sub(r"^error: (.+?\.ipynb: )?", "", (errors or lines or ["not executed"])[-1])
