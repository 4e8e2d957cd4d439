"""Randomized smoothing: where the expectation over Gaussian noise stands, and its samples."""

from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from smuglib import checks
from smuglib.methods import Placement
from smuglib.random import Source, complex_normal

PLACEMENTS: tuple[Placement, ...] = get_args(Placement)


@dataclass(frozen=True)
class Smoothing:
    """Placement, strength and number of samples of the expectation ``E_ν``, ν ~ N(0, σ²I).

    At the step or at the denoiser, the result is the same: :eq:`eq-commute` of the book.

    Parameters
    ----------
    placement
        ``"none"`` (MoDL), ``"end_to_end"`` (RS-E2E), ``"step"`` (SMUGv0) or ``"denoiser"``
        (SMUG): the poster's question Q1.
    sigma
        Standard deviation of the noise, real and imaginary, in units of the scan's scale.
    n_samples
        Number of noise samples that estimate the expectation.
    share_noise
        Use the same samples at every unrolling step, as the published code does for SMUG.
    antithetic
        Take half of the samples with both signs: odd parts cancel. Not the poster's estimate.
    start_only
        With ``"end_to_end"``: noise enters ``x_0`` alone, data consistency sees the clean ``z`` (as
        in the published code of RS-E2E). Not the poster's ``E[x(z + ν)]``.

    Examples
    --------
    >>> smoothing = Smoothing("denoiser", sigma=0.05, n_samples=8)
    >>> smoothing.is_active, Smoothing("none").is_active
    (True, False)
    """

    placement: Placement = "denoiser"
    sigma: float = 0.01
    n_samples: int = 10
    share_noise: bool = False
    antithetic: bool = False
    start_only: bool = False

    def __post_init__(self) -> None:
        placement = checks.one_of("placement", self.placement, PLACEMENTS)
        flags = ("share_noise", "antithetic", "start_only")
        checks.replace_fields(
            self,
            sigma=checks.non_negative("sigma", self.sigma),
            n_samples=checks.integer("n_samples", self.n_samples),
            **{name: checks.boolean(name, getattr(self, name)) for name in flags},
        )
        if self.antithetic and self.n_samples % 2:
            raise ValueError(f"n_samples must be even with antithetic pairs, got {self.n_samples}")
        if self.start_only and placement != "end_to_end":
            raise ValueError(f"start_only must go with placement 'end_to_end', got {placement!r}")

    @property
    def is_active(self) -> bool:
        """Whether any noise is drawn."""
        return self.placement != "none"


class NoiseSource:
    """Draws the noise of one reconstruction from a seeded generator.

    Examples
    --------
    >>> source = NoiseSource(Smoothing("denoiser", n_samples=3), torch.Generator().manual_seed(0))
    >>> source.perturb(torch.zeros(2, 8, 8) + 0j).shape
    torch.Size([2, 3, 8, 8])
    """

    def __init__(self, smoothing: Smoothing, generator: Source | None) -> None:
        if smoothing.is_active and generator is None:
            asked = f"smoothing placement {smoothing.placement!r}"
            raise ValueError(f"generator is required: {asked} draws noise")
        self._smoothing, self._generator = smoothing, generator
        self._shared: Tensor | None = None

    def perturb(self, x: Tensor) -> Tensor:
        """Return ``x + ν``, ``[batch, sample, height, width]``, of images without samples."""
        noise = self._draw(x) if self._shared is None else self._shared
        if self._smoothing.share_noise:
            self._shared = noise
        return x.unsqueeze(1) + noise

    def _draw(self, x: Tensor) -> Tensor:
        assert self._generator is not None
        n_draws = self._smoothing.n_samples // (2 if self._smoothing.antithetic else 1)
        shape = (len(x), n_draws, *x.shape[1:])
        noise = complex_normal(shape, self._smoothing.sigma, self._generator, x)
        return torch.cat((noise, -noise), 1) if self._smoothing.antithetic else noise
