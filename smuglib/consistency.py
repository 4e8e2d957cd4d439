r"""Data consistency: the exact solution of ``(A^H A + lambda I) x = z + lambda d``.

This is the poster's step (ii), ``argmin_x ||A x - y||^2 + lambda ||x - d||^2`` with
``z = A^H y``. Both solvers are one symmetric linear map applied to ``r = z + lambda d``, so they
share one derivative: with ``x = P r`` and ``P = (A^H A + lambda I)^{-1} = P^H``,

.. math:: \bar r = P \bar x, \qquad \bar\lambda = -\mathrm{Re}\langle P \bar x, x\rangle,

where the bar is the gradient of a real loss. Gradients of z, d and lambda through
``r = z + lambda d`` follow by the chain rule. The backward pass solves the same system with the
same solver and is itself differentiable.
"""

from __future__ import annotations

import warnings
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from smuglib import checks
from smuglib.fourier import fftc, ifftc
from smuglib.operators import SenseOperator

SOLVERS = ("auto", "linewise", "cg")
MEMORY_BUDGET = 4 * 2**30
"""Bytes of line-wise factors that ``solver="auto"`` allows for one operator."""


class ConvergenceWarning(UserWarning):
    """Conjugate gradients reached the iteration cap before the tolerance."""


class Solver(Protocol):
    """Anything that applies ``(A^H A + lambda I)^{-1}`` to right-hand sides."""

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve for every image of ``rhs``, ``[batch, sample, height, width]``."""


class _Solve(torch.autograd.Function):
    """``x = P r`` with the derivative that stands at the head of this module."""

    @staticmethod
    def forward(ctx, rhs, lam, solver):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        x = solver.solve(rhs, lam)
        ctx.solver = solver
        ctx.save_for_backward(x, lam)
        return x

    @staticmethod
    def backward(ctx, grad_x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN205
        x, lam = ctx.saved_tensors
        grad_rhs = _Solve.apply(grad_x, lam, ctx.solver)
        grad_lam = -(grad_rhs.conj() * x).real.sum() if ctx.needs_input_grad[1] else None
        return grad_rhs, grad_lam, None


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


class DataConsistency:
    """The poster's data-consistency step, ready for many calls on one scan.

    Parameters
    ----------
    A
        SENSE operator.
    lam
        Weight λ > 0 of the denoised image: a float, or a real scalar tensor whose gradient is
        wanted.
    solver
        ``"linewise"`` (exact, 1-D masks), ``"cg"`` (any mask), or ``"auto"``: line-wise where
        the mask is 1-D, its factors fit `MEMORY_BUDGET` and ``expected_solves`` repays the
        factorization. ``solver`` and ``reason`` tell what was chosen and why.
    expected_solves
        How many images will be solved for, >= 1, if known; used by ``"auto"`` only.
    tol, max_iter
        Stopping rule of conjugate gradients.

    Raises
    ------
    TypeError
        If ``A`` is not a `SenseOperator`.
    ValueError
        If λ, the tolerance, the cap or ``expected_solves`` is out of range, the solver unknown,
        ``"linewise"`` asked for a mask that is not 1-D, or the maps want a gradient: there is
        none for them.
    """

    def __init__(
        self,
        A: SenseOperator,
        lam: float | Tensor = 1.0,
        solver: str = "auto",
        *,
        expected_solves: int | None = None,
        tol: float = 1e-6,
        max_iter: int = 200,
    ) -> None:
        if not isinstance(A, SenseOperator):
            raise TypeError(f"A must be a SenseOperator, got {type(A).__name__}")
        if A.maps.requires_grad:
            raise ValueError("A.maps requires a gradient, which data consistency does not return")
        checks.one_of("solver", solver, SOLVERS)
        checks.positive("tol", tol)
        checks.integer("max_iter", max_iter)
        if expected_solves is not None:
            checks.integer("expected_solves", expected_solves)
        self.operator = A
        self.lam = _checked_lam(lam, A)
        self.solver, self.reason = (
            _choose(A, expected_solves) if solver == "auto" else (solver, "asked for")
        )
        self._solver: Solver = (
            _linewise(A) if self.solver == "linewise" else CGSolver(A, tol=tol, max_iter=max_iter)
        )

    def __call__(self, z: Tensor, d: Tensor) -> Tensor:
        """Solve ``(A^H A + lam I) x = z + lam d``.

        Parameters
        ----------
        z
            ``A^H y``, complex, ``[batch, height, width]`` or ``[batch, sample, height, width]``.
        d
            Denoised images, likewise. An axis of samples that only one of the two has is shared.

        Returns
        -------
        Tensor
            Images with a sample axis where ``z`` or ``d`` has one.

        Raises
        ------
        TypeError
            If the dtype of an input is not that of the maps.
        ValueError
            If a shape does not fit the operator, or if ``z`` and ``d`` differ in their number of
            noise samples.
        """
        self.check_images("z", z)
        self.check_images("d", d)
        if z.ndim == d.ndim:
            checks.same_shape("d", d, "z", z)
        if z.ndim != d.ndim:
            z, d = (z.unsqueeze(1), d) if z.ndim < d.ndim else (z, d.unsqueeze(1))
        return self.solve(z + self.lam * d)

    def solve(self, rhs: Tensor) -> Tensor:
        """Apply ``(A^H A + lam I)^{-1}``.

        Parameters
        ----------
        rhs
            Images, ``[batch, height, width]`` or ``[batch, sample, height, width]``.

        Returns
        -------
        Tensor
            Images of the same shape.

        Raises
        ------
        TypeError
            If the dtype of ``rhs`` is not that of the maps.
        ValueError
            If its shape does not fit the operator.
        """
        self.check_images("rhs", rhs)
        samples = rhs if rhs.ndim == 4 else rhs.unsqueeze(1)
        solution: Tensor = _Solve.apply(samples, self.lam, self._solver)
        return solution if rhs.ndim == 4 else solution.squeeze(1)

    def check_images(self, name: str, x: Tensor) -> None:
        """Refuse images that do not fit the operator in shape or dtype.

        Parameters
        ----------
        name
            What the caller calls the argument.
        x
            The images to check.

        Raises
        ------
        TypeError
            If the dtype of ``x`` is not that of the maps.
        ValueError
            If its shape does not fit the operator.
        """
        self.operator.check_images(name, x)
        if x.dtype != self.operator.maps.dtype:
            raise TypeError(
                f"{name} must have the dtype of the maps, {self.operator.maps.dtype}, got {x.dtype}"
            )


def _checked_lam(lam: float | Tensor, A: SenseOperator) -> Tensor:
    if isinstance(lam, Tensor):
        if lam.ndim != 0 or lam.is_complex():
            raise ValueError(
                f"lam must be a real scalar tensor, got {lam.dtype} {tuple(lam.shape)}"
            )
        checks.positive("lam", lam.item())
        return lam
    value = checks.positive("lam", lam)
    return torch.tensor(value, dtype=A.maps.real.dtype, device=A.maps.device)


def _choose(A: SenseOperator, expected_solves: int | None) -> tuple[str, str]:
    """Choose a solver, with the reason. Break-even is about 8 solves (see the benchmark)."""
    batch, height, width = A.image_shape
    needed = batch * height * width**2 * A.maps.element_size()
    if not A.is_cartesian_1d:
        return "cg", "the mask is not 1-D Cartesian"
    if needed > MEMORY_BUDGET:
        return "cg", f"line-wise factors need {needed / 2**30:.1f} GiB, more than the budget"
    if expected_solves is not None and expected_solves < 8:
        return "cg", f"{expected_solves} solves do not repay a factorization"
    return "linewise", "1-D Cartesian mask: exact, factored once"


_factors: WeakKeyDictionary[SenseOperator, LinewiseSolver] = WeakKeyDictionary()


def _linewise(A: SenseOperator) -> LinewiseSolver:
    """Return the line-wise solver of an operator: factored once, kept while the operator lives.

    The solver holds no reference to the operator, or neither would ever be freed.
    """
    if A not in _factors:
        _factors[A] = LinewiseSolver(A)
    return _factors[A]


def cached(A: SenseOperator | DataConsistency, lam: float) -> DataConsistency:
    """Return the data-consistency step of an operator, whose factors are kept while it lives.

    Parameters
    ----------
    A
        An operator, or a step, returned as it is.
    lam
        Weight λ > 0; ignored for a step, which has its own.

    Returns
    -------
    DataConsistency
        The step with ``solver="auto"``.

    Raises
    ------
    TypeError
        If ``A`` is neither.
    ValueError
        If λ is not positive.
    """
    return A if isinstance(A, DataConsistency) else DataConsistency(A, lam)
