"""Files of results: one dataclass per row, in CSV, with provenance and a hash beside it.

A kind of row is a dataclass whose fields are numbers and words. Beside ``<name>.csv`` stands
``<name>.json`` with the provenance of the whole file and the hash that tells a truncated or
edited file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pandas as pd

from smuglib import files


@dataclass(frozen=True)
class Record:
    """Base of all kinds of rows: fields of type ``str``, ``int`` or ``float``."""

    RESULTS: ClassVar[tuple[str, ...]] = ()
    """Fields that are measured; none may be NaN."""

    OPTIONAL: ClassVar[tuple[str, ...]] = ()
    """Fields that need not have been measured, NaN then and empty in the file."""

    MAKERS: ClassVar[tuple[str, ...]] = ()
    """Fields that tell what made the row."""

    @classmethod
    def columns(cls) -> dict[str, str]:
        """Return the names of the fields and of their types, in the order of the file."""
        return {field.name: str(field.type) for field in fields(cls)}

    @classmethod
    def keys(cls) -> tuple[str, ...]:
        """Return the fields that tell rows apart: all but the results and what made them."""
        made = (*cls.RESULTS, *cls.OPTIONAL, *cls.MAKERS)
        return tuple(name for name in cls.columns() if name not in made)

    @property
    def identity(self) -> tuple[object, ...]:
        """The values of `keys`."""
        return tuple(getattr(self, name) for name in self.keys())


RecordType = TypeVar("RecordType", bound=Record)


def write(
    path: Path | str,
    rows: Iterable[RecordType],
    kind: type[RecordType],
    provenance: dict[str, Any] | None = None,
) -> None:
    """Write rows to a CSV file, whole or not at all, and its folder.

    Parameters
    ----------
    provenance
        Values that `json.dumps` accepts, for the JSON file beside it (see
        `smuglib.provenance.describe`). Without it no JSON file is written, and the rows can
        be read with ``verify=False`` only.
    """
    rows, path = list(rows), Path(path)
    _check_rows(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, kind.columns(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: "" if value != value else value for name, value in asdict(row).items()}
        for row in rows
    )
    files.write_text(path, buffer.getvalue())
    if provenance is not None:
        written = {"rows": len(rows), "sha256": files.sha256(path)}
        files.write_json(path.with_suffix(".json"), {**provenance, **written})


def read(path: Path | str, kind: type[RecordType], *, verify: bool = True) -> pd.DataFrame:
    """Read a CSV file that `write` wrote, one line a row, and check it.

    ``verify`` compares the file with the hash in the JSON file beside it.

    Raises
    ------
    FileNotFoundError
        If the CSV file, or with ``verify`` its JSON file, is missing.
    ValueError
        If the file is truncated or edited, lacks a column, has an unknown one, or holds a value
        of the wrong type.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no records file {path}")
    if verify:
        _verify(path)
    with (
        files.reading(path, "a whole file of records"),
        path.open(encoding="utf-8", newline="") as file,
    ):
        reader = csv.DictReader(file)
        columns = kind.columns()
        _check_columns(path, columns, list(reader.fieldnames or []))
        rows = [_parsed(path, number, row, kind) for number, row in enumerate(reader, start=2)]
    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(columns))
    with files.reading(path, "a file of records"):
        return frame.astype({name: kept for name, kept in columns.items() if kept != "str"})


def rows_of(frame: pd.DataFrame, kind: type[RecordType]) -> list[RecordType]:
    """Return the rows of a table that `read` returned, in its order."""
    return [
        kind(**{str(name): value for name, value in row.items()})
        for row in frame.to_dict("records")
    ]


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Read what was given to `write` for a CSV file, and the file's number of rows and hash.

    Raises
    ------
    FileNotFoundError
        If the JSON file is missing.
    ValueError
        If it is no whole JSON file of this module.
    """
    path = Path(path).with_suffix(".json")
    if not path.exists():
        raise FileNotFoundError(f"no provenance file {path} beside the records")
    provenance = files.read_json(path)
    missing = [key for key in ("rows", "sha256") if key not in provenance]
    if missing:
        raise files.UnreadableFileError(
            path, f"it lacks {missing[0]!r}: it is no provenance of records"
        )
    return provenance


def _check_rows(rows: list[RecordType]) -> None:
    seen = set()
    for row in rows:
        broken = [name for name in row.RESULTS if math.isnan(getattr(row, name))]
        if broken:
            raise ValueError(f"{broken[0]} is NaN for {row}")
        if row.identity in seen:
            raise ValueError(f"two records are of the same settings: {row}")
        seen.add(row.identity)


def _verify(path: Path) -> None:
    provenance = read_provenance(path)
    with files.reading(path, "a file of records"):
        # A checkout may have turned the line ends: the hash is that of the text as written.
        content = path.read_bytes().replace(b"\r\n", b"\n")
    if hashlib.sha256(content).hexdigest() != provenance["sha256"]:
        n_rows = max(content.count(b"\n") - 1, 0)
        raise files.UnreadableFileError(
            path,
            f"it is truncated or edited: it has {n_rows} rows and its hash is not that of "
            f"the {provenance['rows']} rows written (see {path.with_suffix('.json').name})",
        )


def _check_columns(path: Path, columns: dict[str, str], found: list[str]) -> None:
    missing = [name for name in columns if name not in found]
    unknown = [name for name in found if name not in columns]
    if missing:
        raise files.UnreadableFileError(
            path, f"it lacks column {missing[0]!r}: records need {', '.join(columns)}"
        )
    if unknown:
        raise files.UnreadableFileError(
            path, f"it has the unknown column {unknown[0]!r}: allowed are {', '.join(columns)}"
        )


def _parsed(path: Path, number: int, row: dict[str, Any], kind: type[RecordType]) -> RecordType:
    """Convert one line of text; a line cut short has None for the fields it lacks."""
    types = {"str": str, "int": int, "float": float}
    columns = kind.columns()
    if None in row or None in row.values():
        raise files.UnreadableFileError(
            path, f"line {number}: not {len(columns)} fields, the file is truncated"
        )
    values: dict[str, Any] = {}
    for name, type_name in columns.items():
        try:
            empty = name in kind.OPTIONAL and not row[name]
            values[name] = math.nan if empty else types[type_name](row[name])
        except ValueError as error:
            got = repr(row[name])[:80]
            raise files.UnreadableFileError(
                path, f"line {number}: {name} must be of type {type_name}, got {got}"
            ) from error
    return kind(**values)
