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

import copy

import torch
from torch import Tensor

from smuglib import checks, factors
from smuglib.operators import SenseOperator
from smuglib.solvers import CGSolver, Solver

SOLVERS = ("auto", "linewise", "cg", "cg_coupled")


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
        ``"linewise"`` (exact, 1-D masks), ``"cg"`` (any mask), ``"cg_coupled"`` (as the published
        code: all images of a call share their steps, see `CGSolver`), or ``"auto"``: line-wise
        where the mask is 1-D, its factors fit `factors.MEMORY_BUDGET` and ``expected_solves``
        repays the factorization. ``solver`` and ``reason`` tell what was chosen and why.
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
            factors.linewise(A)
            if self.solver == "linewise"
            else CGSolver(A, tol=tol, max_iter=max_iter, coupled=self.solver == "cg_coupled")
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


def mismatched(step: DataConsistency, measured: SenseOperator) -> DataConsistency:
    """Return a step that solves with one mask for data measured with another.

    The poster's published code tests sampling rates so: ``A^H y`` has the new mask, data
    consistency keeps the mask of the training. It is a mask mismatch, not a change of rate.

    Parameters
    ----------
    step
        Data consistency with the mask that is believed.
    measured
        The operator that measured the data, of the same image size.

    Returns
    -------
    DataConsistency
        A step whose ``operator`` is ``measured``, and which solves with that of ``step``.
    """
    step.operator.check_images("measured maps", measured.maps[:, 0])
    mixed = copy.copy(step)
    mixed.operator = measured
    return mixed


def _checked_lam(lam: float | Tensor, A: SenseOperator) -> Tensor:
    if isinstance(lam, Tensor):
        if lam.ndim != 0 or lam.is_complex():
            raise ValueError(
                f"lam must be a real scalar tensor, got {lam.dtype} {tuple(lam.shape)}"
            )
        checks.positive("lam", lam.item())
        return lam
    value = checks.positive("lam", lam)
    # On the CPU: solvers read its value at each call, and would have to wait for a GPU.
    return torch.tensor(value, dtype=A.maps.real.dtype)


def _choose(A: SenseOperator, expected_solves: int | None) -> tuple[str, str]:
    """Choose a solver, with the reason. Break-even is 6 to 22 solves (see the benchmark)."""
    batch, height, width = A.image_shape
    needed = batch * height * width**2 * A.maps.element_size()
    if not A.is_cartesian_1d:
        return "cg", "the mask is not 1-D Cartesian"
    if needed > factors.MEMORY_BUDGET:
        return "cg", f"line-wise factors need {needed / 2**30:.1f} GiB, more than the budget"
    if expected_solves is not None and expected_solves < 8:
        return "cg", f"{expected_solves} solves do not repay a factorization"
    return "linewise", "1-D Cartesian mask: exact, factored once"


def cached(A: SenseOperator | DataConsistency, lam: float) -> DataConsistency:
    """Return the data-consistency step of an operator, whose factors are kept for the next call.

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
