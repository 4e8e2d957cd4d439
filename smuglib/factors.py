"""Line-wise factors, computed once an operator and kept within a memory budget."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from smuglib.operators import SenseOperator
from smuglib.solvers import LinewiseSolver

MEMORY_BUDGET = 4 * 2**30
"""Bytes of factors that are kept in all, and that ``solver="auto"`` allows for one operator."""

# Ordered by use, the least recent first. A solver holds no reference to its operator, or neither
# would ever be freed.
_solvers: WeakKeyDictionary[SenseOperator, LinewiseSolver] = WeakKeyDictionary()


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

    Parameters
    ----------
    A
        Operator with a 1-D mask.

    Returns
    -------
    LinewiseSolver
        The same object while its factors are kept.
    """
    solver = _solvers.pop(A, None) or LinewiseSolver(A)
    _solvers[A] = solver
    excess = kept_bytes() - MEMORY_BUDGET
    for operator, old in list(_solvers.items()):
        if excess <= 0 or old is solver:
            break
        excess -= old.n_bytes
        del _solvers[operator]
    return solver


def kept_bytes() -> int:
    """Return the memory of all factors that are kept, in bytes."""
    return sum(solver.n_bytes for solver in _solvers.values())
