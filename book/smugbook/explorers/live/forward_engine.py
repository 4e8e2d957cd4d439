"""The forward-model explorer's engine: what one coil measures, and what is lost.

A slice is simulated once, fully sampled. Every mask then keeps some of its columns, as a scanner
with that mask would have: coils and noise are those of `smuglib.data.brain`, and so is the mask
of variable density.
"""

import threading
import time
from dataclasses import dataclass, replace
from typing import Any

import torch
from cachetools import LRUCache, cached
from torch import Tensor

from smugbook.explorers.live.worker import Watch
from smugbook.profiles import Profile
from smugbook.results import scans
from smuglib import checks, metrics, sampling
from smuglib.consistency.linewise import line_matrices
from smuglib.data import Scan
from smuglib.operators import SenseOperator, fft2c
from smuglib.random import generator

RESOLVED = 1e-5
"""Eigenvalues of ``A^H A`` below this are rounding, in complex64."""


@dataclass(frozen=True)
class ForwardRequest:
    """Settings of one acquisition; its eigenvalues take longer than all the rest."""

    sampling_rate: float = 0.25
    center_fraction: float = 0.08
    density: str = "variable"
    coil: int = 0
    index: int = 0
    mask_seed: int = 0
    with_spectrum: bool = True

    def __post_init__(self) -> None:
        checks.fraction("sampling_rate", self.sampling_rate)
        checks.fraction("center_fraction", self.center_fraction, allow_zero=True)
        checks.one_of("density", self.density, sampling.DENSITIES)
        for name in ("coil", "index", "mask_seed"):
            checks.integer(name, getattr(self, name), minimum=0)


@dataclass(frozen=True)
class Eigenvalues:
    """Extreme eigenvalues of ``A^H A``, and the share below 0.01, hardly measured at all."""

    smallest: float
    largest: float
    weak: float


@dataclass(frozen=True, eq=False)
class ForwardResult:
    """Images ``[height, width]`` in units of the scan's scale, and numbers of one acquisition.

    ``kspace_full`` is without noise and before sampling. Spreads are point-spread functions along
    the phase-encoding axis, relative to the pixel: of a single uniform coil, and of all coils.
    """

    request: ForwardRequest
    target: Tensor
    zero_filled: Tensor
    coil_map: Tensor
    coil_image: Tensor
    kspace_full: Tensor
    kspace: Tensor
    mask: Tensor
    spread_one: Tensor
    spread_all: Tensor
    psnr: float
    ssim: float
    eigenvalues: Eigenvalues | None
    seconds: float


class ForwardEngine:
    """Answers requests on the CPU, and keeps the slices that it simulated."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._full = cached(
            LRUCache[Any, Scan](64 * 2**20, getsizeof=lambda scan: 2 * scan.kspace.nbytes)
        )(lambda index: scans.scan_of(profile, index, 1.0))
        self._lock = threading.Lock()

    def stages(self, request: ForwardRequest) -> tuple[ForwardRequest, ...]:
        """Return what to compute: everything but the eigenvalues, then the request."""
        if not request.with_spectrum:
            return (request,)
        return replace(request, with_spectrum=False), request

    def compute(self, request: ForwardRequest, watch: Watch | None = None) -> ForwardResult:
        """Answer one request."""
        watch = Watch() if watch is None else watch
        begun = time.perf_counter()
        if request.coil >= self.profile.n_coils:
            raise ValueError(f"coil must be < {self.profile.n_coils}, got {request.coil}")
        with self._lock:
            scan = self.scan(request)
            watch.check()
            eigenvalues = _eigenvalues(scan, watch) if request.with_spectrum else None
            return _result(request, scan, eigenvalues, begun)

    def scan(self, request: ForwardRequest) -> Scan:
        """Return the slice as measured with a mask."""
        mask = sampling.cartesian_mask(
            self.profile.width,
            request.sampling_rate,
            request.center_fraction,
            density=request.density,
            generator=generator(request.mask_seed, "mask"),
        )
        full = self._full(request.index)
        measured = torch.where(mask, full.kspace, 0)
        scale = SenseOperator(full.maps, mask).adjoint(measured).abs().max().item()
        return replace(
            full,
            kspace=measured / scale,
            mask=mask,
            target=full.target / scale,
            scale=float(full.scale) * scale,
        )


def _result(
    request: ForwardRequest, scan: Scan, eigenvalues: Eigenvalues | None, begun: float
) -> ForwardResult:
    operator, coil = scan.operator, request.coil
    zero_filled = operator.adjoint(scan.kspace)
    seen = scan.maps[0, coil] * scan.target[0]
    uniform = SenseOperator(torch.ones_like(scan.maps[:, :1]), scan.mask)
    return ForwardResult(
        request,
        scan.target[0],
        zero_filled[0],
        scan.maps[0, coil],
        seen,
        fft2c(seen),
        scan.kspace[0, coil],
        scan.mask[0, 0, 0],
        spread_one=_spread(uniform),
        spread_all=_spread(operator),
        psnr=metrics.psnr(zero_filled, scan.target).item(),
        ssim=metrics.ssim(zero_filled, scan.target).item(),
        eigenvalues=eigenvalues,
        seconds=time.perf_counter() - begun,
    )


def _spread(A: SenseOperator) -> Tensor:
    """Return the central row of ``A^H A`` applied to the central pixel, relative to that pixel."""
    _, height, width = A.image_shape
    pixel = torch.zeros(A.image_shape, dtype=A.maps.dtype)
    pixel[:, height // 2, width // 2] = 1
    row = A.normal(pixel)[0, height // 2].abs()
    return row / row[width // 2]


def _eigenvalues(scan: Scan, watch: Watch) -> Eigenvalues:
    lines = line_matrices(scan.operator)[0]
    values = []
    for place, line in enumerate(lines):
        watch.check()
        watch.report(place, len(lines))
        values.append(torch.linalg.eigvalsh(line))
    found = torch.stack(values)
    return Eigenvalues(
        found.min().clamp_min(0).item(), found.max().item(), (found < 0.01).double().mean().item()
    )
