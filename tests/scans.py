"""Tiny random scans and networks for tests of attacks and evaluation."""

from __future__ import annotations

import torch
from torch import Tensor

from smuglib.data import Scan
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork, denoisers
from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator
from smuglib.sampling import cartesian_mask
from smuglib.smoothing import Smoothing


def measurement(
    seed: int = 0,
    batch: int = 1,
    size: int = 16,
    n_coils: int = 2,
    sampling_rate: float = 0.5,
    dtype: torch.dtype = torch.complex64,
) -> tuple[Tensor, SenseOperator, Tensor]:
    """Return k-space, operator and target of random smooth images, scaled like a scan."""
    like = torch.zeros(1, dtype=dtype)
    g = generator(seed, "scan")
    maps = complex_normal((batch, n_coils, size, size), 0.3, g, like) + 1
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt()
    mask = cartesian_mask(size, sampling_rate, 0.25, generator=generator(seed, "mask"))
    coarse = complex_normal((batch, 1, size // 4, size // 4), 1.0, g, like)
    target = coarse[:, 0].repeat_interleave(4, 1).repeat_interleave(4, 2)
    A = SenseOperator(maps, mask)
    y = A.forward(target)
    scale = A.adjoint(y).abs().amax((1, 2))
    return y / scale[:, None, None, None], A, target / scale[:, None, None]


def scan(index: int = 0, sampling_rate: float = 0.5, size: int = 32) -> Scan:
    """Return a test scan; two slices in turn are of one subject."""
    y, A, target = measurement(seed=index, size=size, sampling_rate=sampling_rate)
    return Scan(y, A.maps, A.mask, target, 1.0, index // 2, index, "test")


def network(
    method: str = "modl",
    *,
    sigma: float = 0.05,
    n_samples: int = 2,
    n_steps: int = 2,
    dtype: torch.dtype = torch.complex64,
) -> UnrolledNetwork:
    """Return a small untrained network whose smoothing is that of a method."""
    denoiser = denoisers.seeded({"name": "dncnn", "channels": 6, "blocks": 1}, seed=3)
    if dtype == torch.complex128:
        denoiser = denoiser.double()
    smoothing = Smoothing(METHODS[method], sigma=sigma, n_samples=n_samples)
    return UnrolledNetwork(denoiser, n_steps=n_steps, smoothing=smoothing)


def bits(scan: Scan) -> list[object]:
    """Return everything that a scan holds, tensors bit for bit."""
    tensors = (scan.kspace, scan.maps, scan.mask, scan.target)
    content = [(t.dtype, t.shape, t.contiguous().numpy().tobytes()) for t in tensors]
    return [*content, scan.scale, scan.subject, scan.slice_index, scan.split]
