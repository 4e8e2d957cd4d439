"""Where the template shows tissue."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from smuglib.data.template import sees_tissue, template


@pytest.mark.parametrize("plane", [2, 44, 80, 123])
def test_no_tissue_lies_where_none_is_seen(plane):
    rng = np.random.default_rng(plane)
    y, x = rng.uniform(-5, 240, 20_000), rng.uniform(-5, 200, 20_000)
    z = plane + rng.uniform(-1.5, 1.5, 20_000)
    seen = sees_tissue(plane, 1.5, y, x)
    found = sum(map_coordinates(v, np.stack([z, y, x]), order=1) for v in template())
    assert (found[~seen] == 0).all()
    assert (found[seen] > 0).mean() > (0.8 if plane > 2 else 0)
