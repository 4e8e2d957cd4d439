"""Scans of heads: deterministic, noisy as asked, and no image's own forward model."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smuglib import data
from smuglib.data import anatomy, cache, head_anatomy, simulator, splits
from smuglib.data.coils import coil_maps
from smuglib.data.fields import pixel_grid
from smuglib.data.template import CENTER
from smuglib.operators import SenseOperator, ifft2c
from smuglib.random import generator
from tests.brains import SMALL, SPLITS, same
from tests.helpers import dft_matrix
from tests.scans import bits


def full_kspace(index=0, **settings):
    """All of k-space in the units it was simulated in, ``[coil, height, width]``."""
    scan = data.head("test", index, 1.0, **settings)
    return (scan.kspace * scan.scale)[0]


def test_the_same_arguments_give_the_same_bits():
    first = data.head("test", 1, **SMALL)
    torch.rand(3)
    data.head("train", 5, **SMALL)
    head_anatomy.draw_head.cache_clear()
    anatomy.subject.cache_clear()
    assert same(first, data.head("test", 1, **SMALL))


@pytest.mark.parametrize(
    "change",
    [
        {"index": 2},
        {"split": "train"},
        {"sampling_rate": 0.5},
        {"height": 65},
        {"width": 72},
        {"n_coils": 3},
        {"noise": 0.02},
        {"noisy_reference": False},
        {"center_fraction": 0.2},
        {"density": "equispaced"},
        {"seed": 1},
        {"mask_seed": 1},
    ],
)
def test_every_option_changes_the_scan(change):
    base = {"split": "test", "index": 1, **SMALL}
    assert not same(data.head(**base), data.head(**{**base, **change}))


def test_a_head_is_neither_read_for_a_brain_nor_the_other_way(tmp_path, monkeypatch):
    monkeypatch.setenv("SMUGLIB_CACHE", str(tmp_path))
    expected = bits(data.head("val", 1, **SMALL))
    brain, head = simulator.Protocol(noise=0.011), simulator.HeadProtocol()
    assert cache.key(brain, "val", 1) != cache.key(head, "val", 1)
    monkeypatch.setattr(cache, "simulate", lambda *_: pytest.fail("simulated"))
    assert bits(data.HeadDataset("val", 2, **SMALL)[1]) == expected


def test_heads_bend_within_their_splits_bands():
    y, x = pixel_grid(40, 34, *head_anatomy.FIELD_OF_VIEW)
    for split in SPLITS:
        for number in range(5):
            head = head_anatomy.draw_head(0, split, number)
            z = anatomy.template_points(head.brain, 90, y, x)[0]
            assert abs(z - 90).max() <= anatomy.MAX_THROUGH_PLANE
    heads = [head_anatomy.draw_head(0, split, 0) for split in SPLITS]
    folds = [head.fields["fold"].coefficients for head in heads]
    assert not any(np.array_equal(folds[0], other) for other in folds[1:])


def test_slices_of_a_subject_share_its_head():
    slices = [splits.locate("test", index) for index in (0, 20, 40)]
    assert len({place.subject for place in slices}) == 1
    maps = [data.head("test", index, **SMALL).maps for index in (0, 20, 1)]
    assert 0 < (maps[0] - maps[1]).norm() < 0.5 * (maps[0] - maps[2]).norm()
    other_seed = data.head("test", 0, seed=1, **SMALL).maps
    assert (maps[0] - maps[1]).norm() < 0.5 * (maps[0] - other_seed).norm()


@pytest.mark.parametrize(("height", "width"), [(48, 40), (49, 41)])
def test_kspace_is_the_low_part_of_a_head_twice_as_fine(height, width):
    place = splits.locate("test", 3)
    plane = place.plane + simulator.LIFT
    y, x = pixel_grid(2 * height, 2 * width, 240.0, 200.0)
    image = head_anatomy.image(head_anatomy.draw_head(0, "test", place.subject), plane, y, x)
    own = generator(0, "head", "test", place.subject, "coils")
    maps = coil_maps(3, plane - CENTER[0], y, x, own)
    rows, columns = (
        dft_matrix(2 * n)[n - n // 2 : n - n // 2 + n] for n in (height, width)
    )  # fmt: skip
    expected = rows @ (maps * image) @ columns.T / 2
    found = full_kspace(3, height=height, width=width, n_coils=3, noise=0.0).numpy()
    # Single precision.
    assert abs(found - expected).max() < 1e-6 * abs(expected).max()
    # Transforms of both sizes have their origin at the middle index: there a pixel has its centre.
    low = data.head("test", 3, height=height, width=width, n_coils=3).maps[0].numpy()
    origin = abs(low[:, height // 2, width // 2] - maps[:, height, width])
    edge = abs(low[:, -1, -1] - maps[:, height % 2 - 2, width % 2 - 2])
    assert max(origin.max(), edge.max()) < 1e-6


@pytest.mark.parametrize("size", [{"height": 128, "width": 128}, {"height": 97, "width": 80}])
def test_no_image_of_the_scan_s_own_grid_has_its_kspace(size):
    scan = data.head("val", 0, 1.0, noise=0.0, **size)
    operator = SenseOperator(scan.maps, torch.ones_like(scan.mask))
    residual = (operator.forward(scan.target) - scan.kspace).norm() / scan.kspace.norm()
    # What is left of it: the target is the least-squares fit, as `sum_c |S_c|^2 = 1`.
    assert 2e-3 < residual < 0.03
    energy = scan.maps.abs().square().sum(1)
    torch.testing.assert_close(energy, torch.ones_like(energy))
    brain = data.brain("val", 0, 1.0, noise=0.0, n_coils=2)
    gap = (brain.operator.forward(brain.target) - brain.kspace).norm() / brain.kspace.norm()
    assert gap < 1e-6


def test_noise_is_as_large_and_as_correlated_as_asked_for():
    size = {"height": 96, "width": 80, "n_coils": 4}
    factor = head_anatomy.draw_head(0, "test", 0).noise
    clean = full_kspace(0, noise=0.0, **size)
    noise = full_kspace(0, noise=0.02, **size) - clean
    parts = torch.view_as_real(noise).movedim(-1, 1).reshape(4, -1).double().numpy()
    # 15,360 draws a coil: a standard error of 0.6 % of the deviation, 0.008 of a correlation.
    np.testing.assert_allclose(parts.std(axis=1), 0.02 * factor, rtol=0.025)
    between = np.corrcoef(parts)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(between, 0.15, atol=0.035)
    real, imaginary = torch.view_as_real(noise).unbind(-1)
    assert abs(np.corrcoef(real.flatten(), imaginary.flatten())[0, 1]) < 0.02
    # Another slice of that head: the variances of independent draws add up.
    other = full_kspace(20, noise=0.02, **size) - full_kspace(20, noise=0.0, **size)
    expected = 0.02 * factor * 2**0.5
    assert torch.view_as_real(noise - other).std().item() == pytest.approx(expected, rel=0.015)
    # What an observer finds in the air of coil images, beyond the ringing of the head's edges.
    air = ifft2c(clean + noise)[:, :14, :14]
    assert torch.view_as_real(air).std().item() == pytest.approx(0.02 * factor, rel=0.1)


def test_noise_over_brain_spans_what_scanners_have():
    factors = [head_anatomy.draw_head(0, "train", number).noise for number in range(100)]
    assert 0.7 < min(factors) < 0.8 and 1.3 < max(factors) < 1.42
    assert np.median(factors) == pytest.approx(1, abs=0.07)


def test_the_reference_has_the_noise_or_has_it_not():
    noisy, clean = (data.head("val", 2, noisy_reference=kind, **SMALL) for kind in (True, False))
    assert torch.equal(noisy.kspace, clean.kspace) and noisy.scale == clean.scale
    full = data.head("val", 2, 1.0, **SMALL)
    combined = full.operator.adjoint(full.kspace) * full.scale
    torch.testing.assert_close(noisy.target * noisy.scale, combined)
    quiet = data.head("val", 2, 1.0, noise=0.0, **SMALL)
    torch.testing.assert_close(clean.target * clean.scale, quiet.target * quiet.scale)
    assert not torch.allclose(noisy.target, clean.target, atol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split must be one of"),
        ({"index": 4, "n_slices": 4}, "index must be < n_slices = 4, got 4"),
        ({"noise": -0.1}, "noise must be >= 0"),
        ({"noisy_reference": "yes"}, "noisy_reference must be"),
        ({"density": "poisson"}, "density must be one of"),
        ({"height": 31}, "height must be an integer >= 32"),
    ],
)
def test_impossible_arguments_are_refused_before_anything_is_computed(
    arguments, message, monkeypatch
):
    monkeypatch.setattr(head_anatomy, "draw_head", None)
    with pytest.raises((ValueError, TypeError), match=message):
        data.head(**arguments)


def test_dataset_equals_single_scans():
    heads = data.HeadDataset("test", 2, density="equispaced", **SMALL)
    assert len(heads) == 2 and isinstance(heads.protocol, simulator.HeadProtocol)
    assert same(heads[1], data.head("test", 1, density="equispaced", **SMALL))
    assert not same(heads[1], data.brain("test", 1, density="equispaced", **SMALL))
