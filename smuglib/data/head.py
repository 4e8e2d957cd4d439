"""The second embedded data set: scans of whole heads, with the statistics of real ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from smuglib import checks
from smuglib.data import head_anatomy
from smuglib.data.brain import BrainDataset, scan_of
from smuglib.data.coils import coil_maps
from smuglib.data.fields import Array, pixel_grid
from smuglib.data.scan import Scan
from smuglib.data.simulator import Protocol
from smuglib.data.splits import Location
from smuglib.data.template import CENTER
from smuglib.operators.fourier import fftc
from smuglib.operators.sense import SenseOperator
from smuglib.random import complex_normal, generator

# Front to back and left to right, in millimetres.
FIELD_OF_VIEW = (240.0, 200.0)

# Planes lie so many millimetres above a brain's: above the eyes, which no head has.
LIFT = 14

# Points of the rendered head and coils along a pixel of the scan.
FINE = 2

# Correlation of the noise of any two coils.
CORRELATION = 0.15


@dataclass(frozen=True)
class HeadProtocol(Protocol):
    """How a head is scanned: see `Protocol`; two fields differ.

    Parameters
    ----------
    noise
        In units of the median of the brain's magnitude, and the median over subjects: a subject's
        is 0.7 to 1.4 times as large.
    noisy_reference
        Whether the target is the coil combination ``S^H F^H y`` of all of k-space with its noise,
        as fastMRI's, or without.
    """

    noise: float = 0.011
    noisy_reference: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        noisy = checks.boolean("noisy_reference", self.noisy_reference)
        checks.replace_fields(self, noisy_reference=noisy)

    def acquire(self, split: str, location: Location) -> tuple[Tensor, Tensor, Tensor]:
        """Return k-space before sampling, maps and reference of a slice, batches of one.

        The product of a head and its coils on a finer grid is cropped in k-space: no image on the
        scan's own grid has exactly that k-space.
        """
        path, plane = (self.seed, "head", split, location.subject), location.plane + LIFT
        head = head_anatomy.draw_head(self.seed, split, location.subject)
        y, x = map(_finer, pixel_grid(self.height, self.width, *FIELD_OF_VIEW))
        image = torch.from_numpy(head_anatomy.image(head, plane, y, x)).to(torch.complex64)
        coils = coil_maps(self.n_coils, plane - CENTER[0], y, x, generator(*path, "coils"))
        maps = torch.from_numpy(coils).to(torch.complex64)[None]
        kspace = maps * image / FINE
        for axis, length in ((-1, self.width), (-2, self.height)):
            middle = FINE * length // 2
            kspace = fftc(kspace, axis).narrow(axis, middle - length // 2, length)
            kept = torch.arange(middle % FINE, FINE * length, FINE, device="cpu")
            maps = maps.index_select(axis, kept)
        draws = generator(*path, plane, "noise")
        own, shared = (
            complex_normal((1, n, *kspace.shape[2:]), self.noise * head.noise, draws, kspace)
            for n in (self.n_coils, 1)
        )
        noisy = kspace + (1 - CORRELATION) ** 0.5 * own + CORRELATION**0.5 * shared
        everywhere = SenseOperator(maps, torch.ones_like(maps[:, :1, :1], dtype=torch.bool))
        return noisy, maps, everywhere.adjoint(noisy if self.noisy_reference else kspace)


def _finer(axis: Array) -> Array:
    """Split each pixel; ``n // 2``, where the transform has zero phase, stays where it is."""
    steps = np.arange(FINE * len(axis)) - FINE * len(axis) // 2
    finer: Array = axis[len(axis) // 2] + steps * (axis[1] - axis[0]) / FINE
    return finer


def head(
    split: str = "test",
    index: int = 0,
    sampling_rate: float = 0.25,
    *,
    n_slices: int | None = None,
    **protocol: Any,  # noqa: ANN401
) -> Scan:
    """Simulate the scan of one slice of a head: `smuglib.data.brain` with a `HeadProtocol`.

    Examples
    --------
    >>> head("test", 0, height=32, width=32, n_coils=2).kspace.shape
    torch.Size([1, 2, 32, 32])
    """
    return scan_of(HeadProtocol(sampling_rate, **protocol), split, index, n_slices)


class HeadDataset(BrainDataset):
    """The first heads of a split, simulated when first asked for: see `BrainDataset`."""

    protocol_type = HeadProtocol
