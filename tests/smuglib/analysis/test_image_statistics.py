"""Statistics of images whose spectrum, edges, phase and noise are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from smuglib import data
from smuglib.analysis.image_statistics import image_statistics, noise_level, spectral_shape
from smuglib.operators import ifft2c
from smuglib.random import complex_normal, generator

SIZE, PIXEL = 140, 1.64


def disc(radius):
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    return np.hypot(y, x) < radius


@pytest.mark.parametrize("exponent", [1.0, 2.5, 4.0])
def test_the_exponent_of_a_power_law(exponent):
    frequency = np.fft.fftshift(np.fft.fftfreq(SIZE, PIXEL))
    radius = torch.from_numpy(np.hypot(frequency[:, None], frequency))
    phases = torch.rand((SIZE, SIZE), generator=generator(0, "p"), dtype=torch.float64) * 6.28
    # Little is known of what few frequencies hold, and of a power law they hold nearly all.
    power = torch.where(radius > 0.025, radius**-exponent, 0)
    image = ifft2c(torch.polar(power.sqrt(), phases))
    # The real part of such an image has the same law; rings hold ten and more positions.
    found, fine = spectral_shape(image.real.numpy(), PIXEL)
    assert found == pytest.approx(exponent, abs=0.2)
    assert 0 < fine < 1
    expected = power[(radius > 0.15) & (radius < 0.3)].sum() / power.sum()
    assert fine == pytest.approx(expected.item(), rel=0.1)


def test_edges_energy_and_maximum_of_a_disc_in_a_ring():
    head, brain = disc(60), disc(40)
    image = np.where(brain, 1.0, np.where(head, 2.0, 0.0))
    image[70, 70] = 3.0
    found = image_statistics(torch.from_numpy(image), PIXEL, brain, head)
    assert found.maximum == 3
    energies = brain.sum() + 4 * (head & ~brain).sum() + 8
    assert found.outside_energy == pytest.approx(4 * (head & ~brain).sum() / energies)
    # Forward differences, by hand.
    steps = [np.diff(image, axis=axis, append=0)[head] for axis in (0, 1)]
    assert found.total_variation == pytest.approx(np.hypot(*steps).mean() / image[head].mean())
    assert math.isnan(found.phase_residual)
    doubled = image_statistics(torch.from_numpy(5 * image), PIXEL, brain, head)
    assert doubled == pytest.approx(found, nan_ok=True)


def test_a_smooth_phase_leaves_no_residual_and_a_rough_one_does():
    head = brain = disc(55)
    y = torch.arange(SIZE, dtype=torch.float64)[:, None] * PIXEL
    magnitude = torch.from_numpy(np.where(head, 1.0, 0.0))
    residuals = [
        image_statistics(torch.polar(magnitude, phase.expand(SIZE, SIZE)), PIXEL, brain, head)[-1]
        for phase in (0 * y, 0.3 * torch.sin(y * 2 * math.pi / 10))
    ]
    # Far from the border a Gaussian of 8 mm leaves a constant as it is; exp(-2 (pi 8 / 10)^2) of
    # a wave of 10 mm is nothing: its own standard deviation stays.
    assert residuals[0] < 1e-6
    assert residuals[1] == pytest.approx(0.3 / 2**0.5, rel=0.05)


def test_noise_is_that_of_the_air():
    head = disc(50)
    coils = torch.from_numpy(np.where(head, 100.0, 0.0)).expand(4, -1, -1).to(torch.complex64)
    noise = complex_normal(coils.shape, 0.3, generator(0, "noise"), coils)
    # 40,000 draws: the median is known to 0.4 %.
    assert noise_level(coils + noise, head) == pytest.approx(0.3, rel=0.02)


def test_phantoms_and_heads_are_told_apart():
    phantom = data.brain("test", 0, 1.0, n_coils=2).target[0]
    head = data.head("test", 0, 1.0, n_coils=2, height=146, width=122).target[0]
    region = (phantom.abs() > 0.1).numpy()
    smooth = image_statistics(phantom, 210 / 128, region, region)
    real = image_statistics(head, 240 / 146)
    assert smooth.exponent > 3.2 > 3 > real.exponent
    assert smooth.fine_energy < 0.004 < real.fine_energy
    assert smooth.phase_residual < 0.05 < 0.1 < real.phase_residual


def test_an_image_without_a_brain_is_refused():
    with pytest.raises(ValueError, match="image must show a brain"):
        image_statistics(torch.rand(40, 40), PIXEL, disc(0)[:40, :40], disc(0)[:40, :40])
