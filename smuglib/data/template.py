"""The ICBM152 brain template that every synthetic subject is a variation of.

It is the mean T1 brain of 152 people with its tissue probabilities, skull-stripped, at 1 mm,
shipped inside nilearn (Fonov et al., NeuroImage 54, 2011).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from smuglib.checks import require
from smuglib.data.fields import Array

# The template's voxel (z, y, x) at the centre of the head.
CENTER = (78.0, 117.0, 98.0)


@lru_cache(maxsize=1)
def template() -> NDArray[np.float32]:
    """Return T1 intensity, grey and white matter in [0, 1], ``[3, z, y, x]`` in millimetres."""
    # Importing nilearn takes a second, which a process that only reads cached scans is spared.
    datasets = require("nilearn.datasets", extra="data", what="simulated brains")
    loaders = (
        datasets.load_mni152_template,
        datasets.load_mni152_gm_template,
        datasets.load_mni152_wm_template,
    )
    return np.stack([np.asarray(load(resolution=1).dataobj, np.float32).T for load in loaders])


def sees_tissue(plane: int, reach: float, y: Array, x: Array) -> NDArray[np.bool_]:
    """Tell where linear interpolation may find tissue; elsewhere it gives zeros.

    ``y`` and ``x`` are template coordinates of one shape, which is the mask's, and ``reach`` is the
    largest distance of a point from the plane, all in voxels.
    """
    cells = _tissue(plane, reach)
    row = np.clip(y, 0, cells.shape[0] - 1).astype(np.intp)
    column = np.clip(x, 0, cells.shape[1] - 1).astype(np.intp)
    return cells[row, column]


@lru_cache(maxsize=256)
def _tissue(plane: int, reach: float) -> NDArray[np.bool_]:
    """Mark the cells that hold tissue within reach of a plane, ``[y, x]``.

    A cell is the square between a voxel and the next one along each axis.
    """
    margin = int(np.ceil(reach))
    voxels = template()[:, max(plane - margin, 0) : plane + margin + 1].any(axis=(0, 1))
    cells: NDArray[np.bool_] = maximum_filter(voxels, size=2, origin=-1)
    return cells
