"""Scans kept for the next time: on the disk for all processes, and in memory.

On the disk a scan's key is a hash of its protocol, split and index, of the simulator's source, and
of the packages it computes with; one of a real volume knows the size and the time of the last
change of its file, too: no file is ever out of date. A file is sealed; a damaged one
is simulated again. ``SMUGLIB_CACHE`` names another folder than ``~/.cache/smuglib``,
or is ``off``; ``SMUGLIB_CACHE_GIB`` bounds its size, 4 GiB by default.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from stat import S_ISREG
from typing import Any

import torch
from safetensors import torch as safetensors

from smuglib import checks
from smuglib.checks import require
from smuglib.data.scan import Scan
from smuglib.data.simulator import Protocol, simulate
from smuglib.files import SEAL, is_whole, replacing, sealed, sealed_json, text_sha256

FORMAT = 2
"""Version of a file's layout."""

SIMULATOR = (
    "checks", "data/anatomy", "data/coils", "data/espirit", "data/fields", "data/head_anatomy",
    "data/scan", "data/simulator", "data/splits", "data/template", "files", "operators/fourier",
    "operators/normal", "operators/sense", "random", "sampling",
)  # fmt: skip
"""Modules that determine the bits of a scan."""

PACKAGES = ("nilearn", "numpy", "scipy", "torch")
"""Packages that determine the bits of a scan, the template's included."""

READERS = ("data/fastmri/acquisition", "data/fastmri/volume", "data/regions", "data/volumes")
"""Modules that determine the bits of a scan that is read from a file, beside the simulator's."""

READER_PACKAGES = ("h5py", "nibabel", "sigpy")
"""Packages of these modules, of which each needs its own alone."""

REST = 3600.0
"""Seconds since its last use for which a file is not removed."""


def in_memory(read: Callable[[int], Scan], max_bytes: int) -> Callable[[int], Scan]:
    """Keep the scans that a function of the index returned, the very objects, the ones used last.

    All together take at most ``max_bytes``; a scan that exceeds it alone is not kept.
    """
    max_bytes = checks.integer("cache_bytes", max_bytes, minimum=0)
    cachetools = require("cachetools", extra="data", what="data sets")
    kept = cachetools.LRUCache(max_bytes, getsizeof=lambda scan: scan.nbytes)
    function: Callable[[int], Scan] = cachetools.cached(kept)(read)
    return function


def cached(protocol: Protocol, split: str, index: int) -> Scan:
    """Read a scan from the disk, bit for bit as simulated, or simulate it and write it there."""
    name = key(protocol, split, index)
    return kept(name, split, index, lambda: simulate(protocol, split, index))


def kept(name: str, split: str, index: int, make: Callable[[], Scan]) -> Scan:
    """Read a scan from the disk by its key, or make it and write it there."""
    folder = configured()
    if folder is None:
        return make()
    path = f"{name[:2]}/{name}.safetensors"
    content = folder.read(path)
    scan = None if content is None else unpacked(content, name, split, index)
    if scan is None:
        if content is not None:
            warnings.warn(f"{folder.path / path} is damaged: it is simulated again", stacklevel=2)
        scan = make()
        folder.write(path, packed(scan, name))
    return scan


def remembered(name: str, compute: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Read a value fit for JSON from the disk by its key, or compute it and write it there."""
    folder = configured()
    if folder is None:
        return compute()
    path = f"{name[:2]}/{name}.json"
    stored = folder.read(path)
    if stored is None or not is_whole(stored):
        stored = sealed_json({"value": compute()})
        folder.write(path, stored)
    return json.loads(stored)["value"]


def _source_hash(names: Iterable[str] = SIMULATOR) -> str:
    package = Path(__file__).parents[1]
    lines = [f"{name} {text_sha256(package / f'{name}.py')}" for name in names]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


# Taken when the simulator is imported: a session that outlives an edit still runs the old source.
SOURCE = _source_hash()
READER_SOURCE = _source_hash(READERS)


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    return {package: version(package) for package in PACKAGES}


@lru_cache(maxsize=1)
def _reader_versions() -> dict[str, str]:
    found = {}
    for package in READER_PACKAGES:
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def key(protocol: Protocol, split: str, index: int) -> str:
    """Hash everything that determines a scan; hexadecimal SHA-256."""
    return _hash_of(type(protocol).__name__, asdict(protocol), split, index)


def file_key(*content: Any) -> str:  # noqa: ANN401
    """Hash what is read from a file, as JSON writes it, with all that determines the reading."""
    return _hash_of(READER_SOURCE, _reader_versions(), *content)


def _hash_of(*content: Any) -> str:  # noqa: ANN401
    everything = json.dumps([FORMAT, SOURCE, _versions(), *content], sort_keys=True)
    return hashlib.sha256(everything.encode()).hexdigest()


def packed(scan: Scan, name: str) -> bytes:
    """Write a scan of one slice, whose key is ``name``, as a sealed file."""
    tensors = {
        "samples": scan.kspace[..., scan.mask.flatten()].contiguous(),
        "maps": scan.maps,
        "mask": scan.mask,
        "target": scan.target,
        "scale": torch.tensor(scan.scale, dtype=torch.float64, device="cpu"),
        "subject": torch.tensor(scan.subject, device="cpu"),
    }
    return sealed(safetensors.save(tensors, metadata={name: SEAL}))


def unpacked(content: bytes, name: str, split: str, index: int) -> Scan | None:
    """Read what `packed` wrote; None if the file is damaged or belongs to another key."""
    if not is_whole(content) or name.encode() not in content:
        return None
    tensors = safetensors.load(content)
    # Copies lie as any other tensor does in memory: transforms may round by alignment.
    maps, mask, target = (tensors[part].clone() for part in ("maps", "mask", "target"))
    kspace = torch.zeros_like(maps)
    kspace[..., mask.flatten()] = tensors["samples"]
    scale, subject = tensors["scale"].item(), int(tensors["subject"].item())
    return Scan(kspace, maps, mask, target, scale, subject, index, split)


def configured() -> BoundedFolder | None:
    """Return the folder that the environment asks for; None where the cache is off."""
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


class BoundedFolder:
    """Files by name, at most ``max_bytes`` together; the one used least recently goes first.

    A file used in the last hour stays (with more data than budget, a training would otherwise
    rewrite every file in every epoch); without room, a new file is not kept. The folder is looked
    through only when this process has used up the room it found there the last time, so several
    processes at once may exceed the budget by a fraction.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._room = 0
        self._full_until = 0.0
        self._usable = True

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, and mark it as used; None if it cannot be read."""
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        # In somebody else's folder, or if the file was removed since, its content is still good.
        with suppress(OSError):
            os.utime(path)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file if there is room; if it fails, warn once and keep no further file."""
        if not self._usable:
            return
        try:
            if self._has_room(len(content)):
                with replacing(self.path / name) as temporary:
                    temporary.write_bytes(content)
        except OSError as error:
            self._usable = False
            warnings.warn(
                f"scans are simulated again in every process: they cannot be kept in "
                f"{self.path} ({error}). SMUGLIB_CACHE names another folder, or 'off'",
                stacklevel=2,
            )

    def _has_room(self, n_bytes: int) -> bool:
        if n_bytes > self._room and time.monotonic() >= self._full_until:
            self._room = self._make_room(n_bytes)
            if n_bytes > self._room:
                self._full_until = time.monotonic() + 60
        if n_bytes > self._room:
            return False
        self._room -= n_bytes
        return True

    def _make_room(self, n_bytes: int) -> int:
        """Remove files until there is room; return how much of it this process may fill."""
        files = sorted(self._files())
        free = self.max_bytes - sum(size for _, size, _ in files)
        if n_bytes > free:
            rested = [file for file in files if file[0] < time.time() - REST]
            if n_bytes > free + sum(size for _, size, _ in rested):
                return 0
            # More than is needed, so that the next file does not look through the folder again.
            wanted = max(n_bytes, self.max_bytes // 8)
            for _, size, path in rested:
                if free >= wanted:
                    break
                path.unlink(missing_ok=True)
                free += size
        # The rest is for other processes, which do not see what this one is about to write.
        return max(n_bytes, free // 8)

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of every file, leftovers of killed writers too."""
        found = []
        for path in self.path.rglob("*"):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            if S_ISREG(state.st_mode):
                found.append((state.st_mtime, state.st_size, path))
        return found
