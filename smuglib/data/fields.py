"""Pixel grids in millimetres, and smooth random fields on them.

A field is a 3-D cubic B-spline of the whole subject: two of its slices see the same deformation,
bias and phase. On a plane of a regular grid it separates into one small matrix product an axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]

# The head's box around the centre of the field of view, (z, y, x): half lengths in millimetres,
# with room for every grid that `pixel_grid` makes of it.
HALF_BOX = (60.0, 120.0, 120.0)

# Mean over a period of the sum of squares of cubic B-splines: the variance left of unit ones.
SPLINE_VARIANCE = 151 / 315


@dataclass(frozen=True)
class RandomField:
    """A smooth Gaussian random field of zero mean over the head.

    ``coefficients`` are those of its B-splines, ``[z, y, x]``, and ``spacing`` is the distance of
    their knots in millimetres: the length over which the field varies.
    """

    coefficients: Array
    spacing: float

    @classmethod
    def draw(cls, spacing: float, std: float, generator: torch.Generator) -> RandomField:
        """Draw a field of standard deviation ``std`` at each point, knots ``spacing`` mm apart."""
        shape = [2 * _half_knots(half, spacing) + 1 for half in HALF_BOX]
        draws = torch.randn(shape, generator=generator, dtype=torch.float64, device="cpu").numpy()
        return cls(draws * std / SPLINE_VARIANCE**1.5, spacing)

    def plane(self, z: float, y: Array, x: Array) -> Array:
        """Evaluate the field on a grid, ``[rows, columns]``, in mm from the centre of the head."""
        weights_z, weights_y, weights_x = (
            _spline_weights(axis.tobytes(), self.spacing, n_knots)
            for axis, n_knots in zip((np.array([z]), y, x), self.coefficients.shape, strict=True)
        )
        return weights_y @ np.tensordot(weights_z[0], self.coefficients, axes=1) @ weights_x.T


def pixel_grid(height: int, width: int, length_mm: float, breadth_mm: float) -> tuple[Array, Array]:
    """Lay square pixels over an axial plane, anterior side up.

    The pixel is the smallest square one for which the field of view fits, ``length_mm`` front to
    back and ``breadth_mm`` left to right. Returned are y (falling, ``[height]``) and x (rising,
    ``[width]``) of the pixel centres in millimetres from the centre of the head.
    """
    pixel = max(length_mm / height, breadth_mm / width)
    rows, columns = np.arange(height, dtype=np.float64), np.arange(width, dtype=np.float64)
    return ((height - 1) / 2 - rows) * pixel, (columns - (width - 1) / 2) * pixel


def _half_knots(half_length: float, spacing: float) -> int:
    """Count the knots on one side of the centre: up to the box's edge, and two beyond."""
    return int(np.ceil(half_length / spacing)) + 2


# All fields of all slices lie on a few grids, and a plane's weights are one row.
@lru_cache(maxsize=256)
def _spline_weights(packed: bytes, spacing: float, n_knots: int) -> Array:
    """Weigh each knot at each position: cubic B-splines, ``[positions, knots]``, read-only.

    Positions beyond the outermost knots take the field's value at the edge.
    """
    positions = np.frombuffer(packed, dtype=np.float64)
    edge = n_knots // 2 - 2
    scaled = np.clip(positions / spacing, -edge, edge)
    distance = np.abs(scaled[:, None] - (np.arange(n_knots) - n_knots // 2))
    inner = 2 / 3 - distance**2 + distance**3 / 2
    weights = np.where(distance < 1, inner, np.clip(2 - distance, 0, None) ** 3 / 6)
    weights.flags.writeable = False
    return weights
