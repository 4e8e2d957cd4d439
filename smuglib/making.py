"""How the book was made: trainings, evaluations, files and chapters, from what each left behind."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from smuglib import chapters, notebooks, provenance
from smuglib.files import sha256

BOOK_PACKAGES = ("jupyter-book", "sphinx", "myst-nb", "papermill", "snakemake")
"""What the book is built with, beside what results depend on."""


def versions() -> pd.Series:
    """Return the versions of Python, of what results depend on, and of what builds the book."""
    found = provenance.versions() | {package: version(package) for package in BOOK_PACKAGES}
    return pd.Series(found, name="version").rename_axis("package")


def trainings(folder: Path | str) -> pd.DataFrame:
    """List the trainings of a store, from their logs.

    Parameters
    ----------
    folder
        Folder of the store, searched with its variants for ``logs/*.json``.

    Returns
    -------
    pandas.DataFrame
        A row a training, indexed by its path without suffix: updates, best validation PSNR in dB,
        minutes, device, precision, commit and date.
    """
    rows = {}
    for path, origin in _origins(folder, "logs"):
        log = pd.read_csv(path.with_suffix(".csv"))
        rows[_name(folder, path)] = {
            "updates": int(log["update"].iloc[-1]),
            "validation PSNR (dB)": round(float(log["validation_psnr"].max()), 2),
            "minutes": round(float(log["seconds"].iloc[-1]) / 60, 1),
            "arithmetic": origin.get("precision", ""),
            **_where(origin),
        }
    return _table(rows, "training")


def evaluations(folder: Path | str) -> pd.DataFrame:
    """List the records of a store, and whether each file is still what its evaluation wrote.

    Parameters
    ----------
    folder
        Folder of the store, searched with its variants for ``records/*.json``.

    Returns
    -------
    pandas.DataFrame
        A row a file of records, indexed by its path without suffix: number of rows, the start of
        its SHA-256 hash, whether that is the hash in its provenance, device, commit and date.
    """
    rows = {}
    for path, origin in _origins(folder, "records"):
        digest = sha256(path.with_suffix(".csv"))
        rows[_name(folder, path)] = {
            "rows": origin["rows"],
            "SHA-256": digest[:16],
            "unchanged": digest == origin["sha256"],
            **_where(origin),
        }
    return _table(rows, "records")


def weights(folder: Path | str) -> pd.DataFrame:
    """List the weights of a store.

    Parameters
    ----------
    folder
        Folder of the store, searched with its variants for ``weights/*.safetensors``.

    Returns
    -------
    pandas.DataFrame
        A row a file, indexed by its path without suffix: size in MB and SHA-256 hash.
    """
    paths = sorted(Path(folder).rglob("weights/*.safetensors"))
    sizes = {path: round(path.stat().st_size / 1e6, 2) for path in paths}
    rows = {_name(folder, p): {"MB": size, "SHA-256": sha256(p)} for p, size in sizes.items()}
    return _table(rows, "weights")


def executions(paths: Iterable[Path | str]) -> pd.DataFrame:
    """List executed notebooks, with the time that each took.

    Parameters
    ----------
    paths
        Notebooks after `smuglib.notebooks.run`.

    Returns
    -------
    pandas.DataFrame
        A row a notebook, indexed by its title: minutes, and when it started (UTC).
    """
    rows = {}
    for path in paths:
        ran = notebooks.read(path)["metadata"].get("papermill", {})
        duration = ran.get("duration")
        rows[chapters.title(path)] = {
            "minutes": math.nan if duration is None else round(duration / 60, 2),
            "started (UTC)": str(ran.get("start_time", ""))[:16].replace("T", " "),
        }
    return _table(rows, "chapter")


def _origins(folder: Path | str, kind: str) -> Iterable[tuple[Path, dict[str, Any]]]:
    for path in sorted(Path(folder).rglob(f"{kind}/*.json")):
        yield path, json.loads(path.read_text(encoding="utf-8"))


def _where(origin: dict[str, Any]) -> dict[str, str]:
    """Return device, commit and date of a provenance file."""
    date = origin["time"][:10]
    return {"device": origin["device"], "commit": origin["commit"][:7], "date": date}


def _name(folder: Path | str, path: Path) -> str:
    """Return where a file lies in a store, without its kind's folder and its suffix."""
    inside = path.relative_to(folder)
    return (inside.parent.parent / inside.stem).as_posix()


def _table(rows: dict[str, dict[str, Any]], index: str) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index)
