"""Undersampling masks: exact rate, centre, seeds, nesting, densities, errors."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.random import generator
from smuglib.sampling import DENSITIES, cartesian_mask, sampling_rate
from tests.helpers import few_examples

rates = st.floats(0.1, 1.0)


def columns(mask):
    return set(mask.flatten().nonzero().flatten().tolist())


@few_examples
@given(width=st.integers(16, 200), rate=rates, density=st.sampled_from(DENSITIES))
def test_rate_is_exact_and_the_centre_is_full(width, rate, density):
    mask = cartesian_mask(width, rate, density=density, generator=generator(0))
    assert mask.shape == (1, 1, 1, width)
    assert mask.dtype == torch.bool
    assert int(mask.sum()) == round(rate * width)
    n_center = round(0.08 * width)
    first = width // 2 - n_center // 2
    assert mask[..., first : first + n_center].all()
    assert width // 2 in columns(mask) or n_center == 0
    assert sampling_rate(mask) == round(rate * width) / width


@few_examples
@given(low=rates, high=rates, seed=st.integers(0, 1000), density=st.sampled_from(DENSITIES))
def test_masks_of_one_seed_are_nested(low, high, seed, density):
    low, high = sorted((low, high))
    lower, higher = (
        cartesian_mask(96, r, density=density, generator=generator(seed)) for r in (low, high)
    )
    assert columns(lower) <= columns(higher)


def test_seeded():
    state = torch.get_rng_state()
    masks = [cartesian_mask(128, 0.25, generator=generator(seed)) for seed in (0, 0, 1)]
    assert torch.equal(masks[0], masks[1])
    assert not torch.equal(masks[0], masks[2])
    assert torch.equal(torch.get_rng_state(), state)


def test_full_rate_samples_everything():
    assert cartesian_mask(33, 1.0, generator=generator(0)).all()
    assert cartesian_mask(33, 1.0, 1.0, generator=generator(0)).all()


def test_densities_have_the_stated_chances():
    n, width = 2000, 16
    draws = generator(0)
    # One column drawn, no centre: its law is the density itself.
    for density in ("variable", "uniform"):
        counts = torch.zeros(width)
        for _ in range(n):
            counts += cartesian_mask(width, 1 / width, 0.0, density=density, generator=draws)[
                0, 0, 0
            ]
        distance = (torch.arange(width) - width // 2) / width
        weight = 1 / (1 + (8 * distance) ** 2) if density == "variable" else torch.ones(width)
        chance = weight / weight.sum()
        deviation = (n * chance * (1 - chance)).sqrt()
        assert ((counts - n * chance).abs() < 4.5 * deviation).all()


def fastmri_columns(width, acceleration, center_fraction, offset):
    """EquispacedMaskFractionFunc of fastMRI, written from its formula."""
    n_low = round(width * center_fraction)
    spacing = acceleration * (n_low - width) / (n_low * acceleration - width)
    kept = np.zeros(width, dtype=bool)
    kept[np.around(np.arange(offset, width - 1, spacing)).astype(int)] = True
    pad = (width - n_low + 1) // 2
    kept[pad : pad + n_low] = True
    return set(np.flatnonzero(kept).tolist()), round(spacing)


@pytest.mark.parametrize("width", [64, 128, 320])
@pytest.mark.parametrize("center_fraction", [0.0, 0.04, 0.08])
def test_equispaced_columns_are_those_of_fastmri(width, center_fraction):
    seen, n_offsets = set(), fastmri_columns(width, 4, center_fraction, 0)[1]
    for seed in range(40):
        mask = cartesian_mask(
            width, 0.25, center_fraction, density="equispaced", generator=generator(seed)
        )
        apart = [
            columns(mask) ^ fastmri_columns(width, 4, center_fraction, offset)[0]
            for offset in range(n_offsets)
        ]
        # fastMRI's own number of columns depends on the offset: two more or less than a quarter.
        assert min(map(len, apart)) <= 2
        seen.add(min(range(n_offsets), key=lambda offset: len(apart[offset])))
    assert seen == set(range(n_offsets))


@pytest.mark.parametrize("acceleration", [3, 4, 5, 6])
def test_equispaced_columns_are_as_many_and_as_even_as_fastmri_s(acceleration):
    for seed in range(20):
        mask = cartesian_mask(
            256, 1 / acceleration, 0.06, density="equispaced", generator=generator(seed)
        )
        counts = [len(fastmri_columns(256, acceleration, 0.06, o)[0]) for o in range(acceleration)]
        assert min(counts) - 1 <= len(columns(mask)) <= max(counts) + 1
        gaps = np.diff(sorted(columns(mask)))
        mean = gaps[gaps > 1].mean()
        # Every second column dropped, or one put into every second gap: twice the mean at most,
        # and a column more or less of rounding.
        assert gaps.max() <= 2 * mean + 1


BAD = {
    "width": ({"width": 0}, "width must be an integer >= 1"),
    "width type": ({"width": 64.0}, "width must be an integer"),
    "rate zero": ({"sampling_rate": 0}, r"sampling_rate must lie in \(0, 1\]"),
    "rate above one": ({"sampling_rate": 1.01}, "sampling_rate must lie in"),
    "rate nan": ({"sampling_rate": float("nan")}, "sampling_rate must be a finite"),
    "rate type": ({"sampling_rate": "0.25"}, "sampling_rate must be a finite"),
    "no column": (
        {"sampling_rate": 0.001, "center_fraction": 0.0},
        "samples no column of width 64",
    ),
    "centre": ({"center_fraction": -0.1}, r"center_fraction must lie in \[0, 1\]"),
    "centre above rate": ({"center_fraction": 0.5}, "asks for 32 ACS columns, .* allows 16 of 64"),
    "density": ({"density": "poisson"}, "density must be one of 'variable', 'uniform'"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_bad_input_is_refused(changes, message):
    arguments = {"width": 64, "sampling_rate": 0.25, "generator": generator(0)} | changes
    with pytest.raises(ValueError, match=message):
        cartesian_mask(**arguments)


def test_the_global_generator_is_not_used_in_silence():
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got NoneType"):
        cartesian_mask(64, 0.25, generator=None)


def test_scalars_of_numpy_and_torch_are_numbers():
    plain, same = (
        cartesian_mask(*numbers, generator=torch.Generator().manual_seed(0))
        for numbers in ((64, 0.25, 0.125), (np.int64(64), torch.tensor(0.25), np.float32(0.125)))
    )
    assert torch.equal(plain, same)
