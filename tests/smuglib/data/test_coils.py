"""Coil maps are smooth and distinct."""

from __future__ import annotations

import numpy as np

from smuglib.data import anatomy
from smuglib.data.coils import coil_maps
from smuglib.data.fields import pixel_grid
from smuglib.random import generator


def test_coil_maps_are_smooth_and_distinct():
    y, x = pixel_grid(64, 64, *anatomy.FIELD_OF_VIEW)
    maps = coil_maps(8, 0.0, y, x, generator(0, "coils"))
    assert np.abs(np.diff(maps, axis=1)).max() < 0.15
    correlation = np.abs(np.corrcoef(maps.reshape(8, -1)))
    assert (correlation - np.eye(8)).max() < 0.9
