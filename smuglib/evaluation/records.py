"""Files of results: one dataclass per row, in CSV, with provenance and a hash beside it.

A kind of row is a dataclass whose fields are numbers and words. Beside ``<name>.csv`` stands
``<name>.json`` with the provenance of the whole file and the hash that tells a truncated or
edited file. Several processes may write to one folder: they wait for each other.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pandas as pd

from smuglib import files
from smuglib.files import UnreadableFileError


@dataclass(frozen=True)
class Record:
    """Base of all kinds of rows: fields of type ``str``, ``int`` or ``float``.

    A field with a default is one that older files may lack: they are read with it.
    """

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
    def later(cls) -> dict[str, Any]:
        """Return the fields that older files may lack, with what they mean there."""
        return {f.name: f.default for f in fields(cls) if f.default is not MISSING}

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
    provenance: Mapping[str, Any] | None = None,
) -> None:
    """Write rows to a CSV file, and ``provenance`` (see `smuglib.provenance.describe`) beside it.

    A run that is stopped at any point leaves the old pair or the new one.
    """
    path = Path(path)
    with _locked(path):
        _write(path, list(rows), kind, provenance or {})


def update(
    path: Path | str,
    kind: type[RecordType],
    change: Callable[[list[RecordType]], Iterable[RecordType]],
    provenance: Mapping[str, Any],
) -> pd.DataFrame:
    """Write what ``change`` makes of a file's rows, of none at first; return what it then holds.

    No other process changes the file between reading and writing.
    """
    path = Path(path)
    with _locked(path):
        held = rows_of(read(path, kind), kind) if path.is_file() else []
        _write(path, list(change(held)), kind, provenance)
        return read(path, kind)


def keep(path: Path | str, rows: Iterable[RecordType], kind: type[RecordType]) -> None:
    """Add rows to what `kept` returns, before those that are there and in place of their equals."""
    path, new = Path(path), list(rows)
    replaced = {row.identity for row in new}
    with _locked(path):
        rest = [row for row in kept(path, kind) if row.identity not in replaced]
        _write(path, [*new, *rest], kind, {})


def kept(path: Path | str, kind: type[RecordType]) -> list[RecordType]:
    """Return the rows that an interrupted run left; none, with a warning, if they are damaged."""
    try:
        return rows_of(read(path, kind), kind) if Path(path).is_file() else []
    except (FileNotFoundError, UnreadableFileError) as error:
        warnings.warn(f"{error}; what it held is computed again", stacklevel=3)
        return []


def _locked(path: Path) -> AbstractContextManager[None]:
    return files.locked(path.parent / ".records.lock")


def _write(
    path: Path, rows: list[RecordType], kind: type[RecordType], provenance: Mapping[str, Any]
) -> None:
    """Write a pair of files, its folder locked.

    Between the two, the new JSON file beside the old CSV file holds the old provenance, too.
    """
    _check_rows(rows)
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, kind.columns(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(
        {name: "" if value != value else value for name, value in asdict(row).items()}
        for row in rows
    )
    content = buffer.getvalue().encode()
    new = {**provenance, "rows": len(rows), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        both = {**new, "previous": _pair(path)[1]}
    except (FileNotFoundError, UnreadableFileError):
        both = new
    files.write_bytes(path.with_suffix(".json"), files.sealed_json(both))
    files.write_bytes(path, content)
    if both != new:
        files.write_bytes(path.with_suffix(".json"), files.sealed_json(new))


def read(path: Path | str, kind: type[RecordType], *, verify: bool = True) -> pd.DataFrame:
    """Read a CSV file that `write` wrote, one line per row, and check it.

    ``verify`` compares the file with the hash in the JSON file beside it. A file that is truncated
    or edited, or of another kind, is an UnreadableFileError.
    """
    path, columns = Path(path), kind.columns()
    content = _pair(path)[0] if verify else _content(path)
    try:
        reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
        found = list(reader.fieldnames or [])
        later = {name: value for name, value in kind.later().items() if name not in found}
        _check_columns(path, columns, [*found, *later])
        lines = enumerate(reader, start=2)
        rows = [_parsed(path, number, row | later, kind) for number, row in lines]
        frame = pd.DataFrame([asdict(row) for row in rows], columns=list(columns))
        return frame.astype({name: type_ for name, type_ in columns.items() if type_ != "str"})
    except (UnicodeDecodeError, csv.Error, OverflowError) as error:
        raise UnreadableFileError(path, f"it is no table of records: {error}") from error


def rows_of(frame: pd.DataFrame, kind: type[RecordType]) -> list[RecordType]:
    """Return the rows of a table that `read` returned, in its order."""
    return [
        kind(**{str(name): value for name, value in row.items()})
        for row in frame.to_dict("records")
    ]


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Read what was given to `write` for a CSV file, and the file's number of rows and hash."""
    return _pair(Path(path))[1]


def read_any(path: Path | str) -> pd.DataFrame:
    """Read a file of records of whatever kind, and check its hash as `read` does."""
    return pd.read_csv(io.BytesIO(_pair(Path(path))[0]))


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f"no records file {path}")
    return files.read_text_bytes(path)


def _pair(path: Path, before: tuple[object, ...] = ()) -> tuple[bytes, dict[str, Any]]:
    """Read a CSV file, and of the provenances in its JSON file the one that is the CSV file's.

    Two that do not fit are read again, until they are those ``before``: another process may have
    replaced one after the other was read.
    """
    beside = path.with_suffix(".json")
    content = _content(path)
    if not beside.is_file():
        raise FileNotFoundError(f"no provenance file {beside} beside the records")
    found = files.read_json(beside)
    previous = found.pop("previous", None)
    missing = [key for key in ("rows", "sha256") if key not in found]
    if missing:
        raise UnreadableFileError(beside, f"it lacks {missing[0]!r}, so it tells of no records")
    digest = hashlib.sha256(content).hexdigest()
    for provenance in (found, previous):
        if isinstance(provenance, dict) and provenance.get("sha256") == digest:
            return content, provenance
    misfit = (digest, repr(found))
    if before != misfit:
        return _pair(path, misfit)
    n_rows = max(content.count(b"\n") - 1, 0)
    raise UnreadableFileError(
        path,
        f"it is truncated or edited: it has {n_rows} rows and its hash is not that of the "
        f"{found['rows']} rows written (see {beside.name}); remove both to compute it anew",
    )


def _check_rows(rows: list[RecordType]) -> None:
    seen = set()
    for row in rows:
        broken = [name for name in row.RESULTS if math.isnan(getattr(row, name))]
        if broken:
            raise ValueError(f"{broken[0]} is NaN for {row}")
        if row.identity in seen:
            raise ValueError(f"two records are of the same settings: {row}")
        seen.add(row.identity)


def _check_columns(path: Path, columns: dict[str, str], found: list[str]) -> None:
    for what, held, wanted in (("lacks", columns, found), ("has the unknown", found, columns)):
        odd = [name for name in held if name not in wanted]
        if odd:
            reason = f"it {what} column {odd[0]!r}: records have {', '.join(columns)}"
            raise UnreadableFileError(path, reason)


def _parsed(path: Path, number: int, row: dict[str, Any], kind: type[RecordType]) -> RecordType:
    """Convert one line of text; a line cut short has None for the fields it lacks."""
    types = {"str": str, "int": int, "float": float}
    columns = kind.columns()
    if None in row or None in row.values():
        reason = f"line {number} has not {len(columns)} fields, the file is truncated"
        raise UnreadableFileError(path, reason)
    values: dict[str, Any] = {}
    for name, type_name in columns.items():
        try:
            empty = name in kind.OPTIONAL and not row[name]
            values[name] = math.nan if empty else types[type_name](row[name])
        except ValueError as error:
            reason = f"line {number}: {name} must be of type {type_name}, got {row[name]!r}"
            raise UnreadableFileError(path, reason) from error
    return kind(**values)
