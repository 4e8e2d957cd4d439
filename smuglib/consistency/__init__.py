"""Data consistency: ``x = (A^H A + λ I)^{-1} (z + λ d)``, by conjugate gradients or exactly."""

from smuglib.consistency.conjugate_gradients import CGSolver, ConvergenceWarning
from smuglib.consistency.linewise import LinewiseSolver
from smuglib.consistency.range_space import RangeSpace
from smuglib.consistency.step import DataConsistency, PrecisionWarning

__all__ = [
    "CGSolver",
    "ConvergenceWarning",
    "DataConsistency",
    "LinewiseSolver",
    "PrecisionWarning",
    "RangeSpace",
]
