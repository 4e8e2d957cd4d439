"""PSNR, SSIM and NMSE against closed forms and against scikit-image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from smuglib import metrics
from smuglib.random import complex_normal, generator
from tests.helpers import draw, few_examples
from tests.strategies import keys

METRICS = [metrics.psnr, metrics.ssim, metrics.nmse, metrics.ssim_published]


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """Smooth targets of different brightness and noisy reconstructions, ``[3, 40, 36]``."""
    like = torch.zeros(1, dtype=torch.complex64)
    rows, columns = torch.linspace(0, 3, 40), torch.linspace(0, 5, 36)
    image = torch.sin(rows)[:, None] * torch.cos(columns) + 0.3j * rows[:, None] * columns
    target = torch.stack([image, 0.4 * image.conj(), 1.7 * image]).resolve_conj()
    noise = complex_normal(target.shape, 0.05, generator(0, "noise"), like)
    return target + noise, target


def test_psnr_known_answer():
    target = torch.zeros(2, 12, 12, dtype=torch.complex64)
    target[:, 3, 4] = torch.tensor([2.0, 1j])
    x = target + (0.03 + 0.04j)
    expected = [10 * np.log10(4 / 0.05**2), 10 * np.log10(1 / 0.05**2)]
    np.testing.assert_allclose(metrics.psnr(x, target), expected, rtol=1e-6)


def test_nmse_known_answer():
    target = torch.full((1, 12, 12), 3.0 + 4.0j)
    np.testing.assert_allclose(metrics.nmse(1.1 * target, target), [0.01], rtol=1e-5)


def test_identical_images():
    target = torch.randn(2, 12, 12, dtype=torch.complex64, generator=generator(1))
    assert metrics.psnr(target, target).isinf().all()
    assert (metrics.nmse(target, target) == 0).all()
    torch.testing.assert_close(metrics.ssim(target, target), torch.ones(2).double())
    torch.testing.assert_close(metrics.ssim_published(target, target), torch.ones(2).double())


def test_psnr_agrees_with_scikit_image(pair):
    x, target = (image.numpy() for image in pair)
    for index, value in enumerate(metrics.psnr(*pair)):
        parts = [np.stack([image[index].real, image[index].imag]) for image in (target, x)]
        # scikit-image averages over both channels; a complex pixel holds the two of them.
        reference = peak_signal_noise_ratio(*parts, data_range=np.abs(target[index]).max())
        assert value == pytest.approx(reference - 10 * np.log10(2), abs=1e-4)


def test_ssim_agrees_with_scikit_image(pair):
    x, target = (image.abs().double().numpy() for image in pair)
    for index, value in enumerate(metrics.ssim(*pair)):
        reference = structural_similarity(
            target[index],
            x[index],
            data_range=target[index].max(),
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert value == pytest.approx(reference, abs=1e-6)


def test_published_ssim_agrees_with_scikit_image_over_channels(pair):
    x, target = pair
    for index, value in enumerate(metrics.ssim_published(x, target)):
        reference = structural_similarity(
            torch.view_as_real(target[index]).double().numpy(),
            torch.view_as_real(x[index]).double().numpy(),
            data_range=2,
            channel_axis=-1,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert value == pytest.approx(reference, abs=1e-6)


def test_published_psnr_is_the_channel_formula(pair):
    x, target = pair
    error = torch.view_as_real(x - target).double().square().mean((1, 2, 3)) * 2
    reference = 10 * torch.log10(target.abs().double().amax((1, 2)) ** 2 / error)
    torch.testing.assert_close(metrics.psnr(x, target), reference)


@pytest.mark.parametrize("metric", METRICS)
def test_one_value_a_sample_alone_or_in_a_batch(metric, pair):
    x, target = pair
    together = metric(x, target)
    alone = torch.cat([metric(x[i : i + 1], target[i : i + 1]) for i in range(3)])
    assert together.shape == (3,)
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=0)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("x", "target", "error", "message"),
    [
        (torch.zeros(1, 16, 16), None, TypeError, "x must be complex"),
        (None, torch.zeros(1, 16, 16), TypeError, "target must be complex"),
        (torch.zeros(2, 16, 16, dtype=torch.complex64), None, ValueError, "x must have the shape"),
        (None, torch.zeros(1, 16, 16, dtype=torch.complex64), ValueError, "zero everywhere"),
        (
            None,
            torch.full((1, 16, 16), torch.nan) + 0j,
            ValueError,
            "target must be finite, got .*NaN",
        ),
    ],
)
def test_bad_input(metric, x, target, error, message):
    good = torch.ones(1, 16, 16, dtype=torch.complex64)
    with pytest.raises(error, match=message):
        metric(good if x is None else x, good if target is None else target)


def test_ssim_refuses_images_smaller_than_its_window():
    small = torch.ones(1, 10, 16, dtype=torch.complex64)
    with pytest.raises(ValueError, match="at least 11 pixels"):
        metrics.ssim(small, small)


@st.composite
def pairs(choose):
    """A target and a reconstruction of any size, close to it or far away."""
    shape = choose(st.integers(1, 3)), choose(st.integers(11, 17)), choose(st.integers(11, 17))
    key, noise = choose(keys), 10.0 ** choose(st.integers(-4, 2))
    target = draw(*shape, key=key)
    return target + noise * draw(*shape, key=f"noise {key}"), target


@few_examples
@given(pair=pairs(), decade=st.floats(-6, 6), angle=st.floats(-4, 4))
def test_quality_has_neither_unit_nor_phase(pair, decade, angle):
    factor = 10.0**decade * np.exp(1j * angle)
    x, target = (factor * image for image in pair)
    for metric in (metrics.psnr, metrics.nmse, metrics.ssim):
        torch.testing.assert_close(metric(x, target), metric(*pair), rtol=1e-9, atol=1e-9)


@few_examples
@given(pair=pairs())
def test_psnr_and_nmse_are_one_error_in_two_units(pair):
    x, target = pair
    peak = target.abs().amax((1, 2)).square()
    energy = target.abs().square().mean((1, 2))
    expected = 10 * torch.log10(peak / (metrics.nmse(x, target) * energy))
    torch.testing.assert_close(metrics.psnr(x, target), expected, rtol=1e-12, atol=1e-12)


@few_examples
@given(pair=pairs())
def test_ssim_is_at_most_one_and_symmetric_for_one_data_range(pair):
    peaks = [image.abs().amax((1, 2), keepdim=True) for image in pair]
    x, target = (image / peak for image, peak in zip(pair, peaks, strict=True))
    for metric in (metrics.ssim, metrics.ssim_published):
        value = metric(x, target)
        assert (value.abs() <= 1 + 1e-12).all()
        torch.testing.assert_close(metric(target, x), value, rtol=1e-12, atol=1e-12)
