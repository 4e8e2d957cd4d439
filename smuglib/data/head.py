"""The second embedded data set: scans of whole heads whose statistics are those of real ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smuglib import checks
from smuglib.data import head_anatomy
from smuglib.data.brain import BrainDataset, scan_of
from smuglib.data.coils import coil_maps
from smuglib.data.fields import pixel_grid
from smuglib.data.scan import Scan
from smuglib.data.simulator import Protocol
from smuglib.data.splits import Location
from smuglib.data.template import CENTER
from smuglib.operators.fourier import fftc
from smuglib.operators.sense import SenseOperator
from smuglib.random import complex_normal, generator

# Front to back and left to right, in millimetres.
FIELD_OF_VIEW = (240.0, 200.0)

# Planes lie so many millimetres above those of `brain`: over the eyes, which no head has.
LIFT = 14

# Pixels of the rendered head and of its coils along one pixel of the scan.
FINE = 2


@dataclass(frozen=True)
class HeadProtocol(Protocol):
    """How a head is scanned: `Protocol`, with another unit of noise.

    Parameters
    ----------
    noise
        Median over the subjects of the noise's standard deviation on each part, in units of the
        median of the brain's magnitude; a subject's is 0.7 to 1.4 times as large.
    noise_correlation
        Correlation of the noise of any two coils.
    noisy_reference
        Whether the target is the coil combination ``S^H F^H y`` of the noisy full k-space, as
        fastMRI's is, or of k-space without noise.
    contrast
        ``"T1"``, ``"T2"``, ``"FLAIR"``, or ``"any"``: drawn for each subject.
    """

    noise: float = 0.011
    noise_correlation: float = 0.15
    noisy_reference: bool = True
    contrast: str = "any"

    def __post_init__(self) -> None:
        super().__post_init__()
        correlation = checks.fraction(
            "noise_correlation", self.noise_correlation, allow_zero=True
        )
        noisy = checks.boolean("noisy_reference", self.noisy_reference)
        checks.replace_fields(self, noise_correlation=correlation, noisy_reference=noisy)
        checks.one_of("contrast", self.contrast, ("any", *head_anatomy.CONTRASTS))

    def acquire(self, split: str, location: Location) -> tuple[Tensor, Tensor, Tensor]:
        """Return k-space before sampling, maps and reference of a slice, batches of one.

        Head and coils are rendered on a grid `FINE` times as fine, and their product is cropped in
        k-space: no image on the scan's own grid has exactly that k-space.
        """
        path, seed = ("head", split, location.subject), self.seed
        plane = location.plane + LIFT
        head = head_anatomy.draw_head(seed, split, location.subject, self.contrast)
        coarse = pixel_grid(self.height, self.width, *FIELD_OF_VIEW)
        fine = [_finer(axis) for axis in coarse]
        image = torch.from_numpy(head_anatomy.image(head, plane, *fine)).to(torch.complex64)
        maps, fine_maps = (
            torch.from_numpy(
                coil_maps(self.n_coils, plane - CENTER[0], *grid, generator(seed, *path, "coils"))
            ).to(torch.complex64)[None]
            for grid in (coarse, fine)
        )
        kspace = fine_maps * image / FINE
        for axis in (-1, -2):
            length = maps.shape[axis]
            first = FINE * length // 2 - length // 2
            kspace = fftc(kspace, axis).narrow(axis, first, length)
        noisy = kspace + self._noise(maps, generator(seed, *path, plane, "noise"), head.noise)
        every = SenseOperator(maps, torch.ones_like(maps[:, :1, :1], dtype=torch.bool))
        return noisy, maps, every.adjoint(noisy if self.noisy_reference else kspace)

    def _noise(self, maps: Tensor, draws: torch.Generator, factor: float) -> Tensor:
        shape, sigma = maps.shape, self.noise * factor
        own = complex_normal(shape, sigma, draws, maps)
        common = complex_normal((1, 1, *shape[2:]), sigma, draws, maps)
        correlation = self.noise_correlation
        return (1 - correlation) ** 0.5 * own + correlation**0.5 * common


def _finer(axis: np.ndarray) -> np.ndarray:
    """Split each pixel of an axis, the zero-phase position ``n // 2`` of the transform kept."""
    steps = np.arange(FINE * len(axis)) - FINE * len(axis) // 2
    return axis[len(axis) // 2] + steps * (axis[1] - axis[0]) / FINE


def head(
    split: str = "test",
    index: int = 0,
    sampling_rate: float = 0.25,
    *,
    n_slices: int | None = None,
    **protocol: Any,  # noqa: ANN401
) -> Scan:
    """Simulate the scan of one slice of a synthetic head; `smuglib.data.brain` for heads.

    It takes the same arguments, with the fields of `HeadProtocol`.

    Examples
    --------
    >>> scan = head("test", 0, height=32, width=32, n_coils=2, contrast="T2")
    >>> tuple(scan.kspace.shape), scan.operator.adjoint(scan.kspace).abs().max().round().item()
    ((1, 2, 32, 32), 1.0)
    """
    return scan_of(HeadProtocol(sampling_rate, **protocol), split, index, n_slices)


class HeadDataset(BrainDataset):
    """The first heads of a split, simulated when first asked for; see `head` and `BrainDataset`."""

    protocol_type = HeadProtocol
