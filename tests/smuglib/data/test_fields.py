"""Random fields have their standard deviation."""

from __future__ import annotations

import numpy as np
import pytest

from smuglib.data.fields import RandomField, pixel_grid
from smuglib.random import generator


def test_random_field_has_its_standard_deviation():
    y, x = pixel_grid(100, 100, 200.0, 200.0)
    values = RandomField.draw(8.0, 2.0, generator(0, "field")).plane(0.0, y, x)
    assert values.std() == pytest.approx(2.0, rel=0.15)
    assert np.abs(np.diff(values, axis=0)).max() < 3.0
