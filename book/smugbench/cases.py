"""What is benchmarked: sizes, and the scans and systems of those sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from smuglib.data import Scan, brain, collate
from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator

TARGET_RESIDUAL = 1e-6
"""Relative residual that every solver must reach before its time counts."""

TOLERANCES = (1e-6, 7e-7, 5e-7, 3e-7, 2e-7)
"""Tolerances that an iterative solver is tried with, until its true residual reaches the target.

The residual that conjugate gradients update drifts from the true one by rounding.
"""

SIGMA = 0.05
"""Noise on the denoised images of different samples, on each part."""


@dataclass(frozen=True)
class Case:
    """Size of a benchmark; the defaults are those of the ``default`` profile.

    ``n_samples`` are also the right-hand sides of a solve.
    """

    height: int = 128
    width: int = 128
    n_coils: int = 8
    n_samples: int = 10
    n_steps: int = 8
    batch: int = 1
    device: str = "cpu"

    @property
    def torch_device(self) -> torch.device:
        """The device."""
        return torch.device(self.device)

    @property
    def size(self) -> str:
        """Size of a scan in words."""
        return f"{self.height} x {self.width}, {self.n_coils} coils"

    def scan(self) -> Scan:
        """Simulate the scans, on the device."""
        scans = [
            brain(index=index, height=self.height, width=self.width, n_coils=self.n_coils)
            for index in range(self.batch)
        ]
        return collate(scans).to(self.torch_device)


@dataclass(frozen=True, eq=False)
class System:
    """Data consistency of one unrolling step, ``(A^H A + I) x = A^H y + d``.

    ``denoised`` images d are the target with other noise for every sample, ``[batch, sample,
    height, width]``.
    """

    operator: SenseOperator
    kspace: Tensor
    denoised: Tensor

    @classmethod
    def of(cls, case: Case) -> System:
        """Make the system of a case."""
        scan = case.scan()
        shape = (case.batch, case.n_samples, case.height, case.width)
        noise = complex_normal(shape, SIGMA, generator(0, "benchmark", "denoised"), scan.target)
        return cls(scan.operator, scan.kspace, scan.target.unsqueeze(1) + noise)

    @cached_property
    def start(self) -> Tensor:
        """Zero-filled images, ``[batch, height, width]``."""
        return self.operator.adjoint(self.kspace)

    @property
    def rhs(self) -> Tensor:
        """Right-hand sides, ``[batch, sample, height, width]``."""
        return self.start.unsqueeze(1) + self.denoised

    def residual(self, x: Tensor) -> float:
        """Return ``||(A^H A + I) x - r|| / ||r||``, the largest over images."""
        rhs = self.rhs.to(torch.complex128)
        x = x.to(rhs.device, torch.complex128)
        error = self.operator.to(torch.complex128).normal(x) + x - rhs
        norms = torch.linalg.vector_norm(rhs, dim=(-2, -1))
        return (torch.linalg.vector_norm(error, dim=(-2, -1)) / norms).max().item()
