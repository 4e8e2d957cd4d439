"""Head and brain of made-up images whose regions are known."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from smuglib.data.regions import brain_region, head_region

SIZE, PIXEL = 140, 1.64


def layered(radius, center=(70, 66)):
    """Brain, a dark skull of 6 mm and a bright scalp of 5 mm around it; radii in mm."""
    y, x = np.indices((SIZE, SIZE))
    distance = np.hypot(y - center[0], (x - center[1]) * 1.2) * PIXEL
    image = np.where(distance < radius, 0.5, 0.02)
    return np.where((distance >= radius + 6) & (distance < radius + 11), 1.5, image), distance


def test_head_and_brain_of_layers_are_found():
    image, distance = layered(70)
    head = head_region(image)
    # The smoothed edge lies a pixel or two outside of the true one.
    assert head[distance < 81].all() and not head[distance > 81 + 4 * PIXEL].any()
    brain = brain_region(image, head, PIXEL)
    assert brain[distance < 66].all() and not brain[distance > 77].any()
    # Most of the skull is not brain: its darkest point is inside of it.
    assert brain[(distance > 73.5) & (distance < 76)].mean() < 0.5


def test_the_largest_bright_region_is_the_head_and_has_no_holes():
    image, distance = layered(50)
    image[5:15, 5:15] = 3.0
    head = head_region(image)
    assert not head[5:15, 5:15].any() and head[distance < 50].all()
    assert ndimage.label(head)[1] == 1 and (ndimage.binary_fill_holes(head) == head).all()
    assert not head_region(np.zeros((SIZE, SIZE))).any()


def test_scale_does_not_matter():
    image, _ = layered(60)
    head = head_region(image)
    assert (head_region(400 * image) == head).all()
    assert (brain_region(400 * image, head, PIXEL) == brain_region(image, head, PIXEL)).all()
