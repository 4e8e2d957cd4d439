"""The centred, orthonormal Fourier pair."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.operators import fft2c, fftc, ifft2c, ifftc
from tests.helpers import dft_matrix, draw, few_examples, relative_difference

sizes = st.integers(1, 12)


@few_examples
@given(height=sizes, width=sizes, batch=st.integers(1, 3))
def test_fft2c_is_the_dft_matrix_on_both_axes(height, width, batch):
    x = draw(batch, height, width)
    expected = torch.from_numpy(dft_matrix(height) @ x.numpy() @ dft_matrix(width).T)
    assert relative_difference(fft2c(x), expected) < 1e-13
    inverse = torch.from_numpy(dft_matrix(height).conj() @ x.numpy() @ dft_matrix(width).conj())
    assert relative_difference(ifft2c(x), inverse) < 1e-13


@few_examples
@given(height=sizes, width=sizes)
def test_pair_is_unitary(height, width):
    x = draw(2, height, width)
    assert relative_difference(ifft2c(fft2c(x)), x) < 1e-14
    assert relative_difference(fft2c(ifft2c(x)), x) < 1e-14
    assert fft2c(x).norm().item() == pytest.approx(x.norm().item(), rel=1e-14)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_one_axis_is_the_dft_matrix(axis):
    x = draw(3, 4, 5)
    matrix = dft_matrix(x.shape[axis])
    expected = np.moveaxis(np.tensordot(matrix, x.numpy(), (1, axis)), 0, axis)
    assert relative_difference(fftc(x, axis), torch.from_numpy(expected)) < 1e-14
    assert relative_difference(ifftc(fftc(x, axis), axis), x) < 1e-14


def test_two_axes_are_one_after_the_other():
    x = draw(2, 6, 7)
    assert relative_difference(fftc(fftc(x, -1), -2), fft2c(x)) < 1e-14


@pytest.mark.parametrize("shape", [(8, 8), (7, 10)])
def test_zero_frequency_is_at_the_centre(shape):
    kspace = fft2c(torch.ones(shape, dtype=torch.complex128))
    peak = kspace[shape[0] // 2, shape[1] // 2]
    assert peak.real.item() == pytest.approx((shape[0] * shape[1]) ** 0.5)
    assert kspace.abs().sum().item() == pytest.approx(peak.abs().item())


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_shape_and_dtype_stay(dtype):
    x = draw(2, 3, 4, 5, dtype=dtype)
    for transformed in (fft2c(x), ifft2c(x), fftc(x, 1), ifftc(x, 1)):
        assert transformed.shape == x.shape
        assert transformed.dtype == dtype


def test_an_axis_that_is_not_there_is_refused():
    for axis in (2, -3):
        for transform in (fftc, ifftc):
            with pytest.raises(
                ValueError, match=f"^axis must be one of the 2 axes of x, got {axis}"
            ):
                transform(draw(3, 4), axis)
    for transform, name in ((fft2c, "x"), (ifft2c, "kspace")):
        with pytest.raises(ValueError, match=f"^{name} must have 2 axes or more"):
            transform(draw(3))
        with pytest.raises(TypeError, match=f"^{name} must be complex"):
            transform(draw(3, 4).real)
    for transform in (fftc, ifftc):
        with pytest.raises(TypeError, match="^x must be complex"):
            transform(draw(3, 4).real, 0)
