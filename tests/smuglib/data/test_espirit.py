"""Maps against known ones, from the sampled centre alone."""

from __future__ import annotations

import os

import numpy as np
import pytest
import torch

from smuglib import data
from smuglib.consistency import DataConsistency
from smuglib.data.espirit import Espirit, centre_square
from smuglib.data.fastmri.acquisition import load_slice
from smuglib.operators import SenseOperator
from tests.damage import damaged
from tests.fastmri_files import SMALL, UNIT, relative, scanned, truth, write

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


def test_maps_are_normalized_on_a_support_that_holds_the_object(scan):
    energy = scan.maps.abs().square().sum(1)
    support = energy > 0
    torch.testing.assert_close(energy[support], torch.ones_like(energy[support]))
    _, image = truth()
    outside = image.where(~support, 0)
    assert (outside.norm() / image.norm()).item() < 0.02


@pytest.mark.parametrize("noise", [0.0, 0.002])
def test_maps_target_and_normal_operator_agree_with_the_known_ones(tmp_path, noise):
    """Maps are known up to a common phase.

    Calibration from 16 x 16 samples turns the maps of the worst pixel by less than 5 % (their
    correlation with the truth is 1 - 0.05^2 / 2 there) and of most pixels by far less: 1 % in the
    norm. The target feels that to second order, and the normal operator mostly so.
    """
    path = write(tmp_path / "volume.h5", scanned(0, noise=noise))
    scan = load_slice(path, 0, **SMALL)
    maps, image = truth()
    support = (scan.maps.abs().sum(1) > 0) & (image.abs() > 0.1 * image.abs().max())
    agreement = (maps.conj() * scan.maps).sum(1)
    phase = agreement.sgn()
    assert agreement[support].abs().min() > 1 - 0.05**2 / 2
    assert relative((scan.maps * phase.conj())[:, :, support[0]], maps[:, :, support[0]]) < 0.01

    expected = image * phase.conj()
    noise_floor = 2**0.5 * noise * UNIT * image.numel() ** 0.5 / image.norm().item()
    assert relative((scan.target * scan.scale)[support], expected[support]) < 0.001 + noise_floor

    normal = SenseOperator(maps, scan.mask).normal(image) * phase.conj()
    assert relative(scan.operator.normal(expected)[support], normal[support]) < 0.002


def test_maps_use_the_sampled_centre_only(path, scan, tmp_path):
    kspace = torch.cat([scanned(0), scanned(1)])
    # The columns beyond the mask of the measured grid change, those within stay.
    kept = load_slice(path, 0, **{**SMALL, "width": None})
    altered = kspace + ~kept.mask * kspace.abs().max()
    other = load_slice(write(tmp_path / "x.h5", altered), 0, **{**SMALL, "width": None})
    assert torch.equal(other.maps, kept.maps)
    assert other.scale == kept.scale
    assert not torch.equal(other.target, kept.target)


def test_a_silent_first_coil_is_no_obstacle(tmp_path):
    kspace = scanned(0)
    kspace[:, 0] = 0
    scan = load_slice(write(tmp_path / "silent.h5", kspace), 0, **SMALL)
    assert scan.maps.isfinite().all()
    assert scan.maps[:, 0].abs().max() < 1e-3


@pytest.mark.parametrize(
    "change",
    [{"calibration_width": 12}, {"kernel_width": 4}, {"threshold": 0.2}, {"crop": 0.0}],
)
def test_every_option_of_espirit_changes_the_maps(scan, change):
    assert not torch.equal(Espirit(**change).estimate(scan.kspace), scan.maps)


def test_kept_maps_are_read_and_belong_to_their_data_and_settings(scan, tmp_path, monkeypatch):
    first = Espirit().estimate(scan.kspace, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Espirit, "_computed", None)
        assert torch.equal(Espirit().estimate(scan.kspace, tmp_path), first)
    assert torch.equal(
        Espirit(crop=0.9).estimate(scan.kspace), Espirit(crop=0.9).estimate(scan.kspace, tmp_path)
    )
    assert len(list(tmp_path.iterdir())) == 2


def test_damaged_maps_are_computed_again(scan, tmp_path, monkeypatch):
    first = Espirit().estimate(scan.kspace, tmp_path)
    (kept,) = tmp_path.glob("*.safetensors")
    whole = kept.read_bytes()
    monkeypatch.setattr(Espirit, "_computed", lambda self, kspace, calibration: first)
    for content in damaged(whole, n_changes=200):
        kept.write_bytes(content)
        with pytest.warns(UserWarning, match=f"{kept} is damaged: it is computed again"):
            assert torch.equal(Espirit().estimate(scan.kspace, tmp_path), first)
        assert kept.read_bytes() == whole


def test_espirit_refuses_what_cannot_work(scan, path):
    with pytest.raises(
        ValueError, match=r"centre of kspace is 4 samples wide.*needs at least 10.*center_f"
    ):
        load_slice(path, 0, **{**SMALL, "sampling_rate": 0.25, "center_fraction": 0.08})
    with pytest.raises(ValueError, match="no pixel above crop"):
        Espirit(crop=1.0, threshold=0.9, kernel_width=2).estimate(scan.kspace)
    with pytest.raises(ValueError, match="threshold must be < 1"):
        Espirit(threshold=1.0)
    with pytest.raises(ValueError, match="calibration_width must be an integer >= 10"):
        Espirit(calibration_width=8)


def test_centre_square():
    sampled = torch.zeros(9, 8, dtype=torch.bool)
    assert centre_square(sampled) == 0
    sampled[2:7, 1:7] = True
    assert centre_square(sampled) == 5
    assert centre_square(torch.ones(9, 8, dtype=torch.bool)) == 8


# A real scan: SMUGLIB_SCAN names a .npy file of k-space, complex64 [coil, height, width], zero
# where unsampled, with a complete centre of 24 x 24 (the 8-coil scan of sigpy's tutorial).


@pytest.mark.skipif("SMUGLIB_SCAN" not in os.environ, reason="SMUGLIB_SCAN names no real scan")
def test_real_scan_is_explained_by_its_maps():
    kspace = torch.from_numpy(np.load(os.environ["SMUGLIB_SCAN"]))[None].to(torch.complex64)
    maps = Espirit().estimate(kspace)
    mask = kspace.abs().sum(1, keepdim=True) > 0
    residuals = []
    for candidate in (maps, maps.roll(1, dims=1)):
        operator = SenseOperator(candidate, mask)
        step = DataConsistency(operator, lam=1e-2, solver="cg")
        z = operator.adjoint(kspace)
        residuals.append(relative(operator.forward(step(z, torch.zeros_like(z))), kspace))
    right, wrong = residuals
    # The residual holds the noise and what lies outside of the maps' support.
    assert right < 0.06
    assert right < wrong / 3


def test_default_kernels_fit_the_default_centre_of_128_columns():
    scan = data.brain("test", 0)
    maps = Espirit().estimate(scan.kspace)
    support = maps.abs().sum(1) > 0
    assert torch.equal(maps, Espirit(kernel_width=5).estimate(scan.kspace))
    assert (maps.conj() * scan.maps).sum(1).abs()[support].mean() > 0.99
