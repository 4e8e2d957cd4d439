"""fastMRI multicoil volumes: one HDF5 file per scan, read slice by slice.

The layout is that of Zbontar et al., "fastMRI: An Open Dataset and Benchmarks for Accelerated
MRI", arXiv:1811.08839: ``kspace`` complex64 ``[slice, coil, readout, phase encoding]``,
``ismrmrd_header`` (XML), ``reconstruction_rss`` in training and validation files, ``mask`` in
undersampled test files, and the attribute ``patient_id``. The zero frequency sits at index
``n // 2`` of both axes, as in `smuglib.operators.fourier`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from smuglib import checks
from smuglib.checks import require
from smuglib.files import UnreadableFileError, reading
from smuglib.random import derived_seed

EXPECTED = "expected a fastMRI multicoil volume"

LAYOUT = "[slice, coil, readout, phase encoding]"

LARGEST_RATIO = 1100
"""No common filter of HDF5 packs better; DEFLATE reaches 1032."""

PATIENCE = 4.0
"""Seconds within which HDF5's library opens a whole file."""

VISIT = r"""
import sys
sys.path[:] = sys.argv[1:]
import contextlib, json, h5py
print("\0", end="", flush=True)
for path in json.load(sys.stdin):
    with contextlib.suppress(Exception), h5py.File(path, "r") as file:
        for key in ("kspace", "ismrmrd_header", "mask", "dataset/xml", "dataset/data"):
            with contextlib.suppress(Exception):
                file[key].id.get_storage_size()
                file[key].nbytes < 2**20 and file[key][()]
        file.attrs["patient_id"]
    print("\0", end="", flush=True)
"""
"""Touches whatever is read of a volume except large arrays; it leaves all complaints to others."""

_visited: set[tuple[Path, int, int]] = set()


@dataclass(frozen=True)
class Volume:
    """One multicoil file: what it holds, checked when it is opened; slices are read on demand.

    ``shape`` is that of ``kspace``; a ``patient`` (anonymous identifier) may have several files.

    A process of its own opens each file first, see `visit`.
    """

    path: Path
    patient: str
    shape: tuple[int, int, int, int]

    @classmethod
    def open(cls, path: Path | str) -> Volume:
        """Read what a file holds, without its k-space."""
        path = checks.path("path", path)
        with reading_hdf5(path) as file:
            return cls(path, _patient(path, file), _shape(path, file))

    @property
    def subject(self) -> int:
        """The patient as a 48-bit number, exact in int64 and in float64."""
        return derived_seed(0, "patient", self.patient) >> 15

    def kspace(self, index: int) -> Tensor:
        """Read a slice as ``[1, coil, readout, phase encoding]``, in the scanner's units."""
        if not 0 <= checks.integer("index", index, minimum=-checks.LARGEST) < self.shape[0]:
            raise IndexError(
                f"slice index of {self.path} must lie in [0, {self.shape[0]}), got {index}"
            )
        with reading_hdf5(self.path) as file:
            stored = stored_array(self.path, file, "kspace")[index]
            kspace = torch.from_numpy(stored.astype(np.complex64))[None]
        if not kspace.isfinite().all() or not kspace.any():
            raise UnreadableFileError(
                self.path, f"k-space of slice {index} is not finite or holds no signal"
            )
        return kspace

    def mask(self) -> Tensor | None:
        """Read which columns a test file samples, boolean, ``[phase encoding]``; None if unsaid."""
        with reading_hdf5(self.path) as file:
            if "mask" not in file:
                return None
            stored = torch.from_numpy(np.asarray(stored_array(self.path, file, "mask")))
            mask = checks.mask("mask", stored)
        if mask.shape != self.shape[-1:]:
            raise UnreadableFileError(
                self.path, f"mask must have shape ({self.shape[-1]},), got {tuple(mask.shape)}"
            )
        return mask

    def image_size(self) -> tuple[int, int] | None:
        """Return the size of the reference, or the one that the header asks for; None if unsaid."""
        with reading_hdf5(self.path) as file:
            for key in ("reconstruction_rss", "reconstruction_esc"):
                if key in file:
                    height, width = stored_array(self.path, file, key).shape[-2:]
                    return height, width
            with suppress(UnreadableFileError):
                header = stored_array(self.path, file, "ismrmrd_header")[()]
                return matrix_size(self.path, header, "reconSpace")
        return None


def visit(paths: Iterable[Path]) -> None:
    """Refuse files from which HDF5's library, in C, does not come back: damage makes it loop.

    A process of its own, which can be stopped, opens them first. It takes 0.2 s to start, then
    milliseconds a file; what came back once is not visited again until it changes. Where no such
    process starts, nothing is refused.
    """
    stats = {path: path.stat() for path in paths if path.exists()}
    states = [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats.items()]
    left = [state for state in states if state not in _visited]
    command = [sys.executable, "-c", VISIT, *sys.path]
    while left:
        names = json.dumps([str(path) for path, _, _ in left]).encode()
        try:
            said = subprocess.run(
                command, input=names, capture_output=True, timeout=PATIENCE, check=False
            ).stdout
        except subprocess.TimeoutExpired as late:
            said = late.stdout or b""
        if not said:
            return
        done = said.count(b"\0") - 1
        if not done:
            reason = f"HDF5's library crashes, or takes more than {PATIENCE:g} s: it may be damaged"
            raise UnreadableFileError(left[0][0], f"{reason}: {EXPECTED}")
        _visited.update(left[:done])
        left = left[done:]


@contextmanager
def reading_hdf5(path: Path, expected: str = EXPECTED) -> Iterator[Any]:
    """Open a file, and say what is wrong with it if it cannot be read."""
    h5py = require("h5py", extra="fastmri", what="HDF5 files")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: {expected} (.h5)")
    visit([path])
    with (
        reading(path, f"{expected.removeprefix('expected ')}, or it is truncated"),
        h5py.File(path, "r") as file,
    ):
        yield file


def stored_array(path: Path, file: Any, key: str, expected: str = EXPECTED) -> Any:  # noqa: ANN401
    """Return an array of the file, one that is no larger than what the file itself can hold."""
    if key not in file:
        raise UnreadableFileError(path, f"it lacks {key!r}, it has {sorted(file)}: {expected}")
    found = file[key]
    if not hasattr(found, "dtype"):
        raise UnreadableFileError(path, f"{key!r} is a group, not an array: {expected}")
    # Both could name any file of the machine.
    if found.file != file or found.external or found.is_virtual:
        raise UnreadableFileError(path, f"{key!r} lies in another file: {expected}")
    packed = found.id.get_create_plist().get_nfilters()
    if found.nbytes > found.id.get_storage_size() * (LARGEST_RATIO if packed else 1):
        raise UnreadableFileError(
            path, f"{key!r} claims {found.nbytes} bytes, more than the file holds: {expected}"
        )
    return found


def _shape(path: Path, file: Any) -> tuple[int, int, int, int]:  # noqa: ANN401
    kspace, header = (stored_array(path, file, key) for key in ("kspace", "ismrmrd_header"))
    if kspace.ndim == 3 or (kspace.ndim == 4 and kspace.shape[1] == 1):
        raise UnreadableFileError(
            path, f"it is a single-coil volume, kspace {kspace.shape}: {EXPECTED}, {LAYOUT}"
        )
    if kspace.ndim != 4 or kspace.dtype.kind != "c" or 0 in kspace.shape:
        raise UnreadableFileError(
            path,
            f"kspace has dtype {kspace.dtype} and shape {kspace.shape}: {EXPECTED}, complex, "
            f"{LAYOUT}",
        )
    readout, encoded = matrix_size(path, header[()])
    found = f"kspace has shape {kspace.shape}, but the header names {readout} readout samples and "
    found += f"{encoded} phase encodings: "
    if readout != encoded and kspace.shape[-2:] == (encoded, readout):
        raise UnreadableFileError(path, f"{found}phase encoding must run along the last axis")
    if kspace.shape[2] != readout and readout in kspace.shape[1:]:
        raise UnreadableFileError(path, f"{found}expected {LAYOUT}")
    return kspace.shape


def matrix_size(path: Path, header: bytes | str, space: str = "encodedSpace") -> tuple[int, int]:
    """Return the readout samples (x) and phase encodings (y) that the ISMRMRD header names."""
    try:
        root = ElementTree.fromstring(header)
        matrix = f"{{*}}encoding/{{*}}{space}/{{*}}matrixSize/{{*}}"
        x, y = (int(root.findtext(matrix + axis, "")) for axis in "xy")
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise UnreadableFileError(
            path, f"ismrmrd_header names no {space.removesuffix('Space')} matrix size ({error})"
        ) from error
    return x, y


def _patient(path: Path, file: Any) -> str:  # noqa: ANN401
    if "patient_id" not in file.attrs:
        raise UnreadableFileError(
            path,
            f"it lacks the attribute 'patient_id', by which patients are kept apart: {EXPECTED}",
        )
    patient = file.attrs["patient_id"]
    # Some writers store bytes, others text: the patient is the same.
    return patient.decode("utf-8", "replace") if isinstance(patient, bytes) else str(patient)
