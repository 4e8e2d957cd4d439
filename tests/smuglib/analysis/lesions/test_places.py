"""Where lesions lie, and requests that are refused."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.analysis.lesions import Lesion, contrast_recovery, draw, false_contrast, plant
from smuglib.data import collate
from smuglib.random import generator
from tests.helpers import few_examples
from tests.lesions import SIZE, image, planted, scan


@few_examples
@given(seed=st.integers(0, 10**6), radius=st.floats(1, 3), tissue=st.floats(0.2, 0.6))
def test_lesions_lie_in_tissue_and_apart(seed, radius, tissue):
    target = image()
    lesions = draw(target, 2, radius=radius, contrast=0.2, tissue=tissue, generator=generator(seed))
    magnitude = target[0].abs()
    rows, columns = np.indices((SIZE, SIZE))
    for lesion in lesions:
        near = np.hypot(rows - lesion.row, columns - lesion.column) <= lesion.outer
        assert magnitude[torch.from_numpy(near)].min() >= tissue * magnitude.max()
        assert lesion.outer <= min(lesion.row, lesion.column, SIZE - 1 - lesion.row)
    for one, other in itertools.permutations(lesions, 2):
        overlap = one.annulus(SIZE, SIZE) & (other.profile(SIZE, SIZE) > 0)
        assert not overlap.any()


def test_every_place_is_drawn():
    """A ring of tissue that leaves few places: all of them come up, and nothing else."""
    target = torch.zeros(1, 20, 20, dtype=torch.complex64)
    target[:, 2:16, 3:16] = 1  # neighbourhoods of 13 x 13 pixels: rows 8 and 9, column 9
    draws = generator(0)
    found = {
        (lesion.row, lesion.column)
        for _ in range(30)
        for lesion in draw(target, 1, radius=2.0, contrast=0.2, edge=0.9, generator=draws)
    }
    assert found == {(8, 9), (9, 9)}


def test_draws_are_seeded_and_nested():
    options = {"radius": 1.0, "contrast": 0.2}
    three = draw(image(), 3, **options, generator=generator(4))
    assert draw(image(), 3, **options, generator=generator(4)) == three
    assert draw(image(), 2, **options, generator=generator(4)) == three[:2]
    assert draw(image(), 3, **options, generator=generator(5)) != three


def test_impossible_requests_are_refused():
    options = {"radius": 2.0, "contrast": 0.2, "generator": generator(0)}
    with pytest.raises(ValueError, match="radius 30 with edge 0.5 must fit an image of"):
        draw(image(), 1, **options | {"radius": 30.0})
    with pytest.raises(ValueError, match=r"room for \d+ lesions .*, not for n_lesions = 99"):
        draw(image(), 99, **options)
    with pytest.raises(ValueError, match="tissue must lie in"):
        draw(image(), 1, **options, tissue=0.0)
    with pytest.raises(ValueError, match="n_lesions must be an integer >= 1"):
        draw(image(), 0, **options)
    with pytest.raises(ValueError, match="batch of one"):
        draw(image().expand(2, -1, -1), 1, **options)
    with pytest.raises(TypeError, match="generator must be"):
        draw(image(), 1, **options | {"generator": None})
    with pytest.raises(ValueError, match="lesions must hold at least one"):
        plant(scan(), [])
    with pytest.raises(ValueError, match="lesions must lie in an image of 48 x 48"):
        plant(scan(), [Lesion(3, SIZE, 2.0, 0.2)])
    with pytest.raises(ValueError, match="batch of one"):
        plant(collate([scan(0), scan(1)]), [Lesion(3, 3, 2.0, 0.2)])
    pair = planted()
    with pytest.raises(ValueError, match="x must have the shape"):
        contrast_recovery(pair, pair.scan.target[:, 1:], pair.free.target)
    with pytest.raises(TypeError, match="free must be complex"):
        false_contrast(pair, pair.free.target.abs())
