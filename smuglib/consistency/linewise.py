"""The exact solution of ``(A^H A + lambda I) x = r``, row by row, and the factors that are kept."""

from threading import RLock
from typing import Protocol
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from smuglib import checks
from smuglib.consistency.inverse import hermitian_inverse
from smuglib.operators.fourier import fftc, ifftc
from smuglib.operators.normal import ordinary_tensors
from smuglib.operators.sense import SenseOperator

CPU_CHUNK_BYTES, GPU_CHUNK_BYTES = 4 * 2**20, 256 * 2**20
"""Bytes of line matrices that are factored at once, to fit a processor's cache or fill a GPU."""


class Solver(Protocol):
    """Anything that applies ``(A^H A + lambda I)^{-1}`` to right-hand sides."""

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve for images ``[batch, sample, height, width]``; lam is a real scalar tensor, > 0."""


def line_matrices(A: SenseOperator) -> Tensor:
    """Return the blocks of ``A^H A`` for a 1-D Cartesian mask, one per image row.

    Each image row ``h`` is a system of its own, :eq:`eq-linewise` of the book: ``G_h[i, j] =
    T[i - j] sum_c conj(S_c[h, i]) S_c[h, j]`` with the circulant matrix ``T = F^H M F`` of the
    mask. All are ``[batch, height, width, width]``.
    """
    return _gram(A.maps.permute(0, 2, 3, 1), _circulant(A))


def _circulant(A: SenseOperator) -> Tensor:
    """Return ``T = F^H M F`` along the phase-encoding axis, ``[batch or 1, 1, width, width]``."""
    if not A.is_cartesian_1d:
        shape = tuple(A.mask.shape)
        raise ValueError(f"'linewise' needs a 1-D Cartesian mask, got {shape}; use solver='cg'")
    identity = torch.eye(A.maps.shape[-1], dtype=A.maps.dtype, device=A.maps.device)
    return ifftc(fftc(identity, -2) * A.mask[:, 0, 0, :, None], -2)[:, None]


def _gram(lines: Tensor, circulant: Tensor) -> Tensor:
    """Return ``G_h`` of some image rows of the maps, ``[batch, line, width, coil]``."""
    return (lines.conj() @ lines.mT).mul_(circulant)


class LinewiseSolver:
    """Exact solver for 1-D Cartesian masks: one small dense inverse per image row.

    That rows decouple shows :eq:`eq-linewise-proof` of the book. The inverses are computed once a
    lambda. The solver keeps the tensors of ``A``, not ``A``.

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
        checks.instance("A", A, SenseOperator)
        self._lines = A.maps.permute(0, 2, 3, 1)
        with ordinary_tensors():
            self._circulant = _circulant(A)
        self._bound = A.norm_bound
        self._inverse: tuple[float, Tensor] | None = None
        self._eigen: tuple[Tensor, Tensor] | None = None

    @property
    def n_bytes(self) -> int:
        """Memory of the factors computed so far."""
        return sum(x.nbytes for x in ((self._inverse or ())[1:] + (self._eigen or ())))

    def solve(self, rhs: Tensor, lam: Tensor) -> Tensor:
        """Solve by matrix products; see `Solver.solve`."""
        # Samples are rows: as they lie in memory, where columns would have to be copied.
        return (rhs.transpose(1, 2) @ self.inverse(lam.item()).mT).transpose(1, 2)

    def inverse(self, lam: float) -> Tensor:
        """Return ``(G_h + lam I)^{-1}`` of every row, Hermitian, computed anew for a new lam."""
        # Read once: another thread may ask for another lam in between.
        held = self._inverse
        if held is None or held[0] != lam:
            held = self._inverse = None
            with ordinary_tensors():
                held = self._inverse = lam, self._inverted(lam)
        return held[1]

    def _inverted(self, lam: float) -> Tensor:
        """Form and invert the matrices, so many at a time that they stay in the cache."""
        batch, height, width, _ = self._lines.shape
        inverse = self._lines.new_empty(batch, height, width, width)
        budget = GPU_CHUNK_BYTES if inverse.is_cuda else CPU_CHUNK_BYTES
        n_lines = max(1, budget // (batch * width**2 * inverse.element_size()))
        for top in range(0, height, n_lines):
            chunk = _gram(self._lines[:, top : top + n_lines], self._circulant)
            chunk.diagonal(dim1=-2, dim2=-1).add_(lam)
            try:
                inverse[:, top : top + n_lines] = hermitian_inverse(chunk, 1 + self._bound / lam)
            except torch.linalg.LinAlgError:  # type: ignore[attr-defined]
                raise ValueError(
                    f"lam={lam:g} is too small for {inverse.dtype}: A^H A + lam I is singular to "
                    "rounding; use a larger lam or complex128 maps"
                ) from None
        return inverse

    def eigen(self) -> tuple[Tensor, Tensor]:
        """Return eigenvalues ``[batch, height, width]`` and eigenvectors of every row."""
        if self._eigen is None:
            with ordinary_tensors():
                values, vectors = torch.linalg.eigh(_gram(self._lines, self._circulant))
                self._eigen = values.clamp_min(0), vectors
        return self._eigen


MEMORY_BUDGET = 4 * 2**30
"""Bytes of factors that are kept in all, and that ``solver="auto"`` allows for one operator."""

# Ordered by use, the least recent first. A solver holds no reference to its operator, or neither
# would ever be freed.
_solvers: WeakKeyDictionary[SenseOperator, LinewiseSolver] = WeakKeyDictionary()
_lock = RLock()


def obstacle(A: SenseOperator) -> str | None:
    """Return why an operator has no line-wise factors that could be kept; None if it has."""
    if not A.is_cartesian_1d:
        return "the mask is not 1-D Cartesian"
    batch, height, width = A.image_shape
    needed = batch * height * width**2 * A.maps.element_size()
    if needed > MEMORY_BUDGET:
        return f"line-wise factors need {needed / 2**30:.1f} GiB, more than the budget"
    return None


def linewise(A: SenseOperator) -> LinewiseSolver:
    """Return the line-wise solver of an operator.

    Its factors are kept while the operator lives, unless newer ones need the room: beyond
    `MEMORY_BUDGET` the least recently used are dropped, and computed again when next needed.
    """
    with _lock:
        solver = _solvers.pop(A, None) or LinewiseSolver(A)
        _solvers[A] = solver
        for older in list(_solvers)[:-1]:
            if kept_bytes() > MEMORY_BUDGET:
                del _solvers[older]
        return solver


def kept_bytes() -> int:
    """Return the memory of all factors that are kept, in bytes."""
    with _lock:
        return sum(solver.n_bytes for solver in list(_solvers.values()))
