"""Real heads through simulated coils: the axial slices of NIfTI volumes as scans.

A volume is a magnitude image that somebody reconstructed. A slice of it is brought to the grid of
a simulated head by cropping or padding its k-space, given the simulated head's phase, coils and
correlated noise, and measured as one is: see `smuglib.data.simulator.HeadProtocol`.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor
from torch.nn import functional

from smuglib import checks
from smuglib.checks import require
from smuglib.data import cache, head_anatomy
from smuglib.data.coils import coil_maps
from smuglib.data.fields import RandomField
from smuglib.data.regions import SHARE, brain_region, head_region
from smuglib.data.scan import Scan
from smuglib.data.simulator import HeadProtocol, simulate
from smuglib.data.slices import Slices
from smuglib.data.splits import GROUPS, Location, deal_patients
from smuglib.files import UnreadableFileError
from smuglib.operators.fourier import fftc, ifftc
from smuglib.random import derived_seed, generator

# Where in a head slices are taken, in mm below its vertex: from the upper brain to above the eyes.
DEPTHS = (25.0, 90.0)

# The least areas, in mm²: of the plane that counts as the vertex, and of a slice's head and brain.
VERTEX_AREA, HEAD_AREA, BRAIN_AREA = 2000.0, 10000.0, 6000.0

# The least distance of two slices, and the largest pixel of an axial acquisition, in mm.
SPACING, LARGEST_PIXEL = 3.0, 2.0

# The grid on which heads are looked for: pixels, and the side of one in mm.
SURVEY, SURVEY_PIXEL = (146, 146), 1.64

# Phases of a head, as `smuglib.data.anatomy` and `head_anatomy` draw them: distance of knots in mm,
# and standard deviation in radians.
PHASES = ((80.0, 0.8), head_anatomy.FIELDS["phase"])

SUFFIXES = (".nii", ".nii.gz")

EXPECTED = "expected NIfTI volumes (.nii, .nii.gz) of at least 3 patients"


class Plane(NamedTuple):
    """An axial slice with a head in it.

    Its number from below, height in mm above the middle of the `DEPTHS`, centre of the head in mm
    from the image's first row and column, and median intensity of the brain.
    """

    number: int
    z: float
    center: tuple[float, float]
    level: float


class VolumeFile(NamedTuple):
    """A file as it is now: another size or time of its last change is another file."""

    path: str
    patient: str
    n_bytes: int
    changed: int

    @property
    def subject(self) -> int:
        """The patient as a 48-bit number, exact in int64 and in float64."""
        return derived_seed(0, "patient", self.patient) >> 15


@dataclass(frozen=True)
class VolumeProtocol(HeadProtocol):
    """How one slice of a volume is scanned: the fields of `HeadProtocol`, its file and its plane.

    Coils and noise level are drawn for each patient, the phase for each file.
    """

    file: VolumeFile = VolumeFile("", "", 0, 0)
    plane: Plane = Plane(0, 0.0, (0.0, 0.0), 1.0)

    def locate(self, split: str, index: int) -> Location:
        """Return the numbers of the patient and of the plane."""
        return Location(self.file.subject, self.plane.number)

    def acquire(self, split: str, location: Location) -> tuple[Tensor, Tensor, Tensor]:
        """Return k-space before sampling, maps and reference of a slice, batches of one."""
        path = (self.seed, "volume", self.file.patient)
        own = (*path, Path(self.file.path).name)
        values, spacing = canonical(self.file)
        y, x = self.fine_grid()
        grid = ((y.size, x.size), y[0] - y[1], self.plane.center)
        magnitude = on_grid(values[self.plane.number], spacing[1:], *grid) / self.plane.level
        draws, z = generator(*own, "phase"), self.plane.z
        fields = [RandomField.draw(*size, draws) for size in PHASES]
        phase = torch.from_numpy(sum(field.plane(z, y, x) for field in fields))
        image = torch.polar(torch.ones_like(phase), phase) * magnitude
        coils = coil_maps(self.n_coils, z, y, x, generator(*path, "coils"))
        level = torch.rand(
            (), generator=generator(*path, "level"), dtype=torch.float64, device="cpu"
        )
        noise = generator(*own, self.plane.number, "noise")
        return self.measure(image.to(torch.complex64), coils, 2 ** (level.item() - 0.5), noise)


class VolumeDataset(Slices):
    """Axial slices of the NIfTI volumes in a folder and those below it, split by patient.

    The patient is ``sub-XX`` of BIDS where the path below the folder has it, otherwise what stands
    before the first ``_`` of the file's name, otherwise the name of the file's folder. Consecutive
    indices run over the volumes of the split, from the middle of the head outwards.

    Parameters
    ----------
    n_slices
        Number of slices, or None for all.
    split_seed
        See `smuglib.data.splits.deal_patients`.
    cache_bytes
        See `smuglib.data.slices.Slices`.
    **protocol
        Fields of `smuglib.data.simulator.HeadProtocol`.
    """

    def __init__(
        self,
        folder: Path | str,
        split: str,
        n_slices: int | None = None,
        *,
        cache_bytes: int = 2 * 2**30,
        split_seed: int = 0,
        **protocol: Any,  # noqa: ANN401
    ) -> None:
        checks.one_of("split", split, GROUPS)
        files = volume_files(folder)
        HeadProtocol(**protocol)
        split_seed = checks.integer("split_seed", split_seed, minimum=0)
        try:
            dealt = deal_patients((file.patient for file in files), seed=split_seed)
        except ValueError as error:
            raise ValueError(f"folder {folder} has too few volumes: {error}; {EXPECTED}") from None
        own = [file for file in files if dealt[file.patient] == split]
        self.slices = [pair for pair in in_turns(own) if pair]
        n_found = len(self.slices)
        wanted = n_found if n_slices is None else checks.integer("n_slices", n_slices)
        if not 0 < wanted <= n_found:
            raise ValueError(
                f"split {split!r} of {folder} has {n_found} slices of heads in {len(own)} volumes, "
                f"n_slices asks for {n_slices}"
            )
        self._protocol = protocol
        super().__init__(split, wanted, self._read, cache_bytes)

    def locate(self, index: int) -> Location:
        """Return the patient's number, and that of the plane in its volume."""
        file, plane = self.slices[index]
        return Location(file.subject, plane.number)

    def _read(self, index: int) -> Scan:
        file, plane = self.slices[index]
        protocol = VolumeProtocol(**self._protocol, file=file, plane=plane)
        name = cache.file_key("volume", asdict(protocol), self.split, index)
        make = partial(simulate, protocol, self.split, index)
        return cache.kept(name, self.split, index, make)


def volume_files(folder: Path | str) -> list[VolumeFile]:
    """List the volumes in a folder and those below it."""
    root = checks.path("folder", folder).absolute()
    paths = (path for path in sorted(root.rglob("*.nii*")) if path.name.endswith(SUFFIXES))
    found = []
    for path in paths:
        if not any(part.startswith(".") for part in path.relative_to(root).parts):
            state = path.stat()
            patient = patient_of(path, root)
            found.append(VolumeFile(str(path), patient, state.st_size, state.st_mtime_ns))
    if not found:
        raise FileNotFoundError(f"folder {folder} has no volume: {EXPECTED}")
    return found


def patient_of(path: Path, root: Path) -> str:
    """Return the patient of a volume: see `VolumeDataset`.

    Examples
    --------
    >>> patient_of(Path("all/patient04_study1_T1W.nii.gz"), Path("all"))
    'patient04'
    >>> patient_of(Path("all/sub-07/ses-1/sub-07_ses-1_T2w.nii"), Path("all"))
    'sub-07'
    >>> patient_of(Path("all/0042/t1.nii"), Path("all"))
    '0042'
    """
    for part in path.relative_to(root).parts:
        subject = re.match(r"sub-[0-9A-Za-z]+", part)
        if subject:
            return subject[0]
    first, separator, _ = path.name.partition("_")
    return first if separator and first else path.parent.name


def in_turns(files: Iterable[VolumeFile]) -> list[tuple[VolumeFile, Plane]]:
    """List the slices of volumes: the middle one of each, then the next ones outwards."""
    ordered = [
        [(file, plane) for plane in sorted(planes_of(file), key=lambda plane: abs(plane.z))]
        for file in sorted(files, key=lambda file: derived_seed(0, "order", Path(file.path).name))
    ]
    return [pair for turn in zip_longest(*ordered) for pair in turn if pair is not None]


@lru_cache(maxsize=4096)
def planes_of(file: VolumeFile) -> tuple[Plane, ...]:
    """Find the slices of a volume that show enough of head and brain; kept on the disk."""
    kept = cache.remembered(cache.file_key("planes", file), lambda: list(_survey(file)))
    return tuple(Plane(number, z, (row, column), level) for number, z, (row, column), level in kept)


def _survey(file: VolumeFile) -> Iterator[Plane]:
    values, (thickness, *spacing) = canonical(file)
    middle = tuple(n * mm / 2 for n, mm in zip(values.shape[1:], spacing, strict=True))
    bright, vertex, last = np.percentile(values, 99), -1, math.inf
    for index in reversed(range(len(values))):
        low = on_grid(values[index], spacing, SURVEY, SURVEY_PIXEL, middle).double().numpy()
        head = head_region(low, SHARE * bright / max(np.percentile(low, 99), 1e-9))
        area = head.sum() * SURVEY_PIXEL**2
        vertex = index if vertex < 0 and area > VERTEX_AREA else vertex
        depth = (vertex - index) * thickness
        is_spaced = depth - last >= SPACING - 0.01 or last == math.inf
        if area < HEAD_AREA or not DEPTHS[0] <= depth <= DEPTHS[1] or not is_spaced:
            continue
        brain = brain_region(low, head, SURVEY_PIXEL)
        if brain.sum() * SURVEY_PIXEL**2 < BRAIN_AREA:
            continue
        last = depth
        rows, columns = ndimage.find_objects(head.astype(int))[0]
        ends = ((rows.start + rows.stop) / 2, (columns.start + columns.stop) / 2)
        offsets = [(end - n / 2) * SURVEY_PIXEL for end, n in zip(ends, SURVEY, strict=True)]
        center = (middle[0] + offsets[0], middle[1] + offsets[1])
        yield Plane(index, sum(DEPTHS) / 2 - depth, center, float(np.median(low[brain])))


@lru_cache(maxsize=8)
def canonical(file: VolumeFile) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Read a volume as axial slices from below, anterior side up, with its voxels' sides in mm.

    The axes are permuted and flipped, never rotated: an oblique slice stays as it was acquired.
    """
    nibabel = require("nibabel", extra="data", what="NIfTI volumes")
    try:
        stored = nibabel.as_closest_canonical(nibabel.load(file.path))
        values = np.asarray(stored.dataobj, np.float32)
        right, front, up = (float(side) for side in stored.header.get_zooms()[:3])
    except FileNotFoundError:
        raise
    except Exception as error:  # those of nibabel and zlib have no base in common
        reason = f"it is not a NIfTI volume ({type(error).__name__}: {str(error)[:300]})"
        raise UnreadableFileError(file.path, reason) from error
    values = values[..., 0] if values.ndim == 4 and values.shape[-1] == 1 else values
    if values.ndim != 3 or not np.isfinite(values).all() or not values.any():
        reason = f"its shape is {values.shape}" if values.ndim != 3 else "no finite signal is in it"
        raise UnreadableFileError(file.path, f"it is no volume of one magnitude image: {reason}")
    if not 0 < min(right, front, up) or max(right, front) > LARGEST_PIXEL:
        raise UnreadableFileError(
            file.path,
            f"its axial slices have pixels of {front:.2g} x {right:.2g} mm, more than "
            f"{LARGEST_PIXEL:g}: an axial or an isotropic acquisition is needed",
        )
    return np.ascontiguousarray(values.T[:, ::-1]), (up, front, right)


def on_grid(
    plane: NDArray[np.float32],
    spacing: Sequence[float],
    shape: tuple[int, int],
    pixel: float,
    center: tuple[float, float],
) -> Tensor:
    """Bring a slice to square pixels around a centre, ``[height, width]``, through its k-space.

    Frequencies that the new pixels cannot hold are cut off, those that the old ones could not hold
    are zero. Lengths are in mm, the centre's from the first row and column.
    """
    image = torch.from_numpy(plane).to(torch.complex64)
    for axis in (0, 1):
        image = image.movedim(axis, -1)
        size, length = shape[axis], image.shape[-1]
        n_seen = max(1, round(size * pixel / spacing[axis]))
        first = round(center[axis] / spacing[axis] - n_seen / 2)
        seen = functional.pad(image, (-first, first + n_seen - length))
        before = size // 2 - n_seen // 2
        kspace = functional.pad(fftc(seen, -1), (before, size - n_seen - before))
        image = (ifftc(kspace, -1) * (size / n_seen) ** 0.5).movedim(-1, axis)
    return image.real
