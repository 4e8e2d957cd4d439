"""fastMRI multicoil volumes: one HDF5 file per scan, read slice by slice.

The layout is that of Zbontar et al., "fastMRI: An Open Dataset and Benchmarks for Accelerated
MRI", arXiv:1811.08839: ``kspace`` complex64 ``[slice, coil, readout, phase encoding]``,
``ismrmrd_header`` (XML), ``reconstruction_rss`` in training and validation files, ``mask`` in
undersampled test files, and the attribute ``patient_id``. The zero frequency sits at index
``n // 2`` of both axes, as in `smuglib.operators.fourier`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import torch
from torch import Tensor

from smuglib.checks import require
from smuglib.files import UnreadableFileError, reading
from smuglib.random import derived_seed

EXPECTED = "expected a fastMRI multicoil volume"

SMALL = 2**26
"""Bytes that an array may claim in any file."""

LARGEST_RATIO = 16
"""Bytes that an array may claim for a byte of its file: noise does not compress further."""


@dataclass(frozen=True)
class Volume:
    """One multicoil file: what it holds, checked when it is opened; slices are read on demand.

    ``shape`` is that of ``kspace``; a ``patient`` (anonymous identifier) may have several files.
    """

    path: Path
    patient: str
    shape: tuple[int, int, int, int]

    @classmethod
    def open(cls, path: Path | str) -> Volume:
        """Read what a file holds, without its k-space."""
        path = Path(path)
        with _reading(path) as file:
            return cls(path, _patient(path, file), _shape(path, file))

    @property
    def subject(self) -> int:
        """The patient as a 48-bit number, exact in int64 and in float64."""
        return derived_seed(0, "patient", self.patient) >> 15

    def kspace(self, index: int) -> Tensor:
        """Read a slice as ``[1, coil, readout, phase encoding]``, in the scanner's units."""
        if not 0 <= index < self.shape[0]:
            raise IndexError(
                f"slice index of {self.path} must lie in [0, {self.shape[0]}), got {index}"
            )
        with _reading(self.path) as file:
            kspace = torch.from_numpy(dataset(file, "kspace")[index].astype(np.complex64))[None]
        if not kspace.isfinite().all() or not kspace.any():
            raise UnreadableFileError(
                self.path, f"slice {index} of it is not finite or holds no signal"
            )
        return kspace

    def mask(self) -> Tensor | None:
        """Read which columns a test file samples, boolean, ``[phase encoding]``; None if unsaid."""
        with _reading(self.path) as file:
            if "mask" not in file:
                return None
            mask = torch.from_numpy(np.asarray(dataset(file, "mask"))).bool()
        if mask.shape != self.shape[-1:]:
            raise UnreadableFileError(
                self.path,
                f"its mask must have shape ({self.shape[-1]},), got {tuple(mask.shape)}",
            )
        return mask


@contextmanager
def _reading(path: Path) -> Iterator[Any]:
    """Open a file, and say what is wrong with it if it cannot be read."""
    h5py = require("h5py", extra="fastmri", what="fastMRI volumes")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: {EXPECTED} (.h5)")
    with reading(path, f"whole HDF5, it may be truncated: {EXPECTED}"), h5py.File(path) as file:
        yield file


def dataset(file: Any, name: str) -> Any:  # noqa: ANN401
    """Return an array of a file: its own, not another file's, and no larger than it can hold.

    An HDF5 file may take its data from any other file of the machine, and claim any size.
    """
    h5py = require("h5py", extra="fastmri", what="fastMRI volumes")
    if not isinstance(file.get(name, getlink=True), h5py.HardLink):
        raise ValueError(f"{name!r} is a link to elsewhere")
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise TypeError(f"{name!r} is no array")
    if found.is_virtual or found.external:
        raise ValueError(f"{name!r} takes its data from another file")
    size = os.path.getsize(file.filename)
    chunk = math.prod(found.chunks or ()) * found.dtype.itemsize
    if max(found.nbytes, chunk) > max(SMALL, LARGEST_RATIO * size):
        raise ValueError(f"{name!r} claims {found.nbytes} bytes in a file of {size}")
    return found


def _shape(path: Path, file: Any) -> tuple[int, int, int, int]:  # noqa: ANN401
    missing = [key for key in ("kspace", "ismrmrd_header") if key not in file]
    if missing:
        raise ValueError(f"{path} lacks {missing[0]!r}, it has {sorted(file)}: {EXPECTED}")
    kspace = dataset(file, "kspace")
    if kspace.ndim == 3 or (kspace.ndim == 4 and kspace.shape[1] == 1):
        raise ValueError(
            f"{path} is a single-coil volume, kspace {kspace.shape}: {EXPECTED}, "
            "[slice, coil, readout, phase encoding]"
        )
    if kspace.ndim != 4 or kspace.dtype.kind != "c":
        raise ValueError(
            f"kspace of {path} has dtype {kspace.dtype} and shape {kspace.shape}: {EXPECTED}, "
            "complex, [slice, coil, readout, phase encoding]"
        )
    readout, encoded = _encoded_matrix(path, dataset(file, "ismrmrd_header")[()])
    if readout != encoded and kspace.shape[-2:] == (encoded, readout):
        raise ValueError(
            f"kspace of {path} has shape {kspace.shape}, but its header names {readout} readout "
            f"samples and {encoded} phase encodings: phase encoding must run along the last axis"
        )
    return kspace.shape


def _encoded_matrix(path: Path, header: bytes | str) -> tuple[int, int]:
    """Return the readout samples (x) and phase encodings (y) that the ISMRMRD header names."""
    try:
        root = ElementTree.fromstring(header)
        matrix = "{*}encoding/{*}encodedSpace/{*}matrixSize/{*}"
        x, y = (int(root.findtext(matrix + axis, "")) for axis in "xy")
    except (ElementTree.ParseError, TypeError, ValueError) as error:
        raise ValueError(
            f"ismrmrd_header of {path} names no encoded matrix size ({error}): {EXPECTED}"
        ) from error
    return x, y


def _patient(path: Path, file: Any) -> str:  # noqa: ANN401
    if "patient_id" not in file.attrs:
        raise ValueError(
            f"{path} lacks the attribute 'patient_id', by which patients are kept apart: {EXPECTED}"
        )
    return str(file.attrs["patient_id"])
