"""Solvers of ``(A^H A + lambda I) x = r``: exact along readout lines, or conjugate gradients."""

from __future__ import annotations

import warnings
from typing import Protocol

import torch
from torch import Tensor

from smuglib import checks
from smuglib.fourier import fftc, ifftc
from smuglib.operators import SenseOperator


class ConvergenceWarning(UserWarning):
    """Conjugate gradients reached the iteration cap before the tolerance."""


class Solver(Protocol):
    """Anything that applies ``(A^H A + lambda I)^{-1}`` to right-hand sides."""

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve for every image of ``rhs``, ``[batch, sample, height, width]``."""


def line_matrices(A: SenseOperator) -> Tensor:
    """Return the readout-line blocks of ``A^H A`` for a 1-D Cartesian mask.

    With whole columns sampled, the Fourier transform along the readout is complete and cancels
    in ``A^H A``: each readout line ``h`` is an independent system
    ``G_h[i, j] = T[i - j] sum_c conj(S_c[h, i]) S_c[h, j]``, where ``T = F^H M F`` is the
    circulant matrix of the mask.

    Parameters
    ----------
    A
        Operator with a 1-D mask.

    Returns
    -------
    Tensor
        Hermitian positive semi-definite matrices, ``[batch, height, width, width]``.

    Raises
    ------
    ValueError
        If the mask is not 1-D Cartesian.
    """
    if not A.is_cartesian_1d:
        raise ValueError(
            "solver 'linewise' needs a 1-D Cartesian mask, [batch, 1, 1, width], got mask shape "
            f"{tuple(A.mask.shape)}; use solver='cg'"
        )
    identity = torch.eye(A.maps.shape[-1], dtype=A.maps.dtype, device=A.maps.device)
    masked = fftc(identity, -2) * A.mask[:, 0, 0, :, None]
    circulant = ifftc(masked, -2)[:, None]
    lines = A.maps.permute(0, 2, 3, 1)
    return circulant * (lines.conj() @ lines.transpose(-1, -2))


class LinewiseSolver:
    """Exact solver for 1-D Cartesian masks: one small dense inverse a readout line.

    For a fixed lambda the inverses are computed once (Cholesky) and every solve is one batched
    matrix product, for any number of noise samples. For a lambda that is learned, an
    eigendecomposition serves every value.

    Parameters
    ----------
    A
        Operator with a 1-D mask.
    """

    def __init__(self, A: SenseOperator) -> None:
        self._matrices = line_matrices(A)
        self._inverse: tuple[float, Tensor] | None = None
        self._eigen: tuple[Tensor, Tensor] | None = None

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve by matrix products.

        Parameters
        ----------
        rhs
            Right-hand sides, ``[batch, sample, height, width]``.
        lam
            Scalar tensor, > 0.

        Returns
        -------
        Tensor
            Solutions of the same shape.
        """
        columns = rhs.permute(0, 2, 3, 1)
        if lam.requires_grad:
            values, vectors = self.eigen()
            coefficients = vectors.mH @ columns
            solution = vectors @ (coefficients / (values[..., None] + lam))
        else:
            solution = self.inverse(lam.item()) @ columns
        return solution.permute(0, 3, 1, 2)

    def inverse(self, lam: float) -> Tensor:
        """Return ``(G_h + lam I)^{-1}`` for every line, computed at the first call for a lam.

        Parameters
        ----------
        lam
            Weight λ > 0.

        Returns
        -------
        Tensor
            Hermitian matrices, ``[batch, height, width, width]``.

        Raises
        ------
        ValueError
            If λ is so small that the matrices are singular to rounding.
        """
        if self._inverse is None or self._inverse[0] != lam:
            shifted = self._matrices.clone()
            shifted.diagonal(dim1=-2, dim2=-1).add_(lam)
            factor, failures = torch.linalg.cholesky_ex(shifted)
            if failures.any():
                raise ValueError(
                    f"lam={lam:g} is too small for {shifted.dtype}: A^H A + lam I is singular to "
                    "rounding; use a larger lam or complex128 maps"
                )
            self._inverse = lam, torch.cholesky_inverse(factor)
        return self._inverse[1]

    def eigen(self) -> tuple[Tensor, Tensor]:
        """Return eigenvalues ``[batch, height, width]`` and eigenvectors of every line."""
        if self._eigen is None:
            values, vectors = torch.linalg.eigh(self._matrices)
            self._eigen = values.clamp_min(0), vectors
        return self._eigen


class CGSolver:
    """Conjugate gradients for any mask, each image on its own (Hestenes and Stiefel, 1952).

    Inner products, step lengths and the stopping rule belong to one image: its result does not
    depend on its batch or on the other noise samples.

    Parameters
    ----------
    A
        Any SENSE operator.
    tol
        Stop an image when its residual norm falls below ``tol`` times that of its right-hand side.
    max_iter
        Iteration cap; reaching it raises a `ConvergenceWarning`.
    """

    def __init__(self, A: SenseOperator, *, tol: float = 1e-6, max_iter: int = 200) -> None:
        self.operator = A
        self.tol = checks.positive("tol", tol)
        self.max_iter = checks.integer("max_iter", max_iter)

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Iterate until every image has converged.

        Parameters
        ----------
        rhs
            Right-hand sides, ``[batch, sample, height, width]``.
        lam
            Scalar tensor, > 0.

        Returns
        -------
        Tensor
            Solutions of the same shape.
        """
        residual, direction = rhs.clone(), rhs.clone()
        energy = _energy(residual)
        # An image that is not finite must not come out as the zeros the iteration starts from.
        x = torch.zeros_like(rhs).where(energy.isfinite(), torch.nan)
        threshold = self.tol**2 * energy
        for _ in range(self.max_iter):
            active = energy > threshold
            if not active.any():
                return x
            image = self.operator.normal(direction) + lam * direction
            curvature = (direction.conj() * image).real.sum((-2, -1), keepdim=True)
            step = torch.where(active, energy / curvature.where(active, torch.ones_like(energy)), 0)
            x = x + step * direction
            residual = residual - step * image
            previous, energy = energy, torch.where(active, _energy(residual), energy)
            ratio = torch.where(
                active, energy / previous.clamp_min(torch.finfo(energy.dtype).tiny), 0
            )
            direction = torch.where(active, residual + ratio * direction, direction)
        if (energy > threshold).any():
            reached = (energy / threshold.clamp_min(torch.finfo(energy.dtype).tiny)).max().sqrt()
            warnings.warn(
                f"conjugate gradients stopped at max_iter={self.max_iter} with a relative residual "
                f"of {self.tol * reached.item():.1e} (tol={self.tol:.1e})",
                ConvergenceWarning,
                stacklevel=2,
            )
        return x


def _energy(x: Tensor) -> Tensor:
    return x.abs().square().sum((-2, -1), keepdim=True)
