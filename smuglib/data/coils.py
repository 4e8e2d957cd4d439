"""Smooth receive-coil sensitivities of a head array."""

import numpy as np
import torch
from numpy.typing import NDArray

from smuglib.data.fields import Array

# The array's ring around the head and the reach of a loop, in millimetres.
RING_RADII = (135.0, 120.0)

LOOP_REACH = 70.0


def coil_maps(
    n_coils: int, z: float, y: Array, x: Array, rng: torch.Generator
) -> NDArray[np.complex128]:
    """Compute the sensitivities of loops on an elliptic ring around the head, ``[coil, y, x]``.

    A loop at distance ``d`` receives with ``(1 + (d / reach)^2)^(-3/2)``, the on-axis field of a
    current loop, and with a phase that is linear over the head. The maps are divided by their
    root sum of squares, so ``sum_c |S_c|^2 = 1`` everywhere in the field of view.

    The plane's height ``z``, rows ``y`` and columns ``x`` are in millimetres from the centre of the
    head; ``rng`` is the CPU generator of the loops' positions and phases: one state is one array.
    """
    draws = torch.rand(n_coils, 6, generator=rng, dtype=torch.float64, device="cpu").numpy() * 2 - 1
    jitter, height, reach, offset, slope_y, slope_x = draws.T[:, :, None, None]
    first = np.pi * jitter[:1]
    angle = first + 2 * np.pi / n_coils * (np.arange(n_coils)[:, None, None] + 0.2 * jitter)
    distance_y = y[:, None] - RING_RADII[0] * np.sin(angle)
    distance_x = x[None, :] - RING_RADII[1] * np.cos(angle)
    squared = distance_y**2 + distance_x**2 + (z - 25 * height) ** 2
    magnitude = (1 + squared / (LOOP_REACH * (1 + 0.15 * reach)) ** 2) ** -1.5
    phase = np.pi * offset + (slope_y * y[:, None] + slope_x * x[None, :]) / 80
    normalized = magnitude / np.sqrt((magnitude**2).sum(0))
    maps: NDArray[np.complex128] = normalized * np.exp(1j * phase)
    return maps
