"""A scan with lesions, beside the same scan without them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from smuglib import checks
from smuglib.analysis.lesions.shape import Lesion
from smuglib.data.scan import Scan


@dataclass(frozen=True, eq=False)
class Planted:
    """A scan with lesions and the same scan free of them, each scaled by its zero-filled image."""

    scan: Scan
    free: Scan
    lesions: tuple[Lesion, ...]

    @property
    def factor(self) -> float:
        """What turns the units of `scan` into those of `free`."""
        return float(self.scan.scale) / float(self.free.scale)

    @cached_property
    def discs(self) -> Tensor:
        """Masks of the lesions, boolean, ``[lesion, height, width]``."""
        size = self.free.target.shape[-2:]
        return torch.stack([lesion.disc(*size) for lesion in self.lesions])

    @cached_property
    def annuli(self) -> Tensor:
        """Masks of their surroundings, boolean, ``[lesion, height, width]``."""
        size = self.free.target.shape[-2:]
        return torch.stack([lesion.annulus(*size) for lesion in self.lesions])


def plant(scan: Scan, lesions: Sequence[Lesion]) -> Planted:
    """Insert lesions, whose centres lie in the image, into a scan, a batch of one.

    They are changed in the scan's units, where the noise is what it was, and divided by the largest
    magnitude of the new zero-filled image: a scanner that sees the lesion scales by what it sees.
    Where lesions overlap, their changes multiply.
    """
    lesions = checks.members("lesions", lesions, Lesion)
    if len(checks.instance("scan", scan, Scan)) != 1:
        raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
    if not lesions:
        raise ValueError("lesions must hold at least one lesion, got none")
    height, width = scan.target.shape[-2:]
    changes = torch.ones(height, width, dtype=torch.float64, device="cpu")
    for lesion in lesions:
        if lesion.row >= height or lesion.column >= width:
            raise ValueError(f"lesions must lie in an image of {height} x {width}, got {lesion}")
        changes *= 1 + lesion.contrast * lesion.profile(height, width)
    added = scan.target * (changes - 1).to(scan.target.real)
    kspace = scan.kspace + scan.operator.forward(added)
    peak = scan.operator.adjoint(kspace).abs().max()
    scale = float(scan.scale) * peak.item()
    inserted = replace(scan, kspace=kspace / peak, target=(scan.target + added) / peak, scale=scale)
    return Planted(inserted, scan, tuple(lesions))


def index_of(planted: Planted, lesion: int) -> int:
    """Check what a user takes for planted scans and the index of one of their lesions."""
    n_lesions = len(checks.instance("planted", planted, Planted).lesions)
    lesion = checks.integer("lesion", lesion, minimum=0)
    if lesion >= n_lesions:
        raise ValueError(f"lesion must be < {n_lesions}, got {lesion}")
    return lesion


def footprint(planted: Planted, lesion: int = 0) -> float:
    """Return what a lesion alone adds to the measurement, ``||A (t' - t)||_2 / ||y||_2``.

    y is without lesions and t' with this one. The lesion itself would cause a perturbation of that
    size: no reconstruction can tell them apart.
    """
    lesion = index_of(planted, lesion)
    alone = plant(planted.free, [planted.lesions[lesion]])
    added = alone.factor * alone.scan.kspace - planted.free.kspace
    return float(added.norm() / planted.free.kspace.norm())
