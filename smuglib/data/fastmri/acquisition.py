r"""fastMRI slices as scans: the poster's own data, for whoever has been granted access to it.

A slice becomes a Cartesian problem of ``height`` x ``width`` pixels in these steps.

1. **Axes** are ``[coil, readout, phase encoding]``; the header tells a transposed file.
2. **Readout** is oversampled twofold, and always complete. With ``C`` cutting the central rows,
   ``F_h C F_H^H y`` is the k-space of the cropped coil images, exactly: maps and mask act on
   rows and on columns alone. ``C F_H^H`` has orthonormal rows: white noise stays white.
3. **Phase encoding.** A fully sampled scan is cropped in the same way along its columns:
   ``F_w C F_W^H y = F_w (S C x)`` simulates a scanner that encodes ``width`` columns over the
   smaller field of view, with pixels of the same size; what lies outside of the crop is removed,
   where a scanner would fold it in. Cutting columns out of k-space instead would blur the image
   along one axis only. Undersampled scans cannot be cropped: ``width=None`` keeps the columns.
   Where the crop would show too little, ``whole_view`` first cuts both axes of k-space, alike.
4. **Mask.** One fixed mask, as on the poster; outer columns that the scanner only filled with
   zeros are not samples.
5. **Maps** by ESPIRiT from the fully sampled centre of the undersampled k-space: nothing is used
   that a test patient's scan would not have.
6. **Target** ``S^H F^H y`` of the fully sampled, cropped k-space. **Scale** ``max |A^H y|``.

Volumes of several numbers of coils fit one batch with ``n_virtual``: more coils are compressed to
the principal components of the sampled centre, fewer are filled up with silent ones, which change
nothing of ``A^H A``.

The coils are not whitened: the files hold no noise scan.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smuglib import checks, sampling
from smuglib.data.espirit import Espirit
from smuglib.data.fastmri.volume import Volume
from smuglib.data.scan import Scan
from smuglib.data.splits import GROUPS
from smuglib.operators.fourier import fftc, ifft2c, ifftc
from smuglib.operators.sense import SenseOperator
from smuglib.random import generator

SOURCES = ("retrospective", "file")

MIN_SIZE = 32


@dataclass(frozen=True)
class FastMRIProtocol:
    """How a slice becomes a scan.

    Parameters
    ----------
    sampling_rate, center_fraction, mask_seed
        Fractions of phase-encoding columns in all and in the fully sampled centre, and seed: one
        mask serves all slices of one width, less the columns that the scanner never acquired.
    density
        How the mask's columns lie: see `smuglib.sampling.cartesian_mask`.
    height, width
        Size of the crop in pixels, or None to keep an axis as measured.
    n_coils
        Number of coils that a volume must have, or None for any.
    source
        ``"retrospective"``: draw the mask; the volume must be fully sampled. ``"file"``: use
        the mask in a test file in its place, or the columns that are not empty where it has
        none; the columns must be kept then, ``width=None``.
    """

    sampling_rate: float = 0.25
    height: int | None = 320
    width: int | None = 320
    n_coils: int | None = None
    center_fraction: float = 0.08
    mask_seed: int = 0
    source: str = "retrospective"
    espirit: Espirit = field(default_factory=Espirit)
    density: str = "variable"
    whole_view: bool = False
    n_virtual: int | None = None

    def __post_init__(self) -> None:
        checks.replace_fields(
            self,
            sampling_rate=checks.fraction("sampling_rate", self.sampling_rate),
            height=checks.optional(checks.integer, "height", self.height, minimum=MIN_SIZE),
            width=checks.optional(checks.integer, "width", self.width, minimum=MIN_SIZE),
            n_coils=checks.optional(checks.integer, "n_coils", self.n_coils, minimum=2),
            n_virtual=checks.optional(checks.integer, "n_virtual", self.n_virtual, minimum=2),
            whole_view=checks.boolean("whole_view", self.whole_view),
            center_fraction=checks.fraction(
                "center_fraction", self.center_fraction, allow_zero=True
            ),
            mask_seed=checks.integer("mask_seed", self.mask_seed, minimum=0),
        )
        checks.instance("espirit", self.espirit, Espirit)
        checks.one_of("source", self.source, SOURCES)
        checks.one_of("density", self.density, sampling.DENSITIES)
        if self.source == "file" and self.width is not None:
            raise ValueError(
                "width must be None with source 'file': an undersampled scan cannot be cropped "
                f"along the phase encoding, got {self.width}"
            )
        if self.width is not None:
            self.mask(self.width)

    def mask(self, width: int) -> Tensor:
        """Draw the sampling mask, boolean, ``[1, 1, 1, width]``."""
        return sampling.cartesian_mask(
            width,
            self.sampling_rate,
            self.center_fraction,
            density=self.density,
            generator=generator(self.mask_seed, "mask"),
        )

    def misfit(self, volume: Volume) -> str | None:
        """Say why a volume does not fit this protocol; None if it does."""
        _, n_coils, height, width = volume.shape
        if self.n_coils not in (None, n_coils):
            return f"it has {n_coils} coils, n_coils asks for {self.n_coils}"
        if height < (self.height or 0) or width < (self.width or 0):
            return (
                f"it has {height} x {width} samples, fewer than the {self.height} x {self.width} "
                "of height and width"
            )
        return None


def load_slice(
    volume: Volume | Path | str,
    index: int,
    *,
    split: str = "test",
    slice_index: int | None = None,
    maps_folder: Path | str | None = None,
    **protocol: Any,  # noqa: ANN401
) -> Scan:
    """Read one slice of a fastMRI multicoil volume as a scan, a batch of one.

    Its target is NaN if the file itself is undersampled: there is nothing to compare with.

    Parameters
    ----------
    index
        Index of the slice in the file.
    split, slice_index
        Noted in the scan; the index of the slice in its split is the one in the file by default.
    maps_folder
        Where estimated maps are kept for the next time, see `Espirit.estimate`.
    **protocol
        Fields of `FastMRIProtocol`.
    """
    checks.one_of("split", split, GROUPS)
    settings = FastMRIProtocol(**protocol)
    if not isinstance(volume, Volume):
        volume = Volume.open(checks.path("volume", volume))
    index = checks.integer("index", index, minimum=-checks.LARGEST)
    note = checks.optional(checks.integer, "slice_index", slice_index, minimum=0)
    note = index if note is None else note
    maps_folder = checks.optional(checks.path, "maps_folder", maps_folder)
    return slice_of(volume, index, settings, split, note, maps_folder)


def slice_of(
    volume: Volume,
    index: int,
    protocol: FastMRIProtocol,
    split: str,
    slice_index: int,
    maps_folder: Path | str | None,
) -> Scan:
    """Read one slice of an opened volume: `load_slice` with its settings made."""
    misfit = protocol.misfit(volume)
    if misfit:
        raise ValueError(f"{volume.path} does not fit the protocol: {misfit}")
    measured = volume.kspace(index)
    columns = measured.abs().sum((0, 1, 2)) > 0
    is_full = is_band(columns)
    own = volume.mask() if protocol.source == "file" else None
    if protocol.source == "file" and own is None:
        if is_full:
            raise ValueError(
                f"{volume.path} is fully sampled and lacks 'mask', which source 'file' asks for: "
                "use source='retrospective'"
            )
        own = columns
    if protocol.source == "retrospective" and not is_full:
        raise ValueError(
            f"{volume.path} is undersampled, {int(columns.sum())} of {len(columns)} columns: "
            "source 'retrospective' needs a fully sampled volume; use source='file', width=None"
        )
    if protocol.whole_view and protocol.source == "retrospective":
        measured = lower_resolution(measured, protocol.height, protocol.width)
        columns = measured.abs().sum((0, 1, 2)) > 0
    full = crop_field_of_view(crop_field_of_view(measured, protocol.height, -2), protocol.width, -1)
    width = full.shape[-1]
    mask = protocol.mask(width) if own is None else own.reshape(1, 1, 1, -1)
    mask = mask & acquired_band(columns, width)
    if protocol.n_virtual is not None:
        full = virtual_coils(full, full * mask, protocol.n_virtual)
    kspace = full * mask
    maps = protocol.espirit.estimate(kspace, maps_folder)
    target = (maps.conj() * ifft2c(full)).sum(1)
    if not is_full:
        target = torch.full_like(target, torch.nan)
    scale = SenseOperator(maps, mask).adjoint(kspace).abs().max().item()
    return Scan(
        kspace / scale, maps, mask, target / scale, scale, volume.subject, slice_index, split
    )


def crop_field_of_view(kspace: Tensor, size: int | None, axis: int) -> Tensor:
    """Return the k-space of the images cropped to their central ``size`` pixels along an axis.

    k-space must be complete along the axis; with ``size=None`` it stays as it is. The result covers
    the same range of frequencies, and the centre ``n // 2`` stays the centre.
    """
    if size is None or size == kspace.shape[axis]:
        return kspace
    first = kspace.shape[axis] // 2 - size // 2
    return fftc(ifftc(kspace, axis).narrow(axis, first, size), axis)


def lower_resolution(kspace: Tensor, height: int | None, width: int | None) -> Tensor:
    """Keep the central ``1 / n`` of both axes, n the largest for which ``height x width`` fit."""
    sizes = kspace.shape[-2:]
    factor = min(n // (least or n) for n, least in zip(sizes, (height, width), strict=True))
    for axis, size in zip((-2, -1), sizes, strict=True):
        kspace = kspace.narrow(axis, size // 2 - size // factor // 2, size // factor)
    return kspace


def virtual_coils(full: Tensor, sampled: Tensor, n_coils: int) -> Tensor:
    """Combine coils into ``n_coils``: the strongest components of the sampled k-space, or zeros."""
    missing = n_coils - full.shape[1]
    if missing >= 0:
        return torch.cat([full, torch.zeros_like(full[:, :1]).expand(-1, missing, -1, -1)], 1)
    vectors = torch.linalg.svd(sampled[0].flatten(1), full_matrices=False)[0][:, :n_coils]
    return torch.einsum("cv,bchw->bvhw", vectors.conj(), full)


def acquired_band(columns: Tensor, width: int) -> Tensor:
    """Return which of ``width`` columns lie between the outermost measured ones, after a crop.

    ``columns`` are the measured ones before it, boolean, over the same range of frequencies.
    """
    # Integer cross products compare the frequencies (i - W // 2) / W and (j - w // 2) / w exactly.
    measured = (columns.nonzero().flatten() - len(columns) // 2) * width
    frequency = (torch.arange(width, device="cpu") - width // 2) * len(columns)
    return (frequency >= measured.min()) & (frequency <= measured.max())


def is_band(columns: Tensor) -> bool:
    """Return whether the measured columns, boolean, ``[columns]``, have no gap between them."""
    measured = columns.nonzero().flatten()
    return int(measured.max() - measured.min()) + 1 == len(measured)
