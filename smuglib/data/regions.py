"""Where the head is in a magnitude image, and where the brain in it is."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from smuglib.data.fields import Array

Region = NDArray[np.bool_]

# How far below the head's surface the skull may lie, in mm, and where it is guessed to be without
# any, as a share of the radius.
SKULL_DEPTH, GUESS = (4.5, 20.0), 0.85

# What is bright enough to be head, as a share of the 99th percentile of the image.
SHARE = 0.08

N_RAYS, RAY_STEP, LONGEST_RAY = 240, 0.25, 90.0


def head_region(magnitude: Array, share: float = SHARE) -> Region:
    """Find the head, ``[height, width]``: the largest bright region, closed and filled.

    Bright is more than ``share`` of the 99th percentile of the smoothed image. Lengths are in
    pixels, and meant for pixels of 1.5 to 2 mm.
    """
    smooth = ndimage.gaussian_filter(magnitude, 1.5)
    labels, n_regions = ndimage.label(smooth > share * np.percentile(smooth, 99))
    if not n_regions:
        return np.zeros(magnitude.shape, bool)
    largest = 1 + np.bincount(labels.ravel())[1:].argmax()
    closed = ndimage.binary_closing(labels == largest, iterations=3)
    filled: Region = ndimage.binary_fill_holes(closed)
    return filled


def brain_region(magnitude: Array, head: Region, pixel: float) -> Region:
    """Find the brain inside of a head, ``[height, width]``: what the skull encloses.

    The skull is the darkest point of a ray from the head's centre, 4.5 to 20 mm below its surface,
    smoothed over the rays. ``pixel`` is in mm.
    """
    center = ndimage.center_of_mass(head)
    angles = 2 * np.pi * np.arange(N_RAYS) / N_RAYS
    radii = np.arange(0, LONGEST_RAY, RAY_STEP)
    rays = [c + np.outer(f(angles), radii) for c, f in zip(center, (np.sin, np.cos), strict=True)]
    values = ndimage.map_coordinates(ndimage.gaussian_filter(magnitude, 0.7), rays, order=1)
    inside = ndimage.map_coordinates(head.astype(np.float64), rays, order=0) > 0.5
    surface = np.where(inside, radii, 0).max(1)
    depth = (surface[:, None] - radii) * pixel
    candidates = np.where((SKULL_DEPTH[0] < depth) & (depth < SKULL_DEPTH[1]), values, np.inf)
    found = np.isfinite(candidates).any(1)
    skull = np.where(found, radii[candidates.argmin(1)], GUESS * surface)
    skull = ndimage.gaussian_filter1d(ndimage.median_filter(skull, 25, mode="wrap"), 3, mode="wrap")
    y, x = (axis - c for axis, c in zip(np.indices(magnitude.shape), center, strict=True))
    limit = np.interp(np.arctan2(y, x), angles, skull, period=2 * np.pi)
    region: Region = (np.hypot(y, x) < limit - 0.5) & head
    return region
