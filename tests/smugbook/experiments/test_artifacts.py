"""Streaks, and fine structure kept and made up: cases whose answer is known."""

import pytest
import torch

from smugbook.experiments import artifacts
from smuglib import random
from smuglib.operators import fft2c, ifft2c


def noise(*path):
    like = torch.zeros(1, dtype=torch.complex64)
    return random.complex_normal((1, 64, 64), 1.0, random.generator(0, "looks", *path), like)


def test_streaks_tell_the_directions_apart():
    stripes = torch.ones(1, 64, 64, dtype=torch.complex64)
    stripes[..., ::2] = -1
    assert artifacts.streaks(stripes) == 1
    assert artifacts.streaks(stripes.mT) == 0
    assert artifacts.streaks(noise("a")) == pytest.approx(0.5, abs=0.02)
    assert artifacts.streaks(torch.zeros_like(stripes)) == 0.5


def test_detail_is_kept_lost_or_made_up():
    target = noise("target")
    kept, invented = artifacts.detail(target, target)
    assert (kept, invented) == (pytest.approx(1), pytest.approx(0, abs=1e-5))
    assert artifacts.detail(0.5 * target, target).kept == pytest.approx(0.5)
    spectrum = fft2c(target)
    spectrum[..., :16, :] = spectrum[..., -15:, :] = 0
    spectrum[..., :16] = spectrum[..., -15:] = 0
    assert artifacts.detail(ifft2c(spectrum), target).kept < 0.3
    kept, invented = artifacts.detail(target + noise("other"), target)
    assert kept == pytest.approx(1, abs=0.1)
    assert invented == pytest.approx(1, abs=0.1)


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="no fine structure"):
        artifacts.detail(noise("a"), torch.zeros(1, 64, 64, dtype=torch.complex64))
    with pytest.raises(ValueError, match="shape"):
        artifacts.detail(noise("a"), noise("a")[..., :32])
