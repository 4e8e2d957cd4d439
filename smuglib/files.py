"""Files on disk: whole or not at all, one writer at a time, and told from damaged ones.

A file with a seal holds the hash of its own content: its reader knows whether it is as written.
"""

import glob
import hashlib
import json
import os
import re
import struct
import time
import warnings
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import uuid4
from zipfile import BadZipFile

from filelock import FileLock, Timeout
from safetensors import SafetensorError

PATIENCE = 2.0
"""Seconds that `locked` waits silently; children of a killed process end within them."""

A_DAY = 86400.0
"""Seconds after which a temporary file has no writer any more."""

SEAL = "seal-sha256-" + "0" * 64
"""Stands in a file where `sealed` puts the hash."""

DAMAGED = "it is damaged: its content is not what its own hash says; fetch it, or make it, anew"
"""Why a file is not read whose seal is broken."""


class UnreadableFileError(ValueError):
    """A file is damaged, or is not what it is read as, whatever its kind: its path, and why."""

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
        *(ArithmeticError, MemoryError, SafetensorError, EOFError, BadZipFile),
        *(struct.error, zlib.error),
    ) as error:
        said = str(error).splitlines()[0][:300] if str(error) else "no more is known"
        reason = f"it is not {what} ({type(error).__name__}: {said})"
        raise UnreadableFileError(path, reason) from error


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Give a temporary path that takes the place of ``path`` when the block ends well.

    If the block raises, ``path`` stays as it was. The temporary file lies beside it, with the same
    suffix. Not even a power loss leaves half a file: its content is on the disk before its name is.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path)
    # Unlike a process number, no thread and no other computer on a shared disk has it too.
    temporary = path.with_name(f".{path.stem}.{uuid4().hex}{path.suffix}")
    try:
        yield temporary
        _sync(temporary, os.O_RDWR)
        os.replace(temporary, path)
        # Windows, and some file systems, cannot sync a folder: their own order must do.
        with suppress(OSError):
            _sync(path.parent, os.O_RDONLY)
    except OSError as error:
        # A disk that is full does not say which file it had no room for.
        if error.errno and error.filename is None:
            error.filename = str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(path: Path) -> None:
    """Remove what killed writers of this file left more than a day ago."""
    name = f".{glob.escape(path.stem)}.{'[0-9a-f]' * 32}{glob.escape(path.suffix)}"
    for left in path.parent.glob(name):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > A_DAY:
                left.unlink()


def _sync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path | str, work: str | None = None) -> Iterator[None]:
    """Let one thread of one process at a time into the block; the others wait, with a warning.

    They are refused if ``work``, the subject of the error's sentence, is what runs. The lock file
    ``path`` stays: to remove it would let two in. A killed process frees its lock.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        held = lock.acquire(timeout=PATIENCE)
    except Timeout:
        if work is not None:
            raise ValueError(f"{work} is running already: wait for it, or stop it first") from None
        warnings.warn(f"waiting for another process that writes to {path.parent}", stacklevel=3)
        held = lock.acquire()
    with held:
        yield


def numeral(number: float) -> str:
    """Write a number for the name of a file: shortly, but no two numbers alike."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def sealed(content: bytes) -> bytes:
    """Put the hash of a file's content into it, in the place of its `SEAL`."""
    seal = SEAL[:-64] + hashlib.sha256(content).hexdigest()
    return content.replace(SEAL.encode(), seal.encode(), 1)


def is_whole(content: bytes) -> bool | None:
    """Return whether a file's content is what `sealed` made of it; None if it carries no seal."""
    found = re.search(SEAL.encode()[:-64] + b".{64}", content, re.DOTALL)
    if found is None:
        return None
    return sealed(content.replace(found[0], SEAL.encode(), 1)) == content


def write_bytes(path: Path | str, content: bytes) -> None:
    """Write a file whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file whole or not at all, with the newlines that it has."""
    write_bytes(path, text.encode())


def sealed_json(value: Mapping[str, Any]) -> bytes:
    """Return the content of a JSON file of named values, sorted by name, with a seal."""
    text = json.dumps({**value, "seal": SEAL}, indent=2, sort_keys=True)
    return sealed(f"{text}\n".encode())


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON file of named values, and check its seal if it carries one."""
    with reading(path, "a whole JSON file"):
        content = read_text_bytes(path)
        value = json.loads(content)
    if not isinstance(value, dict):
        raise UnreadableFileError(path, "it is no JSON file of named values")
    whole = is_whole(content)
    if whole is False or ("seal" in value and not whole):
        raise UnreadableFileError(path, DAMAGED)
    return {name: kept for name, kept in value.items() if name != "seal"}


def read_text_bytes(path: Path | str) -> bytes:
    """Read a text file with the newlines that it was written with: git on Windows changes them."""
    return Path(path).read_bytes().replace(b"\r\n", b"\n")


def text_sha256(path: Path | str) -> str:
    """Return the hash of a text file, whatever its newlines are: see `read_text_bytes`."""
    return hashlib.sha256(read_text_bytes(path)).hexdigest()


def sha256(path: Path | str) -> str:
    """Return the hexadecimal SHA-256 hash of a file."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
