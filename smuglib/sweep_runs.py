"""A chapter at many combinations of parameters: run by Snakemake, gathered in one table."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

from smuglib import chapters, combinations, results
from smuglib.files import write_json, write_text

ERROR = "error"
"""Column of the last words of a combination that failed."""


def run(root: Path, path: Path, planned: dict[str, dict[str, Any]], *, n_jobs: int) -> Path:
    """Execute a chapter at every combination that was not executed yet by this code.

    Parameters
    ----------
    root
        The project: folder with ``sweep.smk``.
    path
        The chapter's notebook.
    planned
        Parameters of each combination by its name; see `smuglib.combinations.product`.
    n_jobs
        Combinations executed at once, each on one thread.

    Returns
    -------
    Path
        Folder with an executed notebook and a log for each combination that succeeded, and the log
        alone for one that failed.
    """
    folder = root / "build" / "sweeps" / path.stem
    plan = folder / "plan.json"
    shipped = root / "smuglib" / "shipped"
    content = {"chapter": path.stem, "notebook": str(path), "shipped": str(shipped)}
    write_json(plan, content | {"combinations": planned})
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "sweep.smk")]
    command += ["--directory", str(folder), "--cores", str(n_jobs), "--config", f"plan={plan}"]
    command += ["--keep-going", "--rerun-incomplete", "--quiet", "rules", "host"]
    subprocess.run(command, check=False)
    return folder


def gather(folder: Path, planned: dict[str, dict[str, Any]]) -> pd.DataFrame:
    """Gather the key numbers of the combinations in one table.

    Parameters
    ----------
    folder
        What `run` returned.
    planned
        Parameters of each combination by its name.

    Returns
    -------
    pandas.DataFrame
        One row per combination, indexed by its name: parameters, key numbers, minutes of execution,
        and, if any failed, the error; what a failed combination lacks is missing.
    """
    rows = []
    for name, values in planned.items():
        row: dict[str, Any] = {key: combinations.written(value) for key, value in values.items()}
        executed = folder / f"{name}.ipynb"
        if executed.is_file():
            row |= {**results.read(executed), "minutes": results.minutes(executed)}
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


def write(root: Path, path: Path, folder: Path, table: pd.DataFrame) -> tuple[Path, Path]:
    """Write the table as CSV, Markdown and a page with all executed notebooks.

    Parameters
    ----------
    root
        The project.
    path
        The chapter's notebook.
    folder
        What `run` returned.
    table
        What `gather` returned.

    Returns
    -------
    tuple of Path
        The CSV file and the page.
    """
    from smuglib import standalone

    csv = folder / "table.csv"
    write_text(csv, table.to_csv(lineterminator="\n"))
    done = [name for name in table.index if (folder / f"{name}.ipynb").is_file()]
    links = {name: f"run-{number}" for number, name in enumerate(done)}
    pages = {page: folder / f"{name}.ipynb" for name, page in links.items()}
    titles = {page: name for name, page in links.items()}
    write_text(folder / "table.md", markdown(table))
    title = f"# {chapters.title(path)}: {len(table)} combinations\n\n"
    command = (
        "`make sweep` executed the chapter at each of them. Its key numbers, one row each:\n\n"
    )
    front = title + command + markdown(table, links)
    return csv, standalone.build(root, folder / "page", pages, front=front, titles=titles)


def markdown(table: pd.DataFrame, links: dict[str, str] | None = None) -> str:
    """Return a sweep's table in Markdown.

    Parameters
    ----------
    table
        What `gather` returned.
    links
        Name of the page of each combination that has one.

    Returns
    -------
    str
        The table; numbers with four significant digits.
    """
    lines = ["| " + " | ".join(["combination", *map(str, table.columns)]) + " |"]
    lines.append("|---" * (table.shape[1] + 1) + "|")
    for name, row in table.iterrows():
        page = (links or {}).get(str(name))
        first = f"[{name}]({page})" if page else str(name)
        lines.append("| " + " | ".join([first, *map(_cell, row)]) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, str):
        return f"`{value}`".replace("|", "\\|")
    return "–" if pd.isna(value) else f"{value:.4g}"  # type: ignore[call-overload]
