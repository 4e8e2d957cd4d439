"""Places that cannot be written to: what was there stays, the error is one, and names the place."""

from __future__ import annotations

import errno
import os
import random
import resource
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from tests.crashes import Disk
from tests.torture.forks import Child
from tests.torture.kills import n_changes
from tests.torture.outcome import Outcome
from tests.torture.works import WORKS, Work, prepared, redone, undisturbed, workplace

NOBODY = 65534
"""User who owns nothing: root may write where a folder is read-only."""


def run(seed: int, n: int) -> list[Outcome]:
    """Do a work ``n`` times where it cannot be finished, then where it can."""
    rng, names, outcomes, whole = random.Random(seed), list(WORKS), [], {}
    with workplace() as place:
        place.chmod(0o755)
        for name, work in WORKS.items():
            changes = n_changes(work, place / f"{name} counted")
            whole[name] = undisturbed(work, place / name), changes
        for number in range(n):
            name, (way, spoil) = names[number % len(names)], rng.choice(list(WAYS.items()))
            work, (result, changes) = WORKS[name], whole[name]
            folder = prepared(work, place / str(number))
            at = rng.randint(1, changes)
            wrong = spoil(work, folder, at) or _left(folder) or redone(work, folder, result)
            case = f"{seed}/{number}: {way}, {at}"
            outcomes.append(Outcome.of(f"place: {name}", case, wrong))
    return outcomes


def _unclear(work: Work, folder: Path, hinder: Callable[[], object]) -> str:
    """Do a work where something hinders it; return what is wrong with how it says so."""

    def attempt() -> str:
        with hinder():
            try:
                work.do(folder, 0)
            except OSError as error:
                return "" if str(folder) in str(error) else f"names no file: {error!r}"
        return ""

    end = Child(attempt).end()
    return end.error or end.value


def _left(folder: Path) -> str:
    """Return the temporary files that an error, which is no kill, should have removed."""
    left = [path.name for path in folder.rglob(".*.*.*") if path.suffix != ".lock"]
    return f"left behind: {', '.join(left)}" if left else ""


def _full_disk(work: Work, folder: Path, at: int) -> str:
    def no_space() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    growing = ((os, "fsync"), (Path, "write_bytes"))
    return _unclear(work, folder, lambda: Disk(at, no_space, growing))


class _Limited:
    """Files may not grow beyond some bytes."""

    def __init__(self, n_bytes: int) -> None:
        self.n_bytes = n_bytes

    def __enter__(self) -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (self.n_bytes, resource.RLIM_INFINITY))

    def __exit__(self, *error: object) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)


def _small_files(work: Work, folder: Path, at: int) -> str:
    return _unclear(work, folder, lambda: _Limited(97 * at))


class _Nobody:
    """No longer root, for whom no folder is read-only."""

    def __enter__(self) -> None:
        if os.geteuid() == 0:
            os.seteuid(NOBODY)

    def __exit__(self, *error: object) -> None:
        if os.getuid() == 0:
            os.seteuid(0)


def _read_only(work: Work, folder: Path, _at: int) -> str:
    folder.chmod(0o555)
    try:
        return _unclear(work, folder, _Nobody)
    finally:
        folder.chmod(0o755)


def _no_folder(work: Work, folder: Path, _at: int) -> str:
    """Put a file in the place of the folder."""
    aside = folder.with_name(f"{folder.name} aside")
    folder.rename(aside)
    folder.write_text("a file")
    try:
        return _unclear(work, folder, _Nobody)
    finally:
        folder.unlink()
        shutil.move(aside, folder)


WAYS = {
    "full disk": _full_disk,
    "small files": _small_files,
    "read-only": _read_only,
    "a file in place of the folder": _no_folder,
}
