r"""Data consistency: the exact solution of ``(A^H A + lambda I) x = z + lambda d``.

This is the poster's step (ii), ``argmin_x ||A x - y||^2 + lambda ||x - d||^2`` with ``z = A^H y``.
Every solver computes ``x = P r`` of ``r = z + lambda d`` with ``P = (A^H A + lambda I)^{-1}``, so
they share one derivative,

.. math:: \bar r = P \bar x, \qquad \bar\lambda = -\mathrm{Re}\langle P \bar x, x\rangle,

where the bar is the gradient of a real loss. The backward pass solves the same system with the
same solver and is itself differentiable.
"""

import warnings
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import torch
from torch import Tensor

from smuglib import checks
from smuglib.consistency import linewise
from smuglib.consistency.conjugate_gradients import CGSolver
from smuglib.consistency.linewise import Solver
from smuglib.operators.sense import SenseOperator

SolverName = Literal["auto", "linewise", "cg", "cg_coupled"]
SOLVERS: tuple[SolverName, ...] = get_args(SolverName)

ACCURACY = 1e-2
"""Relative error of a solution that goes without a warning."""


class PrecisionWarning(UserWarning):
    """A solution may be less accurate than `ACCURACY`."""


@runtime_checkable
class Step(Protocol):
    """What an unrolled loop needs of data consistency: wrap a step to change what it does."""

    operator: SenseOperator
    """The operator that measured the data."""
    lam: Tensor
    """Weight λ of the denoised image, a real scalar."""

    def apply(self, z: Tensor, d: Tensor) -> Tensor:
        """Return `DataConsistency.__call__` of images that are known to fit."""


class _Solve(torch.autograd.Function):
    """``x = P r`` with the derivative that stands at the head of this module."""

    @staticmethod
    def forward(rhs: Tensor, lam: Tensor, solver: Solver) -> Tensor:
        return solver.solve(rhs, lam)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # noqa: ANN401
        _, lam, ctx.solver = inputs
        ctx.save_for_backward(output, lam)
        ctx.save_for_forward(output, lam)

    @staticmethod
    def backward(ctx: Any, grad_x: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        x, lam = ctx.saved_tensors
        grad_rhs = _Solve.apply(grad_x, lam, ctx.solver)
        grad_lam = -(grad_rhs.conj() * x).real.sum() if ctx.needs_input_grad[1] else None
        return grad_rhs, grad_lam, None

    @staticmethod
    def jvp(ctx: Any, rhs: Tensor, lam: Tensor, _: None) -> Any:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        return _Solve.apply(rhs - lam * x, weight, ctx.solver)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *inputs: Any) -> tuple[Tensor, int]:  # noqa: ANN401
        columns = [
            [value] * info.batch_size if axis is None else value.unbind(axis)
            for value, axis in zip(inputs, in_dims, strict=True)
        ]
        return torch.stack([_Solve.apply(*row) for row in zip(*columns, strict=True)]), 0


class DataConsistency:
    """The poster's data-consistency step, :eq:`eq-dc` of the book, for many calls on one scan.

    Parameters
    ----------
    A
        SENSE operator, whose maps get no gradient.
    lam
        Weight λ > 0 of the denoised image: a float, or a real scalar tensor, which has a gradient.
    solver
        ``"linewise"`` (exact, 1-D masks), ``"cg"`` (any mask), ``"cg_coupled"`` (as the published
        code, see `CGSolver`), or ``"auto"``: line-wise where the mask is 1-D, its factors fit
        `linewise.MEMORY_BUDGET` and ``expected_solves``, if known, repay the factorization.
        ``solver`` and ``reason`` tell what was chosen and why.
    tol, max_iter
        Stopping rule of conjugate gradients.

    Examples
    --------
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> step = DataConsistency(A, lam=0.5)
    >>> d = torch.ones(1, 16, 16, dtype=torch.complex64)
    >>> x = step(A.normal(d), d)  # data and denoised image agree, and the step leaves them
    >>> step.solver, (x - d).abs().max().item() < 1e-5
    ('linewise', True)
    """

    def __init__(
        self,
        A: SenseOperator,
        lam: float | Tensor = 1.0,
        solver: SolverName = "auto",
        *,
        expected_solves: int | None = None,
        tol: float = 1e-6,
        max_iter: int = 200,
    ) -> None:
        checks.instance("A", A, SenseOperator)
        if A.maps.requires_grad:
            raise ValueError("A.maps requires a gradient, which data consistency does not return")
        checks.one_of("solver", solver, SOLVERS)
        tol, max_iter = checks.positive("tol", tol), checks.integer("max_iter", max_iter)
        expected_solves = checks.optional(checks.integer, "expected_solves", expected_solves)
        self.operator = A
        self.lam = _checked_lam(lam, A)
        self.solver, self.reason = _choose(A, solver, expected_solves)
        is_exact, coupled = self.solver == "linewise", self.solver == "cg_coupled"
        _warn_of_condition(A, self.lam.item(), 0.0 if is_exact else tol)
        self._solver: Solver = CGSolver(A, tol=tol, max_iter=max_iter, coupled=coupled)
        if is_exact:
            self._solver = linewise.linewise(A)

    def __call__(self, z: Tensor, d: Tensor) -> Tensor:
        """Solve ``(A^H A + lam I) x = z + lam d`` for ``z = A^H y`` and denoised images ``d``.

        They are complex, ``[batch, height, width]`` or ``[batch, sample, height, width]``. The
        result has a sample axis where one of them has.
        """
        for name, x in (("z", z), ("d", d)):
            self.operator.check_images(name, x, dtype=self.operator.maps.dtype)
        if z.ndim == d.ndim:
            checks.same_shape("d", d, "z", z)
        return self.apply(z, d)

    def apply(self, z: Tensor, d: Tensor) -> Tensor:
        """Solve for images that are known to fit: :eq:`eq-dc-operator` of the book."""
        if z.ndim != d.ndim:
            z, d = (z.unsqueeze(1), d) if z.ndim < d.ndim else (z, d.unsqueeze(1))
        return self._solved(z + self.lam * d)

    def solve(self, rhs: Tensor) -> Tensor:
        """Apply ``(A^H A + lam I)^{-1}`` to images, with or without an axis of samples."""
        self.operator.check_images("rhs", rhs, dtype=self.operator.maps.dtype)
        return self._solved(rhs)

    def _solved(self, rhs: Tensor) -> Tensor:
        samples = rhs.reshape(len(rhs), -1, *rhs.shape[-2:])
        return _Solve.apply(samples, self.lam, self._solver).reshape(rhs.shape)


class CutStep:
    """A step that passes no gradient to ``A^H y``, as the published code's."""

    def __init__(self, step: Step) -> None:
        self.operator, self.lam, self._step = step.operator, step.lam, step

    def apply(self, z: Tensor, d: Tensor) -> Tensor:
        """Solve for images that are known to fit."""
        return self._step.apply(z.detach(), d)


class MismatchedStep:
    """The step ``believed``, with the mask of a training, for data that ``operator`` measured.

    The poster's published code tests sampling rates so: a mask mismatch, not a change of rate.
    """

    def __init__(self, believed: Step, operator: SenseOperator) -> None:
        believed.operator.check_images("measured maps", operator.maps[:, 0])
        self.operator, self.lam, self.apply = operator, believed.lam, believed.apply


def _warn_of_condition(A: SenseOperator, lam: float, tol: float) -> None:
    """Warn where rounding, or the tolerance, may cost more than `ACCURACY` of the solution."""
    condition = 1 + A.norm_bound / lam
    error = condition * max(tol, torch.finfo(A.maps.dtype).eps)
    if error > max(ACCURACY, 10 * tol):  # a tolerance so large was chosen to be
        warnings.warn(
            f"lam={lam:g} gives A^H A + lam I a condition number of up to {condition:.1e}: in "
            f"{A.maps.dtype} the solution may be off by {min(error, 1):.1%}; use a larger lam, or "
            "complex128 maps and a small tol",
            PrecisionWarning,
            stacklevel=3,
        )


def _checked_lam(lam: float | Tensor, A: SenseOperator) -> Tensor:
    if isinstance(lam, Tensor) and (lam.ndim != 0 or lam.is_complex()):
        raise ValueError(f"lam must be a real scalar tensor, got {lam.dtype} {tuple(lam.shape)}")
    value = checks.positive("lam", lam)
    # On the CPU: solvers read its value at each call, and would have to wait for a GPU.
    made = torch.tensor(value, dtype=A.maps.real.dtype, device="cpu")
    return lam.cpu() if isinstance(lam, Tensor) else made


def _choose(
    A: SenseOperator, solver: SolverName, expected_solves: int | None
) -> tuple[SolverName, str]:
    """Choose a solver, with the reason. Break-even is 6 to 22 solves (see the benchmark)."""
    if solver != "auto":
        return solver, "asked for"
    if obstacle := linewise.obstacle(A):
        return "cg", obstacle
    if expected_solves is not None and expected_solves < 8:
        return "cg", f"{expected_solves} solves do not repay a factorization"
    return "linewise", "1-D Cartesian mask: exact, factored once"


def as_step(A: SenseOperator | Step, lam: float, solver: SolverName = "auto") -> Step:
    """Return the data-consistency step of an operator; a step as it is, with its own settings."""
    return A if isinstance(A, Step) else DataConsistency(A, lam, solver)


def operator_of(A: SenseOperator | Step) -> SenseOperator:
    """Return the operator that measured the data: ``A`` itself, or that of the step ``A``."""
    return A if isinstance(A, SenseOperator) else as_step(A, 1.0).operator
