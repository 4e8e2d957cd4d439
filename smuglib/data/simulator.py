"""The simulator of scans: a protocol, a subject's slice, its coils and its noise."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smuglib import checks, sampling
from smuglib.data import anatomy, head_anatomy
from smuglib.data.coils import coil_maps
from smuglib.data.fields import Array, pixel_grid
from smuglib.data.scan import Scan
from smuglib.data.splits import Location, locate
from smuglib.data.template import CENTER
from smuglib.operators.fourier import fft2c, fftc, ifft2c
from smuglib.operators.sense import SenseOperator
from smuglib.random import Source, complex_normal, generator

MIN_SIZE = 32

# A head's planes lie so many millimetres above a brain's: above the eyes, which no head has.
LIFT = 14

# Correlation of the noise of any two of a head's coils.
CORRELATION = 0.15


@dataclass(frozen=True)
class Protocol:
    """How a brain is scanned.

    Parameters
    ----------
    sampling_rate, center_fraction
        Fractions of phase-encoding columns: sampled, and in the fully sampled centre.
    height, width
        Image size in pixels, each at least 32; phase encoding runs along the width.
    noise
        Standard deviation of the k-space noise on the real and on the imaginary part, in units
        of the largest magnitude of the fully sampled image (the Fourier transform is unitary).
    seed, mask_seed
        Seeds of the subjects and the noise, and of the mask: one mask serves all slices.
    density
        How the mask's columns lie: see `smuglib.sampling.cartesian_mask`.
    """

    sampling_rate: float = 0.25
    height: int = 128
    width: int = 128
    n_coils: int = 8
    noise: float = 0.002
    center_fraction: float = 0.08
    seed: int = 0
    mask_seed: int = 0
    density: str = "variable"

    def __post_init__(self) -> None:
        least = {"height": MIN_SIZE, "width": MIN_SIZE, "n_coils": 1, "seed": 0, "mask_seed": 0}
        checks.replace_fields(
            self,
            **{n: checks.integer(n, getattr(self, n), minimum=m) for n, m in least.items()},
            sampling_rate=checks.fraction("sampling_rate", self.sampling_rate),
            noise=checks.non_negative("noise", self.noise),
            center_fraction=checks.fraction(
                "center_fraction", self.center_fraction, allow_zero=True
            ),
        )
        self.mask()

    def mask(self) -> Tensor:
        """Draw the sampling mask, boolean, ``[1, 1, 1, width]``."""
        return sampling.cartesian_mask(
            self.width,
            self.sampling_rate,
            self.center_fraction,
            density=self.density,
            generator=generator(self.mask_seed, "mask"),
        )

    def locate(self, split: str, index: int) -> Location:
        """Find the subject and the plane of a slice."""
        return locate(split, index, self.seed)

    def acquire(self, split: str, location: Location) -> tuple[Tensor, Tensor, Tensor]:
        """Return k-space before sampling, maps and reference of a slice, batches of one."""
        path = ("brain", split, location.subject)
        slice_draws = generator(self.seed, *path, location.plane, "slice")
        person = anatomy.subject(self.seed, split, location.subject)
        image = anatomy.image(person, location.plane, self.height, self.width, slice_draws)
        y, x = pixel_grid(self.height, self.width, *anatomy.FIELD_OF_VIEW)
        z = location.plane - CENTER[0]
        sensitivities = coil_maps(self.n_coils, z, y, x, generator(self.seed, *path, "coils"))
        maps = torch.from_numpy(sensitivities).to(torch.complex64)[None]
        target = torch.from_numpy(image).to(torch.complex64)[None]
        noise = complex_normal(maps.shape, self.noise, slice_draws, target)
        return fft2c(maps * target[:, None]) + noise, maps, target


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
        """Return k-space before sampling, maps and reference of a slice, batches of one."""
        path, plane = (self.seed, "head", split, location.subject), location.plane + LIFT
        head = head_anatomy.draw_head(self.seed, split, location.subject)
        y, x = self.fine_grid()
        image = torch.from_numpy(head_anatomy.image(head, plane, y, x)).to(torch.complex64)
        coils = coil_maps(self.n_coils, plane - CENTER[0], y, x, generator(*path, "coils"))
        return self.measure(image, coils, head.noise, generator(*path, plane, "noise"))

    def fine_grid(self) -> tuple[Array, Array]:
        """Return rows and columns in mm of a grid twice as fine as the scan's."""
        return pixel_grid(2 * self.height, 2 * self.width, *head_anatomy.FIELD_OF_VIEW)

    def measure(
        self, image: Tensor, coils: NDArray[np.complex128], noise_factor: float, draws: Source
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scan an image through coils, on the fine grid; return what `acquire` does.

        Their product is cropped in k-space: no image on the scan's own grid has exactly that
        k-space. The noise is ``noise_factor`` times the protocol's, and correlated over coils.
        """
        maps = torch.from_numpy(coils).to(torch.complex64)[None]
        kspace = maps * image / 2
        for axis, length in ((-1, self.width), (-2, self.height)):
            kspace = fftc(kspace, axis).narrow(axis, length - length // 2, length)
        # The points of the fine grid at which a pixel of the scan has its centre.
        maps = maps[..., self.height % 2 :: 2, self.width % 2 :: 2].contiguous()
        shape = (1, self.n_coils + 1, self.height, self.width)
        noise = complex_normal(shape, self.noise * noise_factor, draws, kspace)
        noisy = kspace + (1 - CORRELATION) ** 0.5 * noise[:, 1:] + CORRELATION**0.5 * noise[:, :1]
        reference = noisy if self.noisy_reference else kspace
        return noisy, maps, (maps.conj() * ifft2c(reference)).sum(1)


def simulate(protocol: Protocol, split: str, index: int) -> Scan:
    """Simulate the scan of a slice; k-space is exactly ``+0`` where not sampled."""
    location = protocol.locate(split, index)
    full, maps, target = protocol.acquire(split, location)
    operator = SenseOperator(maps, protocol.mask())
    kspace = torch.where(operator.mask, full, 0)
    scale = operator.adjoint(kspace).abs().max().item()
    return Scan(
        kspace / scale, maps, operator.mask, target / scale, scale, location.subject, index, split
    )
