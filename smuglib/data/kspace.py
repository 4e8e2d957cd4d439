"""K-space of one's own in files, read one slice at a time, so that a volume needs little memory.

==================  ============================================================================
suffix              content
==================  ============================================================================
``.npy``            ``[coil, readout, phase encoding]``, perhaps with slices before it; complex
``.npz``            the same as ``kspace``; perhaps ``mask`` and ``maps`` of `Scan.from_kspace`
``.cfl``, ``.hdr``  BART's: two of the dimensions 0 to 2, coils in 3, and slices in 13
``.h5``             ISMRMRD (see `smuglib.data.ismrmrd`), or a multicoil volume of fastMRI
==================  ============================================================================

The zero frequency lies at index ``n // 2``. Nothing is unpickled, whatever a file asks for.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smuglib import checks, sampling
from smuglib.data.fastmri.acquisition import crop_field_of_view
from smuglib.data.fastmri.volume import Volume, reading_hdf5
from smuglib.data.ismrmrd import Acquisitions
from smuglib.data.scan import Scan, is_rectangle, whole_columns
from smuglib.files import UnreadableFileError, reading
from smuglib.random import generator

BART_IMAGE, BART_COILS, BART_SLICES = (0, 1, 2), 3, 13
"""BART's dimensions of readout and two phase encodings, of coils, and of slices."""

HEADERS: dict[tuple[int, int], Callable[[Any], tuple[tuple[int, ...], bool, np.dtype[Any]]]] = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}

Reader = Callable[[int], NDArray[np.generic] | Tensor]
"""Reads what a file holds for a slice."""


@dataclass(frozen=True)
class KSpaceFile:
    """A file of k-space: what it holds, checked when it is opened; slices are read on demand.

    ``shape`` is slices, coils, readout and phase encodings; ``mask`` and ``read_maps`` are there
    where the file says them, and so is the ``size`` of the image that its reference has.
    """

    path: Path
    shape: tuple[int, ...]
    read: Reader
    mask: Tensor | None = None
    read_maps: Reader | None = None
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        """Return the number of slices."""
        return self.shape[0]

    def kspace(self, index: int) -> Tensor:
        """Read a slice as ``[1, coil, readout, phase encoding]``, complex64, in its own units."""
        if not 0 <= checks.integer("index", index, minimum=-checks.LARGEST) < len(self):
            raise IndexError(f"index of {self.path} must lie in [0, {len(self)}), got {index}")
        with reading(self.path, "a file of k-space"):
            kspace = torch.as_tensor(self.read(index), device="cpu").to(torch.complex64)
        if not kspace.isfinite().all() or not kspace.any():
            raise UnreadableFileError(
                self.path, f"k-space of slice {index} is not finite or holds no signal"
            )
        return kspace.reshape(1, *self.shape[1:])

    def maps(self, index: int) -> Tensor | None:
        """Read the coil maps of a slice, of the shape of its k-space; None if there are none."""
        if self.read_maps is None:
            return None
        with reading(self.path, "a file of coil maps"):
            return torch.as_tensor(self.read_maps(index), device="cpu")[None]

    def scan(
        self,
        index: int,
        *,
        sampling_rate: float | None = None,
        center_fraction: float = 0.08,
        mask_seed: int = 0,
    ) -> Scan:
        """Read a slice as a scan, a batch of one: see `Scan.from_kspace`.

        Where whole columns are sampled, readout beyond the height of ``size`` is cut off, exactly.

        Parameters
        ----------
        index
            Index of the slice in the file.
        sampling_rate, center_fraction, mask_seed
            Undersample a complete scan by a mask of `smuglib.sampling.cartesian_mask`; by default
            all that was measured is used.
        """
        kspace, mask = self.kspace(index), self.mask
        sampled = whole_columns(kspace.abs().sum(1, keepdim=True) > 0)
        if sampling_rate is not None:
            if not is_rectangle(sampled).all():
                raise UnreadableFileError(
                    self.path, f"slice {index} is undersampled: sampling_rate needs a complete scan"
                )
            noise, width = generator(mask_seed, "mask"), self.shape[-1]
            mask = sampling.cartesian_mask(width, sampling_rate, center_fraction, generator=noise)
        # Columns that a scanner only filled with zeros are not samples.
        mask = sampled if mask is None else whole_columns(mask & sampled)
        maps = self.maps(index)
        if self.size is not None and mask.shape[-2] == 1 and maps is None:
            kspace = crop_field_of_view(kspace, min(self.size[0], self.shape[-2]), -2)
        return replace(Scan.from_kspace(kspace, mask, maps), slice_index=index)

    def is_complete(self, index: int) -> bool:
        """Whether a slice is fully sampled, and its reference hence known."""
        return bool(is_rectangle(self.kspace(index).abs().sum(1, keepdim=True) > 0).all())


def read_kspace(path: Path | str) -> KSpaceFile:
    """Open a file of k-space, of any kind that the table above lists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "scan.npy"
    ...     np.save(path, np.ones((4, 2, 32, 32), np.complex64))
    ...     file = read_kspace(path)
    ...     len(file), tuple(file.kspace(3).shape)
    (4, (1, 2, 32, 32))
    """
    path = checks.path("path", path)
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        raise UnreadableFileError(path, f"its suffix must be one of {', '.join(OPENERS)}")
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    with reading(path, "a file of k-space"):
        return opener(path)


def _npy(path: Path) -> KSpaceFile:
    shape, read = _array(path, lambda: path.open("rb"), path.stat().st_size)
    return KSpaceFile(path, shape, read)


def _npz(path: Path) -> KSpaceFile:
    def member(name: str) -> IO[bytes]:
        return zipfile.ZipFile(path).open(f"{name}.npy")

    with zipfile.ZipFile(path) as archive:
        names = {one.filename.removesuffix(".npy"): one.file_size for one in archive.infolist()}
    if "kspace" not in names:
        raise UnreadableFileError(path, f"it lacks 'kspace', it has {sorted(names)}")
    shape, read = _array(path, partial(member, "kspace"), names["kspace"])
    mask = maps = None
    if "mask" in names:
        with member("mask") as stream:
            stored = np.lib.format.read_array(stream, allow_pickle=False)
        mask = checks.mask("mask", torch.from_numpy(stored).squeeze())
    if "maps" in names:
        found, maps = _array(path, partial(member, "maps"), names["maps"])
        if found[1:] != shape[1:] or found[0] not in (1, shape[0]):
            raise UnreadableFileError(path, f"maps have shape {found}, kspace {shape}")
        if found[0] == 1:
            maps = partial(lambda read, _: read(0), maps)
    return KSpaceFile(path, shape, read, mask, maps)


def _array(
    path: Path, opened: Callable[[], IO[bytes]], n_bytes: int
) -> tuple[tuple[int, ...], Reader]:
    """Return the shape of a NumPy array of coil images, with an axis of slices, and its reader."""
    with opened() as stream:
        shape, is_fortran, dtype = HEADERS[np.lib.format.read_magic(stream)](stream)
        n_bytes -= stream.tell()
    if dtype.kind != "c" or len(shape) not in (3, 4) or 0 in shape:
        raise UnreadableFileError(
            path,
            f"it holds {dtype} of shape {shape}: expected complex, "
            "[(slice,) coil, readout, phase encoding]",
        )
    if math.prod(shape) * dtype.itemsize > n_bytes:
        raise UnreadableFileError(path, f"it claims the shape {shape}, more than it holds")
    shape = (1, *shape) if len(shape) == 3 else shape
    n_values = math.prod(shape[1:])

    def read(index: int) -> NDArray[np.generic]:
        with opened() as stream:
            HEADERS[np.lib.format.read_magic(stream)](stream)
            # A slice of an array in Fortran's order lies all over the file.
            wanted = math.prod(shape) if is_fortran else n_values
            stream.seek(0 if is_fortran else index * n_values * dtype.itemsize, 1)
            values = np.frombuffer(stream.read(wanted * dtype.itemsize), dtype)
        if is_fortran:
            values = values.reshape(shape, order="F")[index]
        return values.astype(np.complex64).reshape(shape[1:])

    return shape, read


def _bart(path: Path) -> KSpaceFile:
    data, header = path.with_suffix(".cfl"), path.with_suffix(".hdr")
    words = header.read_text(encoding="utf-8").split("# Dimensions\n", 1)[1].split("\n", 1)[0]
    dims = [int(word) for word in words.split()]
    dims += [1] * (BART_SLICES + 1 - len(dims))
    image = [axis for axis in BART_IMAGE if dims[axis] > 1]
    others = set(range(len(dims))) - {*BART_IMAGE, BART_COILS, BART_SLICES}
    if len(image) != 2 or min(dims) < 1 or any(dims[axis] > 1 for axis in others):
        raise UnreadableFileError(
            path,
            f"it has the dimensions {dims}: expected two of 0 to 2, coils in 3 and slices in 13",
        )
    if data.stat().st_size != 8 * math.prod(dims):
        raise UnreadableFileError(
            data, f"it has {data.stat().st_size} bytes, the header says {8 * math.prod(dims)}"
        )

    shape = (dims[BART_SLICES], dims[BART_COILS], *(dims[axis] for axis in image))

    def read(index: int) -> NDArray[np.generic]:
        # The first dimension is the fastest.
        stored = np.memmap(data, "<c8", "r", shape=tuple(dims), order="F")
        one = stored[(slice(None),) * BART_SLICES + (slice(index, index + 1),)]
        return np.array(np.moveaxis(one, BART_COILS, 0)).reshape(shape[1:])

    return KSpaceFile(data, shape, read)


def _hdf5(path: Path) -> KSpaceFile:
    with reading_hdf5(path, "expected a fastMRI or ISMRMRD file") as file:
        is_ismrmrd = "dataset" in file
    if is_ismrmrd:
        lines = Acquisitions.open(path)
        return KSpaceFile(path, lines.shape, lines.kspace, size=lines.size)
    volume = Volume.open(path)
    return KSpaceFile(path, volume.shape, volume.kspace, volume.mask(), size=volume.image_size())


OPENERS: dict[str, Callable[[Path], KSpaceFile]] = {
    ".npy": _npy, ".npz": _npz, ".cfl": _bart, ".hdr": _bart, ".h5": _hdf5, ".hdf5": _hdf5,
}  # fmt: skip
"""Reader of every suffix."""
