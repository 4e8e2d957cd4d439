"""Cartesian 2-D acquisitions in an ISMRMRD file (HDF5), one slice at a time.

The format is that of Inati et al., "ISMRM Raw data format: a proposed standard for MRI raw
datasets", Magnetic Resonance in Medicine 77, 2017: ``dataset/xml`` is the header, ``dataset/data``
the acquired lines, each with a header that tells where it belongs. Lines of one position, such as
averages, are averaged; what is no image data (noise, navigators, phase correction) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from smuglib.data.fastmri.volume import matrix_size, reading_hdf5, stored_array
from smuglib.files import UnreadableFileError

EXPECTED = "expected a Cartesian 2-D ISMRMRD file"

CALIBRATION, REVERSED = 1 << 19, 1 << 21
"""Flags of a line that serves calibration alone, and of one that is read backwards."""

NO_IMAGE = sum(1 << (bit - 1) for bit in (19, 23, 24, 26, 27, 28, 29, 30, 31))
"""Flags of noise, navigators, phase correction, feedback, dummies and stabilization."""

ALIKE = ("kspace_encode_step_2", "contrast", "phase", "repetition", "set")
"""Counters of which an image of one plane, contrast and time has one value."""


@dataclass(frozen=True)
class Acquisitions:
    """The lines of a file, by slice: what is checked when it is opened, and read on demand."""

    path: Path
    shape: tuple[int, int, int, int]
    """Slices, coils, readout samples and phase encodings."""
    size: tuple[int, int] | None
    """Size of the image that the header asks for."""
    lines: tuple[tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]], ...]
    """Indices in the file, columns of k-space and first rows of the lines of each slice."""

    @classmethod
    def open(cls, path: Path) -> Acquisitions:
        """Read the headers of a file and of its lines."""
        with reading_hdf5(path, EXPECTED) as file:
            stored = stored_array(path, file, "dataset/xml", EXPECTED)[()]
            text = stored.flat[0] if isinstance(stored, np.ndarray) else stored
            heads = stored_array(path, file, "dataset/data", EXPECTED)["head"]
            readout, encoded = matrix_size(path, text)
            root = ElementTree.fromstring(text)
            if (kind := root.findtext(".//{*}trajectory")) not in (None, "cartesian"):
                raise UnreadableFileError(path, f"its trajectory is {kind!r}: {EXPECTED}")
            # Where calibration is embedded, its lines are lines of the image.
            embedded = root.findtext(".//{*}calibrationMode") == "embedded"
            left_out = NO_IMAGE if embedded else NO_IMAGE | CALIBRATION
            chosen = np.flatnonzero((heads["flags"] & np.uint64(left_out)) == 0)
            head = heads[chosen]
            n_coils = _check_heads(path, head)
            center = root.findtext(".//{*}kspace_encoding_step_1/{*}center", str(encoded // 2))
            columns = head["idx"]["kspace_encode_step_1"].astype(int) - int(center) + encoded // 2
            first = readout // 2 - head["center_sample"].astype(int)
            last = first + head["number_of_samples"]
            if min(columns.min(), first.min()) < 0 or columns.max() >= encoded:
                raise UnreadableFileError(path, f"lines lie outside of {encoded} phase encodings")
            if last.max() > readout:
                raise UnreadableFileError(path, f"a line is longer than {readout} samples")
            try:
                size = matrix_size(path, text, "reconSpace")
            except UnreadableFileError:
                size = None
        groups = [head["idx"]["slice"] == number for number in np.unique(head["idx"]["slice"])]
        lines = tuple((chosen[group], columns[group], first[group]) for group in groups)
        return cls(path, (len(lines), n_coils, readout, encoded), size, lines)

    def kspace(self, index: int) -> NDArray[np.complex64]:
        """Read a slice, ``[coil, readout, phase encoding]``, zero where nothing was acquired."""
        places, columns, first = self.lines[index]
        total = np.zeros(self.shape[1:], np.complex64)
        counts = np.zeros(self.shape[2:], np.float32)
        with reading_hdf5(self.path, EXPECTED) as file:
            data = stored_array(self.path, file, "dataset/data", EXPECTED)
            for place, column, top in zip(places, columns, first, strict=True):
                head, samples = _line(self.path, data[place], self.shape[1])
                kept = slice(int(head["discard_pre"]), samples.shape[1] - int(head["discard_post"]))
                rows = slice(top + kept.start, top + kept.stop)
                total[:, rows, column] += samples[:, kept]
                counts[rows, column] += 1
        total /= np.maximum(counts, 1)
        return total


def _check_heads(path: Path, head: NDArray[Any]) -> int:
    """Refuse lines that are no Cartesian 2-D images; return their number of coils."""
    if not len(head):
        raise UnreadableFileError(path, f"it holds no line of an image: {EXPECTED}")
    if (head["flags"] & np.uint64(REVERSED)).any():
        raise UnreadableFileError(path, f"lines are read backwards, as in EPI: {EXPECTED}")
    coils, values = head["active_channels"], {name: head["idx"][name] for name in ALIKE}
    values |= {"active_channels": coils, "encoding_space_ref": head["encoding_space_ref"]}
    for name, found in values.items():
        if len(seen := np.unique(found)) > 1:
            raise UnreadableFileError(path, f"{name} has {len(seen)} values, not one: {EXPECTED}")
    return int(coils[0])


def _line(path: Path, line: Any, n_coils: int) -> tuple[Any, NDArray[np.complex64]]:  # noqa: ANN401
    """Return the header of an acquired line and its samples, ``[coil, sample]``."""
    head, samples = line["head"], np.asarray(line["data"], np.float32)
    if samples.size != 2 * n_coils * int(head["number_of_samples"]):
        raise UnreadableFileError(path, f"a line has {samples.size} numbers: {EXPECTED}")
    return head, samples.view(np.complex64).reshape(n_coils, -1)
