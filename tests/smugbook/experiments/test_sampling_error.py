"""The error of an average over noise samples: its law, its schemes, and its refusals."""

import math

import numpy as np
import pytest
import torch

from smugbook.experiments.sampling_error import sampling_errors
from smuglib.consistency import DataConsistency
from smuglib.models import UnrolledNetwork
from smuglib.smoothing import Smoothing
from tests.unrolled import A, Z, network

STEP = DataConsistency(A, 0.7)


class Half(torch.nn.Module):
    """Linear: noise leaves an odd error only."""

    def forward(self, x):
        return 0.5 * x


class Modulus(torch.nn.Module):
    """Even in each part of its input: noise of both signs does not cancel."""

    def forward(self, x):
        return torch.complex(x.real.abs(), x.imag.abs())


def errors(denoiser, counts=(1, 2, 8), *, n_steps=1, **options):
    smoothing = Smoothing("denoiser", sigma=0.2)
    net = UnrolledNetwork(denoiser, n_steps=n_steps, lam=0.7, smoothing=smoothing)
    return sampling_errors(net, Z, STEP, counts, n_reference=64, **options)


def test_independent_samples_of_a_linear_denoiser_err_as_the_square_root_of_their_number():
    found = errors(Half(), n_repeats=64)
    pixels = torch.eye(32, dtype=Z.dtype).reshape(32, 1, 4, 8).expand(-1, 2, -1, -1)
    response = torch.stack([STEP.solve(0.7 * 0.5 * pixel) for pixel in pixels])
    expected = 0.2 * response.abs().square().sum(0).mean().sqrt().item()
    for count in (1, 2, 8):
        # 64 repeats of 128 real numbers: the relative error of a root mean square is 1 in 128.
        assert found.independent[count] == pytest.approx(expected / math.sqrt(count), rel=0.05)


def test_antithetic_samples_of_a_linear_denoiser_are_exact():
    found = errors(Half(), n_steps=3)
    assert found.antithetic[2] < 1e-14 < found.independent[8]


def test_antithetic_samples_do_not_help_where_the_denoiser_is_even():
    found = sampling_errors(
        UnrolledNetwork(Modulus(), n_steps=1, lam=0.7, smoothing=Smoothing(sigma=0.2)),
        torch.zeros_like(Z), STEP, (2, 8), n_repeats=64, n_reference=2000,
    )  # fmt: skip
    assert found.antithetic[2] == pytest.approx(math.sqrt(2) * found.independent[2], rel=0.1)


def test_odd_counts_have_no_pairs():
    found = errors(Half(), (1, 2, 3))
    assert found.index.tolist() == [1, 2, 3]
    assert np.isnan(found.antithetic[[1, 3]]).all() and np.isfinite(found.antithetic[2])


def test_the_seed_decides():
    assert errors(Modulus()).equals(errors(Modulus()))
    assert not errors(Modulus()).equals(errors(Modulus(), seed=1))


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (network("none"), {}, "net must be smoothed"),
        (network("step"), {"counts": (0,)}, "counts must be an integer >= 1, got 0"),
        (network("step"), {"n_repeats": 0}, "n_repeats must be an integer >= 1, got 0"),
        (network("step"), {"n_reference": 3}, "n_samples must be even .*, got 3"),
        (network("step"), {"seed": -1}, "seed must be an integer >= 0, got -1"),
    ],
)
def test_bad_requests_are_refused(net, options, message):
    with pytest.raises(ValueError, match=message):
        sampling_errors(net, Z, STEP, **{"counts": (2,)} | options)
