"""The embedded data set: deterministic, split without overlap, consistent with the operator."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smuglib import data
from smuglib.data import anatomy, simulator, splits
from tests.brains import SMALL, SPLITS, TENSORS, same


def test_shapes_and_dtypes():
    scan = data.brain("val", 3, height=48, width=64, n_coils=5)
    assert scan.kspace.shape == scan.maps.shape == (1, 5, 48, 64)
    assert scan.mask.shape == (1, 1, 1, 64) and scan.mask.dtype == torch.bool
    assert scan.target.shape == (1, 48, 64)
    assert {t.dtype for t in (scan.kspace, scan.maps, scan.target)} == {torch.complex64}
    assert (scan.split, scan.slice_index, scan.subject) == (
        "val",
        3,
        splits.locate("val", 3).subject,
    )
    assert isinstance(scan.scale, float) and len(scan) == 1


def test_the_same_arguments_give_the_same_bits():
    first = data.brain("test", 1, **SMALL)
    torch.rand(3)  # The global generator plays no part.
    data.brain("train", 5, **SMALL)
    anatomy.subject.cache_clear()
    assert same(first, data.brain("test", 1, **SMALL))


@pytest.mark.parametrize(
    "change",
    [
        {"index": 2},
        {"split": "train"},
        {"sampling_rate": 0.5},
        {"height": 96},
        {"width": 72},
        {"n_coils": 3},
        {"noise": 0.05},
        {"center_fraction": 0.2},
        {"seed": 1},
        {"mask_seed": 1},
        {"density": "equispaced"},
    ],
)
def test_every_option_changes_the_scan(change):
    base = {"split": "test", "index": 1, **SMALL}
    assert not same(data.brain(**base), data.brain(**{**base, **change}))


def test_subject_and_noise_do_not_depend_on_the_sampling():
    low = data.brain("test", 0, 0.25, **SMALL)
    high = data.brain("test", 0, 0.5, **SMALL)
    assert torch.equal(low.maps, high.maps)
    torch.testing.assert_close(low.target * low.scale, high.target * high.scale)
    shared = low.mask.expand_as(low.kspace)
    assert high.mask.expand_as(shared)[shared].all()
    torch.testing.assert_close((low.kspace * low.scale)[shared], (high.kspace * high.scale)[shared])


@given(
    split=st.sampled_from(SPLITS),
    index=st.integers(0, 400),
    height=st.integers(32, 72),
    width=st.integers(32, 72),
    noise=st.floats(0, 0.05),
)
@settings(max_examples=15, deadline=None)
def test_scale_and_measurement_hold_for_any_scan(split, index, height, width, noise):
    scan = data.brain(split, index, height=height, width=width, n_coils=3, noise=noise)
    assert scan.operator.adjoint(scan.kspace).abs().max().item() == pytest.approx(1, abs=1e-5)
    assert (scan.target.abs().max() * scan.scale).item() == pytest.approx(1, abs=1e-5)
    energy = (scan.maps.abs() ** 2).sum(1)
    torch.testing.assert_close(energy, torch.ones_like(energy))
    residual = (scan.kspace - scan.operator.forward(scan.target)) * scan.scale
    sampled = scan.mask.expand_as(residual)
    assert (residual[~sampled] == 0).all()
    spread = torch.view_as_real(residual[sampled]).std().item()
    assert spread == pytest.approx(noise, rel=0.2, abs=1e-6)


def test_the_brain_fills_the_field_of_view():
    for index in range(6):
        scan = data.brain("train", index, **SMALL)
        occupied = scan.target[0].abs() > 0.1 * scan.target.abs().max()
        rows, columns = occupied.any(1).nonzero(), occupied.any(0).nonzero()
        assert 0.6 * 64 < rows.max() - rows.min() < 0.97 * 64
        assert 0 < columns.min() and columns.max() < 63
        assert 0.15 < occupied.float().mean() < 0.7


def test_zero_filled_error_is_that_of_a_fourfold_undersampled_brain():
    errors = []
    for index in range(4):
        scan = data.brain("test", index)
        wrong = scan.operator.adjoint(scan.kspace) - scan.target
        rms = (wrong.abs() ** 2).mean().sqrt()
        errors.append(20 * torch.log10(scan.target.abs().max() / rms).item())
    assert 22 < np.mean(errors) < 27


def test_subjects_differ():
    images = [data.brain("test", index, **SMALL).target[0].abs() for index in (0, 3, 6, 9)]
    assert len({splits.locate("test", index).subject for index in (0, 3, 6, 9)}) == 4
    for i, first in enumerate(images):
        for second in images[:i]:
            assert ((first - second).norm() / first.norm()).item() > 0.1


def test_slices_of_a_subject_share_its_coils_up_to_height():
    first, second = (
        data.brain("test", 0, **SMALL),
        data.brain("test", 20, **SMALL),
    )
    assert first.subject == second.subject and first.slice_index != second.slice_index
    other = data.brain("test", 1, **SMALL)
    near = (first.maps - second.maps).norm()
    assert 0 < near < 0.5 * (first.maps - other.maps).norm()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "dev"}, "split must be one of"),
        ({"split": None}, "split must be one of"),
        ({"index": -1}, "index must be an integer >= 0"),
        ({"index": 1.0}, "index must be an integer >= 0"),
        ({"index": 4, "n_slices": 4}, "index must be < n_slices = 4, got 4"),
        ({"n_slices": 0}, "n_slices must be an integer >= 1"),
        ({"sampling_rate": 0.0}, "sampling_rate must lie in"),
        ({"sampling_rate": 1.5}, "sampling_rate must lie in"),
        ({"sampling_rate": math.nan}, "sampling_rate must be a finite"),
        ({"sampling_rate": 0.05}, "center_fraction 0.08 asks for"),
        ({"center_fraction": -0.1}, "center_fraction must lie in"),
        ({"noise": math.nan}, "noise must be a finite real number, got nan"),
        ({"noise": -0.1}, "noise must be >= 0"),
        ({"height": 31}, "height must be an integer >= 32"),
        ({"width": 64.0}, "width must be an integer >= 32"),
        ({"n_coils": 0}, "n_coils must be an integer >= 1"),
        ({"seed": -1}, "seed must be an integer >= 0"),
        ({"mask_seed": "a"}, "mask_seed must be an integer >= 0"),
        ({"density": "poisson"}, "density must be one of 'variable', 'uniform', 'equispaced'"),
    ],
)
def test_impossible_arguments_are_refused_before_anything_is_computed(
    arguments, message, monkeypatch
):
    monkeypatch.setattr(anatomy, "subject", None)
    with pytest.raises(ValueError, match=message.replace("(", r"\(")):
        data.brain(**arguments)


def test_a_scan_without_settings_is_that_of_a_protocol_without():
    assert data.brain("test", 0).mask.equal(simulator.Protocol().mask())
    assert data.brain("test", 0).kspace.shape == (1, 8, 128, 128)
    with pytest.raises(TypeError, match="n_coil"):
        data.brain("test", 0, n_coil=4)


def test_dataset_equals_single_scans_whatever_its_length():
    short = data.BrainDataset("test", 2, **SMALL)
    long = data.BrainDataset("test", 5, cache_bytes=0, **SMALL)
    assert (len(short), len(long)) == (2, 5)
    assert [scan.slice_index for scan in short] == [0, 1]
    assert same(short[1], data.brain("test", 1, **SMALL)) and same(short[1], long[1])
    assert short[1] is short[1]
    assert long[1] is not long[1]


def test_dataset_refuses_what_it_does_not_know():
    with pytest.raises(TypeError, match="n_coil"):
        data.BrainDataset("test", 2, n_coil=4)
    with pytest.raises(ValueError, match="n_slices must be"):
        data.BrainDataset("test", 0)
    with pytest.raises(ValueError, match="split must be one of"):
        data.BrainDataset("dev", 2)
    with pytest.raises(ValueError, match="noise must be"):
        data.BrainDataset("test", 2, noise=math.inf)
    dataset = data.BrainDataset("test", 2, **SMALL)
    for index in (-1, 2):
        with pytest.raises(IndexError, match=r"index must lie in \[0, 2\)"):
            dataset[index]


def test_the_memory_of_a_dataset_is_bounded():
    one = sum(getattr(data.brain("test", 0, **SMALL), name).nbytes for name in TENSORS)
    dataset = data.BrainDataset("test", 3, cache_bytes=2 * one, **SMALL)
    first, second = dataset[0], dataset[1]
    assert dataset[0] is first
    dataset[2]
    assert dataset[0] is first
    assert dataset[1] is not second and same(dataset[1], second)


def test_nilearn_is_imported_for_a_simulation_alone():
    script = "import sys, smuglib.data; print('nilearn' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
