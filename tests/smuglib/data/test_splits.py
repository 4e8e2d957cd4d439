"""Splits share neither planes nor subjects."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smuglib.data import anatomy, splits
from tests.brains import SPLITS


def planes(split: str, n: int = 300) -> set[int]:
    return {splits.locate(split, index).plane for index in range(n)}


def test_splits_share_neither_planes_nor_subjects():
    for first, second in (("train", "val"), ("train", "test"), ("val", "test")):
        gap = min(abs(a - b) for a in planes(first) for b in planes(second))
        # Linear interpolation reads one more voxel on either side of a displaced plane.
        assert gap > 2 * anatomy.MAX_THROUGH_PLANE
        reach = anatomy.MAX_THROUGH_PLANE
        touched = [
            {z for p in planes(s) for z in range(math.floor(p - reach), math.ceil(p + reach) + 1)}
            for s in (first, second)
        ]
        assert not touched[0] & touched[1]
        assert not np.allclose(
            anatomy.subject(0, first, 0).affine, anatomy.subject(0, second, 0).affine
        )


def test_sixty_test_slices_are_three_planes_of_each_of_twenty_subjects():
    found = [splits.locate("test", index) for index in range(60)]
    assert len(set(found)) == 60
    assert sorted(place.subject for place in found) == sorted(list(range(20)) * 3)
    assert len({place.subject for place in found[:20]}) == 20
    assert splits.locate("test", 60).subject == 20


@given(st.integers(0, 2000), st.sampled_from(SPLITS), st.integers(0, 3))
def test_a_slice_is_found_without_counting_the_others(index, split, seed):
    place = splits.locate(split, index, seed)
    assert place == splits.locate(split, index, seed)
    assert place.plane in planes(split)
