"""Files on disk: written whole or not at all, and identified by their hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` when the block ends well.

    If the block raises, ``path`` stays as it was and the temporary file is removed.

    Parameters
    ----------
    path
        The file to write; its folder is created.

    Yields
    ------
    Path
        A temporary file beside ``path``, with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path | str, value: object) -> None:
    """Write a JSON file whole or not at all, keys sorted."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def sha256(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 hash of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
