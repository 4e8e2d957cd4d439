"""What lies around a brain: cerebrospinal fluid, skull, marrow, muscle, fat and skin.

Every layer follows the distance to the template's brain, its furrows closed: the skull does not
follow each gyrus, and the skin bridges the temples, which muscle fills.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from smuglib.data.fields import Array
from smuglib.data.template import CENTER, template

LAYERS = ("csf", "bone", "marrow", "bone", "muscle", "fat", "skin")

# Mean and spread of each layer's thickness, in millimetres.
THICKNESS = ((1.5, 0.7), (1.6, 0.4), (2.6, 1.0), (1.8, 0.5), (0.8, 0.6), (3.0, 1.2), (2.0, 0.4))

# Radii, in millimetres, of the balls that close the brain for the skull and for the skin.
CLOSINGS = (16.0, 48.0)

# Border and step of the grid of distances, in voxels of the template.
PAD, STEP = 54, 3


@lru_cache(maxsize=1)
def _distances() -> NDArray[np.float32]:
    """Distances in mm to the brain closed for skull and skin, and to the nearest pial surface.

    The first two are negative inside. The third is the depth below the skull or, where cortex
    lines the midline, below that.
    """
    brain, grey, white = np.pad(template(), ((0, 0), *3 * ((PAD, PAD),)))[:, ::STEP, ::STEP, ::STEP]
    signed = []
    # The skin goes straight down from the widest level: there is a face below the forehead.
    down = np.maximum.accumulate(brain[::-1])[::-1]
    for radius, filled in zip(CLOSINGS, (brain, down), strict=True):
        outside = STEP * distance_transform_edt(filled < 0.05)
        closed = STEP * distance_transform_edt(outside < radius) > radius
        signed.append(STEP * (distance_transform_edt(~closed) - distance_transform_edt(closed)))
    z, y, x = np.indices(brain.shape) * STEP - PAD
    cortical = (z > CENTER[0] + 22) | (abs(y - CENTER[1]) > 42)
    midline = (abs(x - CENTER[2]) < STEP) & cortical & (white < 0.3)
    depth = -STEP * distance_transform_edt((signed[0] < 0) & ~midline)
    return np.stack([gaussian_filter(v.astype(np.float32), 1.5) for v in (*signed, depth)])


def distances(points: Array) -> Array:
    """Interpolate the distances of skull, skin and pial surface at template points ``[3, ...]``."""
    places = (points + PAD) / STEP
    return np.stack([map_coordinates(v, places, order=1, mode="nearest") for v in _distances()])


def enclose(
    brain: Array, values: dict[str, float], skull: Array, skin: Array, thickness: Array, pixel: float
) -> tuple[Array, Array]:
    """Lay the layers around a brain's intensities; return the head's, and the share of fat.

    ``skull`` and ``skin`` are the two distances at the points, ``thickness`` that of the layers,
    ``[7, points]``; borders are ramps of one ``pixel``, all in millimetres.
    """
    head, fat, border = brain, np.zeros_like(brain), np.zeros_like(brain)
    for layer, name in enumerate(LAYERS):
        border = border + np.maximum(thickness[layer], 0.3)
        inside = LAYERS[layer + 1] if layer + 1 < len(LAYERS) else "air"
        step = np.clip(((skin if layer > 3 else skull) - border) / pixel + 0.5, 0, 1)
        head = head + (values[inside] - head) * step
        fat = fat + ((inside == "fat") - fat) * step
    return head, fat
