"""Simulated scans kept on the disk, for all processes: found by what determines them.

A scan's key is a hash of its protocol, split and index, of the simulator's source, and of the
packages that it computes with: an edit or an upgrade makes new keys, and no file is ever out of
date. ``SMUGLIB_CACHE`` names another folder than ``~/.cache/smuglib``, or is ``off``;
``SMUGLIB_CACHE_GIB`` bounds its size, 4 GiB by default.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from smuglib.data import scan_file
from smuglib.data.folder import BoundedFolder
from smuglib.data.scan import Scan
from smuglib.data.simulator import Protocol, simulate
from smuglib.files import sha256

SIMULATOR = (
    "checks",
    "data/anatomy",
    "data/coils",
    "data/fields",
    "data/scan",
    "data/simulator",
    "data/splits",
    "data/template",
    "fourier",
    "normal",
    "operators",
    "random",
    "sampling",
)
"""Modules that determine the bits of a scan."""

PACKAGES = ("nilearn", "numpy", "scipy", "torch")
"""Packages that determine the bits of a scan, the template's included."""


def _source_hash() -> str:
    package = Path(__file__).parents[1]
    lines = [f"{name} {sha256(package / f'{name}.py')}" for name in SIMULATOR]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# Taken when the simulator is imported: a session that outlives an edit still runs the old source.
SOURCE = _source_hash()


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


def key(protocol: Protocol, split: str, index: int) -> str:
    """Hash everything that determines a scan.

    Parameters
    ----------
    protocol
        How the brain is scanned.
    split, index
        The slice.

    Returns
    -------
    str
        Hexadecimal SHA-256 hash.
    """
    content = {
        "format": scan_file.FORMAT,
        "source": SOURCE,
        "versions": _versions(),
        "protocol": asdict(protocol),
        "split": split,
        "index": index,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def cached(protocol: Protocol, split: str, index: int) -> Scan:
    """Read the scan of one slice from the disk, or simulate it and write it there.

    Parameters
    ----------
    protocol
        How the brain is scanned.
    split
        ``"train"``, ``"val"`` or ``"test"``.
    index
        Index of the slice in its split, >= 0.

    Returns
    -------
    Scan
        A batch of one, bit for bit what `smuglib.data.simulator.simulate` returns.

    Raises
    ------
    ValueError
        If an argument or ``SMUGLIB_CACHE_GIB`` is out of range.
    """
    folder = configured()
    if folder is None:
        return simulate(protocol, split, index)
    name = key(protocol, split, index)
    path = f"{name[:2]}/{name}.safetensors"
    content = folder.read(path)
    scan = None if content is None else scan_file.unpacked(content, name, split, index)
    if scan is None:
        scan = simulate(protocol, split, index)
        folder.write(path, scan_file.packed(scan, name))
    return scan


def configured() -> BoundedFolder | None:
    """Return the folder that the environment asks for; None where the cache is off.

    Raises
    ------
    ValueError
        If ``SMUGLIB_CACHE_GIB`` is no positive number.
    """
    place = os.environ.get("SMUGLIB_CACHE")
    if place == "off":
        return None
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "smuglib"
        folder = Path(place).expanduser() if place else base
    except RuntimeError:
        # A user without a home, as in some containers.
        return None
    return _opened(folder.absolute() / "scans", os.environ.get("SMUGLIB_CACHE_GIB", "4"))


@lru_cache(maxsize=8)
def _opened(folder: Path, budget: str) -> BoundedFolder:
    try:
        gib = float(budget)
    except ValueError:
        gib = 0.0
    if not 0 < gib < 2**20:
        raise ValueError(
            f"SMUGLIB_CACHE_GIB must be a number of GiB > 0, got {budget!r}; "
            "SMUGLIB_CACHE=off switches the cache off"
        )
    return BoundedFolder(folder, int(gib * 2**30))
