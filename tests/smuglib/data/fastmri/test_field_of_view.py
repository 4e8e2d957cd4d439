"""The crop of the field of view is exact, and finds the acquired columns."""

from __future__ import annotations

import pytest
import torch

from smuglib.data.fastmri.field_of_view import acquired_band, crop_field_of_view, is_band
from smuglib.operators import fftc
from smuglib.random import complex_normal, generator

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


@pytest.mark.parametrize(("n", "size"), [(12, 8), (12, 7), (13, 8), (13, 7), (12, 12)])
@pytest.mark.parametrize("axis", [-2, -1])
def test_crop_is_the_kspace_of_the_cropped_image(n, size, axis):
    shape = (1, 2, n, 5) if axis == -2 else (1, 2, 5, n)
    like = torch.zeros(1, dtype=torch.complex128)
    image = complex_normal(shape, 1.0, generator(n, "image"), like)
    cropped = image.narrow(axis, n // 2 - size // 2, size)
    torch.testing.assert_close(
        crop_field_of_view(fftc(image, axis), size, axis), fftc(cropped, axis)
    )


def test_crop_keeps_white_noise_white():
    identity = torch.eye(12, dtype=torch.complex128)
    rows = crop_field_of_view(identity, 7, -1)
    torch.testing.assert_close(rows.mH @ rows, torch.eye(7, dtype=torch.complex128))


def test_acquired_band_keeps_all_columns_of_a_complete_scan():
    for n, width in [(60, 48), (61, 48), (372, 320), (368, 320)]:
        columns = torch.ones(n, dtype=torch.bool)
        # An odd number of columns does not reach the lowest frequency of an even one.
        assert acquired_band(columns, width).sum() >= width - 1
        assert acquired_band(columns, n).all()
    assert is_band(torch.tensor([False, True, True, False]))
    assert not is_band(torch.tensor([True, False, True]))
