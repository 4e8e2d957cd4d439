"""Conjugate gradients for ``(A^H A + λ I) x = r``: any mask."""

import warnings

import torch
from torch import Tensor

from smuglib import checks
from smuglib.operators.sense import SenseOperator


class ConvergenceWarning(UserWarning):
    """An iteration reached its cap before its tolerance."""


class CGSolver:
    """Conjugate gradients for any mask, each image on its own (Hestenes and Stiefel, 1952).

    Parameters
    ----------
    tol, max_iter
        Stop an image when its residual norm falls below ``tol`` times that of its right-hand side,
        or, with a `ConvergenceWarning`, after so many iterations.
    coupled
        Take inner products over all images at once, as the poster's published code does: an image's
        result depends on its batch.

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
        self.operator = checks.instance("A", A, SenseOperator)
        self.tol = checks.positive("tol", tol)
        self.max_iter = checks.integer("max_iter", max_iter)
        self.coupled = checks.boolean("coupled", coupled)

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Iterate until every image has converged; see `Solver.solve`."""
        axes = (0, 1, -2, -1) if self.coupled else (-2, -1)
        largest = torch.view_as_real(rhs.resolve_conj()).abs().amax(-1).amax(axes, keepdim=True)
        # By a power of two, which rounds nothing: squares of very large or small images would
        # leave the range of their dtype.
        exponent = torch.frexp(largest.masked_fill(~largest.isfinite(), 1.0)).exponent
        scale = torch.ldexp(torch.ones_like(largest), -exponent).to(largest.dtype)
        return self._iterate(rhs * scale, lam) / scale

    def _iterate(self, rhs: Tensor, lam: Tensor) -> Tensor:
        residual, direction = rhs.clone(), rhs.clone()
        energy = self._inner(residual, residual)
        # An image that is not finite must not come out as the zeros the iteration starts from.
        x = torch.zeros_like(rhs).masked_fill(~energy.isfinite(), torch.nan)
        threshold, tiny = self.tol**2 * energy, torch.finfo(energy.dtype).tiny
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
            ratio = torch.where(active, energy / previous.clamp_min(tiny), 0)
            direction = torch.where(active, residual + ratio * direction, direction)
        if (energy > threshold).any():
            reached = (energy / threshold.clamp_min(tiny)).max().sqrt()
            warnings.warn(
                f"conjugate gradients stopped at max_iter={self.max_iter} with a relative residual "
                f"of {self.tol * reached.item():.1e} (tol={self.tol:.1e})",
                ConvergenceWarning,
                stacklevel=3,
            )
        return x

    def _inner(self, x: Tensor, other: Tensor) -> Tensor:
        """Return real inner products, ``[batch, sample, 1, 1]``, or coupled ``[1, 1, 1, 1]``."""
        products = torch.linalg.vecdot(x.flatten(-2), other.flatten(-2)).real[..., None, None]
        return products.sum((0, 1), keepdim=True) if self.coupled else products
