"""Records of evaluations: one row a method, scenario, setting and slice, in CSV files.

Tables and figures are made from records alone. Beside ``<name>.csv`` stands ``<name>.json`` with
the provenance of the whole file and the hash that tells a truncated or edited file.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from smuglib import files


@dataclass(frozen=True)
class Record:
    """What one method made of one slice in one scenario.

    Parameters
    ----------
    method
        Name of the method, such as ``"smug"``, ``"zero_filled"`` or ``"tv"``.
    training_sigma
        Standard deviation of the noise in training, on each part.
    placement, sigma, n_samples
        Smoothing at test time; σ and the number of samples are 0 without it.
    n_steps
        Unrolling steps at test time.
    scenario, rung
        Name of the scenario, and its rung of the ladder of attacks (``"clean"`` without attack).
    epsilon, domain, norm
        Strength and geometry of the perturbation; ``"none"`` without attack. ε is in units of
        the scan's scale, or relative to ``||y||_2`` for ``"l2"`` in ``"kspace"``.
    attack_steps, attack_restarts, attack_samples
        Steps, runs and noise samples of the gradient; 0 where the attack has none.
    attack_precision
        Arithmetic of the ascent; ``"none"`` without one.
    sampling_rate
        Fraction of k-space that the mask samples.
    consistency_rate
        That of the mask in data consistency; it differs where masks are mismatched.
    seed
        Seed of the attack and of the smoothing noise.
    split, subject, slice
        The scan.
    psnr, ssim, nmse
        Quality of the reconstruction (see `smuglib.metrics`); PSNR in dB.
    ssim_published
        SSIM by the poster's published code.
    psnr_zero_filled, ssim_zero_filled
        Quality of the zero-filled image that the method was given, perturbation included.
    weights_sha256
        Hash of the weights file; ``"none"`` for a method without weights.
    commit, versions, device
        Code, packages and device that made the row.
    """

    method: str
    training_sigma: float
    placement: str
    sigma: float
    n_samples: int
    n_steps: int
    scenario: str
    rung: str
    epsilon: float
    domain: str
    norm: str
    attack_steps: int
    attack_restarts: int
    attack_samples: int
    attack_precision: str
    sampling_rate: float
    consistency_rate: float
    seed: int
    split: str
    subject: int
    slice: int
    psnr: float
    ssim: float
    nmse: float
    ssim_published: float
    psnr_zero_filled: float
    ssim_zero_filled: float
    weights_sha256: str
    commit: str
    versions: str
    device: str

    @property
    def identity(self) -> tuple[object, ...]:
        """Everything that tells rows apart: all fields but the results and what made them."""
        return tuple(getattr(self, name) for name in _IDENTITY)


COLUMNS = {field.name: str(field.type) for field in fields(Record)}
"""Names of the columns and their types, in the order of the file."""

RESULTS = ("psnr", "ssim", "nmse", "ssim_published", "psnr_zero_filled", "ssim_zero_filled")
_IDENTITY = [name for name in COLUMNS if name not in (*RESULTS, "commit", "versions", "device")]


def write(
    path: Path | str, rows: Iterable[Record], provenance: dict[str, Any] | None = None
) -> None:
    """Write records to a CSV file, whole or not at all.

    Parameters
    ----------
    path
        The CSV file; its folder is created.
    rows
        The records.
    provenance
        Values that `json.dumps` accepts, for the JSON file beside it (see
        `smuglib.provenance.describe`). Without it no JSON file is written, and the records can
        be read with ``verify=False`` only.

    Raises
    ------
    ValueError
        If a result is NaN, or two rows have the same identity; nothing is written then.
    """
    rows, path = list(rows), Path(path)
    _check_rows(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    files.write_text(path, buffer.getvalue())
    if provenance is not None:
        written = {"rows": len(rows), "sha256": files.sha256(path)}
        files.write_json(path.with_suffix(".json"), {**provenance, **written})


def read(path: Path | str, *, verify: bool = True) -> pd.DataFrame:
    """Read and check records.

    Parameters
    ----------
    path
        A CSV file that `write` wrote.
    verify
        Compare the file with the hash in the JSON file beside it.

    Returns
    -------
    pandas.DataFrame
        One row a record, with the columns and types of `COLUMNS`.

    Raises
    ------
    FileNotFoundError
        If the CSV file, or with ``verify`` its JSON file, is missing.
    ValueError
        If the file is truncated or edited, lacks a column, has an unknown one, or holds a value
        of the wrong type.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no records file {path}")
    if verify:
        _verify(path)
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        _check_columns(path, list(reader.fieldnames or []))
        rows = [_parsed(path, number, row) for number, row in enumerate(reader, start=2)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(COLUMNS))
    return frame.astype({name: kind for name, kind in COLUMNS.items() if kind != "str"})


def rows_of(frame: pd.DataFrame) -> list[Record]:
    """Return the records of a table that `read` returned.

    Parameters
    ----------
    frame
        One row a record.

    Returns
    -------
    list of Record
        The records, in the order of the table.
    """
    return [
        Record(**{str(name): value for name, value in row.items()})
        for row in frame.to_dict("records")
    ]


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Read the provenance of a records file.

    Parameters
    ----------
    path
        The CSV file.

    Returns
    -------
    dict
        What was given to `write`, and the number of rows and hash of the CSV file.

    Raises
    ------
    FileNotFoundError
        If the JSON file is missing.
    ValueError
        If it is no whole JSON file of this module.
    """
    path = Path(path).with_suffix(".json")
    if not path.is_file():
        raise FileNotFoundError(f"no provenance file {path} beside the records")
    try:
        provenance: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not a whole JSON file: {error}") from error
    missing = [key for key in ("rows", "sha256") if key not in provenance]
    if missing:
        raise ValueError(f"{path} lacks {missing[0]!r}: it is no provenance of records")
    return provenance


def _check_rows(rows: list[Record]) -> None:
    seen = set()
    for row in rows:
        where = f"{row.method} in scenario {row.scenario!r}, {row.split} slice {row.slice}"
        broken = [name for name in RESULTS if math.isnan(getattr(row, name))]
        if broken:
            raise ValueError(f"{broken[0]} is NaN for {where}")
        if row.identity in seen:
            raise ValueError(f"two records are of the same settings: {where}")
        seen.add(row.identity)


def _verify(path: Path) -> None:
    provenance = read_provenance(path)
    if files.sha256(path) != provenance["sha256"]:
        n_rows = max(path.read_text(encoding="utf-8").count("\n") - 1, 0)
        raise ValueError(
            f"{path} is truncated or edited: it has {n_rows} rows and its hash is not that of "
            f"the {provenance['rows']} rows written (see {path.with_suffix('.json').name})"
        )


def _check_columns(path: Path, found: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in found]
    unknown = [name for name in found if name not in COLUMNS]
    if missing:
        raise ValueError(f"{path} lacks column {missing[0]!r}: records need {', '.join(COLUMNS)}")
    if unknown:
        raise ValueError(
            f"{path} has the unknown column {unknown[0]!r}: allowed are {', '.join(COLUMNS)}"
        )


def _parsed(path: Path, number: int, row: dict[str, Any]) -> Record:
    """Convert one line of text; a line cut short has None for the fields it lacks."""
    kinds = {"str": str, "int": int, "float": float}
    if None in row or None in row.values():
        raise ValueError(f"{path}, line {number}: not {len(COLUMNS)} fields, the file is truncated")
    values = {}
    for name, kind in COLUMNS.items():
        try:
            values[name] = kinds[kind](row[name])
        except ValueError as error:
            raise ValueError(
                f"{path}, line {number}: {name} must be of type {kind}, got {row[name]!r}"
            ) from error
    return Record(**values)
