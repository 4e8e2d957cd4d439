"""The ICBM152 brain template that every synthetic subject is a variation of.

It is the mean T1 brain of 152 people with its tissue probabilities, skull-stripped, at 1 mm,
shipped inside nilearn (Fonov et al., NeuroImage 54, 2011).
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smuglib.checks import require

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
