"""The one list of linear maps: every operator and every solver joins it (STYLE, rule 6).

`tests/smuglib/operators/test_linear_maps.py` checks each entry for shape, linearity, adjointness,
its bound on the norm and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib.consistency import DataConsistency
from smuglib.models.baselines import gradient, gradient_adjoint
from smuglib.operators import SenseOperator, fft2c, fftc, ifft2c, ifftc
from tests.helpers import line_mask, plane_mask, sense


@dataclass(frozen=True)
class LinearMap:
    """A map, its adjoint, the shapes between which it acts, and a bound on its norm."""

    name: str
    forward: Callable[[Tensor], Tensor]
    adjoint: Callable[[Tensor], Tensor]
    domain: tuple[int, ...]
    codomain: tuple[int, ...]
    bound: float = 1.0


def _operator(name: str, A: SenseOperator, *samples: int) -> LinearMap:
    batch, height, width = A.image_shape
    images = (batch, *samples, height, width)
    kspace = (batch, *samples, A.n_coils, height, width)
    return LinearMap(f"sense-{name}", A.forward, A.adjoint, images, kspace)


def _normal(name: str, A: SenseOperator) -> LinearMap:
    return LinearMap(f"normal-{name}", A.normal, A.normal, A.image_shape, A.image_shape)


def _solver(name: str, dc: DataConsistency, *samples: int) -> LinearMap:
    batch, height, width = dc.operator.image_shape
    images = (batch, *samples, height, width)
    return LinearMap(f"solve-{name}", dc.solve, dc.solve, images, images, 1 / dc.lam.item())


LINE = sense(line_mask("011010"))
BATCH = sense(line_mask("01101", "10110"), batch=2, height=3)
SHARED = sense(line_mask("01101"), batch=2, height=3)
PLANE = sense(plane_mask(3, 4), height=3)
FULL = sense(line_mask("11111"))
LEARNED = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

LINEAR_MAPS = [
    LinearMap("fft2c", fft2c, ifft2c, (2, 5, 6), (2, 5, 6)),
    LinearMap("ifft2c", ifft2c, fft2c, (2, 5, 6), (2, 5, 6)),
    LinearMap("fftc", lambda x: fftc(x, -2), lambda y: ifftc(y, -2), (2, 5, 6), (2, 5, 6)),
    LinearMap("gradient", gradient, gradient_adjoint, (2, 5, 6), (2, 2, 5, 6), 8**0.5),
    LinearMap("gradient-line", gradient, gradient_adjoint, (1, 6), (2, 1, 6), 2.0),
    _operator("line", LINE),
    _operator("line-samples", LINE, 3),
    _operator("batch", BATCH),
    _operator("batch-samples", BATCH, 2),
    _operator("shared-mask", SHARED),
    _operator("plane", PLANE),
    _operator("full", FULL),
    _normal("batch", BATCH),
    _normal("plane", PLANE),
    _solver("linewise", DataConsistency(BATCH, 0.7, "linewise")),
    _solver("linewise-samples", DataConsistency(SHARED, 2.0, "linewise"), 3),
    _solver("linewise-learned-lam", DataConsistency(BATCH, LEARNED, "linewise")),
    _solver("cg-line", DataConsistency(BATCH, 0.7, "cg", tol=1e-12)),
    _solver("cg-plane", DataConsistency(PLANE, 0.7, "cg", tol=1e-12)),
    _solver("cg-samples", DataConsistency(PLANE, 2.0, "cg", tol=1e-12), 2),
]
