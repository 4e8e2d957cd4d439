"""Deformations stay within their band."""

from __future__ import annotations

import numpy as np

from smuglib.data import anatomy
from smuglib.data.fields import pixel_grid


def test_deformations_stay_within_their_band():
    y, x = pixel_grid(40, 40, *anatomy.FIELD_OF_VIEW)
    for number in range(10):
        points = anatomy.template_points(anatomy.subject(0, "train", number), 80, y, x)
        assert np.abs(points[0] - 80).max() <= anatomy.MAX_THROUGH_PLANE
