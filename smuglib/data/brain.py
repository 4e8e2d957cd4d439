"""The embedded data set: simulated multi-coil scans of synthetic brains."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset

from smuglib import checks, sampling
from smuglib.data import anatomy
from smuglib.data.coils import coil_maps
from smuglib.data.fields import pixel_grid
from smuglib.data.scan import Scan
from smuglib.data.splits import GROUPS, Location, locate
from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator

MIN_SIZE = 32


@dataclass(frozen=True)
class Protocol:
    """How a brain is scanned; refuses an impossible protocol when it is made.

    Parameters
    ----------
    sampling_rate
        Fraction of sampled phase-encoding columns, in (0, 1].
    height, width
        Image size in pixels, each at least 32; phase encoding runs along the width.
    n_coils
        Number of receive coils.
    noise
        Standard deviation of the k-space noise on the real and on the imaginary part, in units
        of the largest magnitude of the fully sampled image (the Fourier transform is unitary).
    center_fraction
        Fraction of columns in the fully sampled centre.
    seed
        Seed of the subjects and the noise.
    mask_seed
        Seed of the mask: one mask serves all slices.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    sampling_rate: float = 0.25
    height: int = 128
    width: int = 128
    n_coils: int = 8
    noise: float = 0.002
    center_fraction: float = 0.08
    seed: int = 0
    mask_seed: int = 0

    def __post_init__(self) -> None:
        """Check every value."""
        checks.integer("height", self.height, minimum=MIN_SIZE)
        checks.integer("width", self.width, minimum=MIN_SIZE)
        checks.integer("n_coils", self.n_coils)
        checks.non_negative("noise", self.noise)
        checks.integer("seed", self.seed, minimum=0)
        checks.integer("mask_seed", self.mask_seed, minimum=0)
        self.mask()

    def mask(self) -> Tensor:
        """Draw the sampling mask, boolean, ``[1, 1, 1, width]``."""
        return sampling.cartesian_mask(
            self.width,
            self.sampling_rate,
            self.center_fraction,
            generator=generator(self.mask_seed, "mask"),
        )


def brain(
    split: str = "test",
    index: int = 0,
    sampling_rate: float = 0.25,
    *,
    height: int = 128,
    width: int = 128,
    n_coils: int = 8,
    noise: float = 0.002,
    center_fraction: float = 0.08,
    seed: int = 0,
    mask_seed: int = 0,
    n_slices: int | None = None,
) -> Scan:
    """Simulate the scan of one slice of a synthetic brain: ``y = M F S x + noise``.

    The same arguments give the same scan, bit for bit. The subject, its coils and its noise do
    not depend on the sampling rate, and the masks of a lower rate are nested in those of a higher.

    Parameters
    ----------
    split
        ``"train"``, ``"val"`` or ``"test"``: no subject and no template plane is in two of them.
    index
        Index of the slice in its split, >= 0.
    sampling_rate, height, width, n_coils, noise, center_fraction, seed, mask_seed
        See `Protocol`.
    n_slices
        Size of the split, where it has one: a larger index is then refused.

    Returns
    -------
    Scan
        A batch of one, k-space and target divided by ``max |A^H y|``.

    Raises
    ------
    ValueError
        If an argument is out of range; nothing is computed then.
    """
    protocol = Protocol(
        sampling_rate, height, width, n_coils, noise, center_fraction, seed, mask_seed
    )
    location = locate(split, index, seed)
    if n_slices is not None and index >= checks.integer("n_slices", n_slices):
        raise ValueError(f"index must be < n_slices = {n_slices}, got {index}")
    return _simulate(protocol, split, index, location)


class BrainDataset(Dataset[Scan]):
    """The first slices of a split, simulated when first asked for and kept in memory.

    Parameters
    ----------
    split
        ``"train"``, ``"val"`` or ``"test"``.
    n_slices
        Number of slices, >= 1.
    cache
        Whether to keep the scans: at 128 x 128 and 8 coils 2.2 MB each.
    **protocol
        Fields of `Protocol`.

    Raises
    ------
    TypeError
        If a field is unknown.
    ValueError
        If an argument is out of range.
    """

    def __init__(self, split: str, n_slices: int, *, cache: bool = True, **protocol: float) -> None:
        self.split = checks.one_of("split", split, GROUPS)
        self.n_slices = checks.integer("n_slices", n_slices)
        self.protocol = Protocol(**protocol)  # type: ignore[arg-type]
        self.cache = cache
        self._scans: dict[int, Scan] = {}

    def __len__(self) -> int:
        """Return the number of slices."""
        return self.n_slices

    def __getitem__(self, index: int) -> Scan:
        """Return one scan, a batch of one.

        Raises
        ------
        IndexError
            If the index is not in ``[0, n_slices)``.
        """
        if not 0 <= index < self.n_slices:
            raise IndexError(f"index must lie in [0, {self.n_slices}), got {index}")
        if index in self._scans:
            return self._scans[index]
        location = locate(self.split, index, self.protocol.seed)
        scan = _simulate(self.protocol, self.split, index, location)
        if self.cache:
            self._scans[index] = scan
        return scan


def _simulate(protocol: Protocol, split: str, index: int, location: Location) -> Scan:
    path = ("brain", split, location.subject)
    height, width, seed = protocol.height, protocol.width, protocol.seed
    slice_draws = generator(seed, *path, location.plane, "slice")
    person = anatomy.subject(seed, split, location.subject)
    image = anatomy.image(person, location.plane, height, width, slice_draws)
    y, x = pixel_grid(height, width, *anatomy.FIELD_OF_VIEW)
    z = location.plane - anatomy.CENTER[0]
    sensitivities = coil_maps(protocol.n_coils, z, y, x, generator(seed, *path, "coils"))

    maps = torch.from_numpy(sensitivities).to(torch.complex64)[None]
    target = torch.from_numpy(image).to(torch.complex64)[None]
    operator = SenseOperator(maps, protocol.mask())
    noise = complex_normal(maps.shape, protocol.noise, slice_draws, target)
    kspace = operator.forward(target) + operator.mask * noise
    scale = operator.adjoint(kspace).abs().max().item()
    return Scan(
        kspace / scale, maps, operator.mask, target / scale, scale, location.subject, index, split
    )
