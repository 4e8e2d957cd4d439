"""Solvers of ``(A^H A + lambda I) x = r``: exact, row by row, or conjugate gradients."""

from __future__ import annotations

import warnings
from typing import Protocol

import torch
from torch import Tensor

from smuglib import checks
from smuglib.fourier import fftc, ifftc
from smuglib.linalg import hermitian_inverse
from smuglib.operators import SenseOperator

CPU_CHUNK_BYTES, GPU_CHUNK_BYTES = 4 * 2**20, 256 * 2**20
"""Bytes of line matrices that are factored at once, to fit a processor's cache or fill a GPU."""


class ConvergenceWarning(UserWarning):
    """An iteration reached its cap before its tolerance."""


class Solver(Protocol):
    """Anything that applies ``(A^H A + lambda I)^{-1}`` to right-hand sides."""

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve for images.

        Parameters
        ----------
        rhs
            Right-hand sides, ``[batch, sample, height, width]``.
        lam
            Real scalar tensor, > 0.

        Returns
        -------
        Tensor
            Solutions of the same shape.
        """


def line_matrices(A: SenseOperator) -> Tensor:
    """Return the blocks of ``A^H A`` for a 1-D Cartesian mask, one per image row.

    With whole columns sampled, the Fourier transform along the readout is complete and cancels
    in ``A^H A``: each image row ``h`` is an independent system
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
    """
    return _gram(A.maps.permute(0, 2, 3, 1), _circulant(A))


def _circulant(A: SenseOperator) -> Tensor:
    """Return ``T = F^H M F`` along the phase-encoding axis, ``[batch or 1, 1, width, width]``."""
    if not A.is_cartesian_1d:
        raise ValueError(
            "solver 'linewise' needs a 1-D Cartesian mask, [batch, 1, 1, width], got mask shape "
            f"{tuple(A.mask.shape)}; use solver='cg'"
        )
    identity = torch.eye(A.maps.shape[-1], dtype=A.maps.dtype, device=A.maps.device)
    return ifftc(fftc(identity, -2) * A.mask[:, 0, 0, :, None], -2)[:, None]


def _gram(lines: Tensor, circulant: Tensor) -> Tensor:
    """Return ``G_h`` of some image rows of the maps, ``[batch, line, width, coil]``."""
    return (lines.conj() @ lines.mT).mul_(circulant)


class LinewiseSolver:
    """Exact solver for 1-D Cartesian masks: one small dense inverse per image row.

    For a fixed lambda the inverses are computed once and every solve is one batched matrix
    product, for any number of noise samples. For a lambda that is learned, an eigendecomposition
    serves every value.

    Parameters
    ----------
    A
        Operator with a 1-D mask. The solver keeps its tensors, not the operator.

    Examples
    --------
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> x = torch.ones(1, 1, 16, 16, dtype=torch.complex64)
    >>> rhs = A.normal(x) + 0.5 * x
    >>> (LinewiseSolver(A).solve(rhs, torch.tensor(0.5)) - x).abs().max().item() < 1e-5
    True
    """

    def __init__(self, A: SenseOperator) -> None:
        self._lines = A.maps.permute(0, 2, 3, 1)
        self._circulant = _circulant(A)
        self._inverse: tuple[float, Tensor] | None = None
        self._eigen: tuple[Tensor, Tensor] | None = None

    @property
    def n_bytes(self) -> int:
        """Memory of the factors computed so far."""
        held = [self._inverse[1]] if self._inverse else []
        return sum(factor.nbytes for factor in (*held, *(self._eigen or ())))

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve by matrix products; see `Solver.solve`."""
        # Samples are rows: as they lie in memory, where columns would have to be copied.
        rows = rhs.transpose(1, 2)
        if lam.requires_grad:
            values, vectors = self.eigen()
            coefficients = rows @ vectors.conj()
            solution = (coefficients / (values[..., None, :] + lam)) @ vectors.mT
        else:
            solution = rows @ self.inverse(lam.item()).mT
        return solution.transpose(1, 2)

    def inverse(self, lam: float) -> Tensor:
        """Return ``(G_h + lam I)^{-1}`` for every row, computed at the first call for a lam.

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
            If λ is so small that the matrices are singular to rounding: use a larger one, or maps
            in complex128.
        """
        if self._inverse is None or self._inverse[0] != lam:
            self._inverse = None
            self._inverse = lam, self._inverted(lam)
        return self._inverse[1]

    def _inverted(self, lam: float) -> Tensor:
        """Form and invert the matrices, so many at a time that they stay in the cache."""
        batch, height, width, _ = self._lines.shape
        inverse = self._lines.new_empty(batch, height, width, width)
        budget = GPU_CHUNK_BYTES if inverse.is_cuda else CPU_CHUNK_BYTES
        # ||A^H A|| is at most the largest sum of squared coil sensitivities.
        bound = self._lines.abs().square().sum(-1).amax().item()
        n_lines = max(1, budget // (batch * width**2 * inverse.element_size()))
        for top in range(0, height, n_lines):
            chunk = _gram(self._lines[:, top : top + n_lines], self._circulant)
            chunk.diagonal(dim1=-2, dim2=-1).add_(lam)
            try:
                inverse[:, top : top + n_lines] = hermitian_inverse(chunk, 1 + bound / lam)
            except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
                raise ValueError(
                    f"lam={lam:g} is too small for {inverse.dtype}: A^H A + lam I is singular to "
                    "rounding; use a larger lam or complex128 maps"
                ) from None
        return inverse

    def eigen(self) -> tuple[Tensor, Tensor]:
        """Return eigenvalues ``[batch, height, width]`` and eigenvectors of every row."""
        if self._eigen is None:
            values, vectors = torch.linalg.eigh(_gram(self._lines, self._circulant))
            self._eigen = values.clamp_min(0), vectors
        return self._eigen


class CGSolver:
    """Conjugate gradients for any mask, each image on its own (Hestenes and Stiefel, 1952).

    Inner products, step lengths and the stopping rule belong to one image: its result does not
    depend on its batch or on the other noise samples, unless it is ``coupled`` to them.

    Parameters
    ----------
    A
        Any SENSE operator.
    tol
        Stop an image when its residual norm falls below ``tol`` times that of its right-hand side.
    max_iter
        Iteration cap; reaching it raises a `ConvergenceWarning`.
    coupled
        Take inner products over all images at once, as the poster's published code does: the
        batch is one large system with one step length and one stopping rule, and the result of
        an image depends on its neighbours.

    Examples
    --------
    >>> mask = torch.arange(256).view(1, 1, 16, 16) % 3 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> x = torch.ones(1, 1, 16, 16, dtype=torch.complex64)
    >>> rhs = A.normal(x) + 0.5 * x
    >>> (CGSolver(A).solve(rhs, torch.tensor(0.5)) - x).abs().max().item() < 1e-5
    True
    """

    def __init__(
        self, A: SenseOperator, *, tol: float = 1e-6, max_iter: int = 200, coupled: bool = False
    ) -> None:
        self.operator = A
        self.tol = checks.positive("tol", tol)
        self.max_iter = checks.integer("max_iter", max_iter)
        self.coupled = checks.boolean("coupled", coupled)

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Iterate until every image has converged; see `Solver.solve`."""
        residual, direction = rhs.clone(), rhs.clone()
        energy = self._inner(residual, residual)
        # An image that is not finite must not come out as the zeros the iteration starts from.
        x = torch.zeros_like(rhs).where(energy.isfinite(), torch.nan)
        threshold = self.tol**2 * energy
        for _ in range(self.max_iter):
            active = energy > threshold
            if not active.any():
                return x
            image = self.operator.normal_operator(direction) + lam * direction
            curvature = self._inner(direction, image)
            step = torch.where(active, energy / curvature.where(active, torch.ones_like(energy)), 0)
            x = x + step * direction
            residual = residual - step * image
            previous, energy = energy, torch.where(active, self._inner(residual, residual), energy)
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

    def _inner(self, x: Tensor, other: Tensor) -> Tensor:
        """Return the real part of each image's inner product, ``[batch, sample, 1, 1]``.

        Coupled, of all images at once, ``[1, 1, 1, 1]``.
        """
        products = torch.linalg.vecdot(x.flatten(-2), other.flatten(-2)).real[..., None, None]
        return products.sum((0, 1), keepdim=True) if self.coupled else products
