"""The simulator of scans: a protocol, a subject's slice, its coils and its noise."""

from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks, sampling
from smuglib.data import anatomy
from smuglib.data.coils import coil_maps
from smuglib.data.fields import pixel_grid
from smuglib.data.scan import Scan
from smuglib.data.splits import Location, locate
from smuglib.data.template import CENTER
from smuglib.operators.fourier import fft2c
from smuglib.operators.sense import SenseOperator
from smuglib.random import complex_normal, generator

MIN_SIZE = 32


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
            **{
                name: checks.integer(name, getattr(self, name), minimum=minimum)
                for name, minimum in least.items()
            },
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


def simulate(protocol: Protocol, split: str, index: int) -> Scan:
    """Simulate the scan of a slice; k-space is exactly ``+0`` where not sampled."""
    location = locate(split, index, protocol.seed)
    full, maps, target = protocol.acquire(split, location)
    operator = SenseOperator(maps, protocol.mask())
    kspace = torch.where(operator.mask, full, 0)
    scale = operator.adjoint(kspace).abs().max().item()
    return Scan(
        kspace / scale, maps, operator.mask, target / scale, scale, location.subject, index, split
    )
