"""What properties are checked over: operators of every shape, and the numbers that scale them."""

from __future__ import annotations

import torch
from hypothesis import strategies as st

from smuglib.operators import SenseOperator
from tests.helpers import draw, sense

dtypes = st.sampled_from([torch.complex64, torch.complex128])

keys = st.integers(0, 2**16)
"""Seeds of tensors; what is in them matters less than their shapes, and shrinks badly."""


def rounding(dtype: torch.dtype, factor: float = 100) -> float:
    """Relative error that rounding alone may cause."""
    return factor * torch.finfo(dtype).eps


@st.composite
def operators(
    choose, *, lines_only: bool = False, dtypes: st.SearchStrategy = dtypes
) -> SenseOperator:
    """Operators of one to three scans, from one pixel on: 1-D, 2-D, shared and own masks."""
    batch, n_coils = choose(st.integers(1, 3)), choose(st.integers(1, 4))
    height, width = choose(st.integers(1, 9)), choose(st.integers(1, 9))
    rows = 1 if lines_only or choose(st.booleans()) else height
    scans = batch if choose(st.booleans()) else 1
    key = choose(keys)
    # From a single sample to all of them.
    threshold = choose(st.sampled_from([-9.0, -1.0, 0.0, 1.0, 9.0]))
    values = draw(scans, 1, rows, width, key=f"mask {key}").real
    mask = (values > threshold) | (values == values.amax((1, 2, 3), keepdim=True))
    return sense(mask, batch=batch, n_coils=n_coils, height=height, key=key, dtype=choose(dtypes))


def images(A: SenseOperator, samples: int, key: object) -> torch.Tensor:
    """Images that fit an operator, with an axis of samples unless there are none."""
    batch, height, width = A.image_shape
    axis = (samples,) if samples else ()
    return draw(batch, *axis, height, width, key=str(key), dtype=A.maps.dtype)


def scan_of(A: SenseOperator, index: int) -> SenseOperator:
    """The operator of one scan of a batch."""
    own = slice(index, index + 1) if len(A.mask) > 1 else slice(None)
    return SenseOperator(A.maps[index : index + 1], A.mask[own])
