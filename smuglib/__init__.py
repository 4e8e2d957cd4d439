"""smuglib: robust MRI reconstruction by smoothed unrolling (SMUG), reproducible end to end."""

from smuglib import attacks, data, metrics, sampling
from smuglib.consistency import DataConsistency
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.smoothing import Smoothing
from smuglib.weights import load

__all__ = [
    "DataConsistency",
    "SenseOperator",
    "Smoothing",
    "UnrolledNetwork",
    "attacks",
    "data",
    "load",
    "metrics",
    "sampling",
]
