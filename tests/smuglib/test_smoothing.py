"""Settings of the expectation, and the noise it draws."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.random import generator
from smuglib.smoothing import PLACEMENTS, NoiseSource, Smoothing
from tests.helpers import draw, few_examples, noise_by_hand
from tests.strategies import dtypes, keys, rounding

X = draw(2, 3, 4)


def test_defaults_are_the_posters():
    posters = Smoothing("denoiser", sigma=0.01, n_samples=10)
    assert Smoothing() == posters
    assert not (posters.share_noise or posters.antithetic or posters.start_only)


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_only_none_draws_nothing(placement):
    assert Smoothing(placement).is_active == (placement != "none")


def test_noise_in_the_start_alone_goes_with_end_to_end():
    assert Smoothing("end_to_end", start_only=True).start_only


def test_settings_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Smoothing().sigma = 1.0


def test_perturb_adds_the_noise_of_the_generator_to_every_image():
    first, second = noise_by_hand(0, 0.3, (2, 5, 3, 4), (2, 5, 3, 4))
    source = NoiseSource(Smoothing(sigma=0.3, n_samples=5), generator(0))
    torch.testing.assert_close(source.perturb(X), X[:, None] + first)
    torch.testing.assert_close(source.perturb(X), X[:, None] + second)


def test_shared_noise_is_drawn_once():
    source = NoiseSource(Smoothing(sigma=0.3, n_samples=5, share_noise=True), generator(0))
    noise = source.perturb(X) - X[:, None]
    torch.testing.assert_close(source.perturb(2 * X) - 2 * X[:, None], noise)
    torch.testing.assert_close(noise, noise_by_hand(0, 0.3, (2, 5, 3, 4))[0])


def test_samples_and_images_get_their_own_noise():
    noise = NoiseSource(Smoothing(n_samples=3), generator(0)).perturb(torch.zeros_like(X))
    assert len(noise[..., 0, 0].real.unique()) == 6


@pytest.mark.parametrize("share_noise", [False, True])
def test_antithetic_samples_come_with_both_signs(share_noise):
    (drawn,) = noise_by_hand(0, 0.3, (2, 2, 3, 4))
    settings = Smoothing(sigma=0.3, n_samples=4, antithetic=True, share_noise=share_noise)
    noise = NoiseSource(settings, generator(0)).perturb(torch.zeros_like(X))
    torch.testing.assert_close(noise, torch.cat((drawn, -drawn), 1))


shapes = st.tuples(st.integers(1, 3), st.integers(1, 7), st.integers(1, 7))


@few_examples
@given(shape=shapes, dtype=dtypes, pairs=st.integers(1, 4), sigma=st.floats(0, 10), key=keys)
def test_the_mean_of_a_linear_map_over_antithetic_pairs_is_exact(shape, dtype, pairs, sigma, key):
    x, matrix = draw(*shape, key=key, dtype=dtype), draw(shape[-1], 5, key="map", dtype=dtype)
    settings = Smoothing(sigma=sigma, n_samples=2 * pairs, antithetic=True)
    perturbed = NoiseSource(settings, generator(key)).perturb(x)
    assert perturbed.shape == (shape[0], 2 * pairs, *shape[1:])
    assert perturbed.dtype == dtype
    error = (perturbed @ matrix).mean(1) - x @ matrix
    assert error.norm() <= rounding(dtype) * matrix.norm() * perturbed.norm()


@few_examples
@given(
    shape=shapes,
    dtype=dtypes,
    n_samples=st.integers(1, 5),
    share_noise=st.booleans(),
    antithetic=st.booleans(),
    key=keys,
)
def test_noise_is_the_seeds_and_not_the_images(
    shape, dtype, n_samples, share_noise, antithetic, key
):
    n_samples *= 1 + antithetic
    settings = Smoothing("step", 1.0, n_samples, share_noise=share_noise, antithetic=antithetic)
    zero, x = torch.zeros(shape, dtype=dtype), draw(*shape, key=key, dtype=dtype)
    sources = [NoiseSource(settings, generator(seed)) for seed in (key, key, key + 1)]
    first, second, other = ([source.perturb(zero) for _ in range(2)] for source in sources)
    assert all(torch.equal(*calls) for calls in zip(first, second, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(*first) == share_noise
    again = NoiseSource(settings, generator(key))
    for noise in first:
        assert torch.equal(again.perturb(x), x.unsqueeze(1) + noise)


def test_zero_sigma_is_no_noise():
    source = NoiseSource(Smoothing(sigma=0, n_samples=2), generator(0))
    assert torch.equal(source.perturb(X), torch.stack((X, X), 1))


@pytest.mark.parametrize("placement", PLACEMENTS[1:])
def test_a_generator_is_required(placement):
    with pytest.raises(ValueError, match=f"generator is required: .* '{placement}' draws noise"):
        NoiseSource(Smoothing(placement), None)


def test_without_smoothing_no_generator_is_needed():
    NoiseSource(Smoothing("none"), None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"placement": "smug"},
            "placement must be one of 'none', 'end_to_end', 'step', 'denoiser'",
        ),
        ({"placement": None}, "placement must be one of"),
        ({"sigma": -0.01}, "sigma must be >= 0, got -0.01"),
        ({"sigma": float("nan")}, "sigma must be a finite real number, got nan"),
        ({"sigma": float("inf")}, "sigma must be a finite real number, got inf"),
        ({"n_samples": 0}, "n_samples must be an integer >= 1, got 0"),
        ({"n_samples": 2.0}, "n_samples must be an integer >= 1, got 2.0"),
        ({"antithetic": 1}, "antithetic must be True or False, got 1"),
        ({"antithetic": True, "n_samples": 3}, "n_samples must be even .*, got 3"),
        ({"share_noise": "yes"}, "share_noise must be True or False, got 'yes'"),
        ({"start_only": 1}, "start_only must be True or False, got 1"),
        ({"start_only": True}, "start_only must go with placement 'end_to_end', got 'denoiser'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Smoothing(**settings)


def test_settings_may_be_scalars_of_numpy_and_torch():
    plain = Smoothing("denoiser", 0.5, 4, share_noise=True)
    given = Smoothing("denoiser", np.float32(0.5), torch.tensor(4), share_noise=np.bool_(True))
    assert given == plain
    assert repr(given) == repr(plain)
    with pytest.raises(ValueError, match="share_noise must be True or False, got 'false'"):
        Smoothing("denoiser", share_noise="false")
