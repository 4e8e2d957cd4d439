"""Files on disk: written whole or not at all, and identified by their hash."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from safetensors import SafetensorError


class UnreadableFileError(ValueError):
    """A file is damaged, or is not what it is read as: its path, and the reason.

    It is the one error for whatever a file's content can be wrong in, of every kind of file.
    """

    def __init__(self, path: Path | str, reason: str) -> None:
        super().__init__(f"{path} cannot be read: {reason}")
        self.path, self.reason = Path(path), reason


@contextmanager
def reading(path: Path | str, what: str) -> Iterator[None]:
    """Say of whatever the content of a file makes fail that the file cannot be read as ``what``."""
    try:
        yield
    except (UnreadableFileError, FileNotFoundError):
        raise
    except (
        *(OSError, ValueError, LookupError, TypeError, AttributeError, RuntimeError, SyntaxError),
        *(ArithmeticError, MemoryError, SafetensorError),
    ) as error:
        said = str(error).splitlines()[0][:300] if str(error) else "no more is known"
        reason = f"it is not {what} ({type(error).__name__}: {said})"
        raise UnreadableFileError(path, reason) from error


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON file that holds an object."""
    with reading(path, "a whole JSON file"):
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise UnreadableFileError(path, f"it holds a {type(content).__name__}, not a JSON object")
    return content


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` when the block ends well.

    If the block raises, ``path`` stays as it was and the temporary file is removed. It lies beside
    ``path``, in a folder that is created, with the same suffix.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Unlike a process number, no thread and no other computer on a shared disk has it too.
    temporary = path.with_name(f".{path.stem}.{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def project_root(start: Path | None = None) -> Path:
    """Return the nearest folder above ``start`` that holds ``_toc.yml``, or ``start`` itself.

    Notebooks run from the project's root or from ``book/``: both must find one ``build`` folder.
    """
    start = Path.cwd() if start is None else start
    folders = (start, *start.parents)
    return next((folder for folder in folders if (folder / "_toc.yml").is_file()), start)


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
