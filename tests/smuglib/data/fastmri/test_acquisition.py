"""A slice of a volume as a scan: the crop, the mask, the protocol, clear errors."""

from __future__ import annotations

import sys

import pytest
import torch

from smuglib.data import simulator
from smuglib.data.espirit import Espirit
from smuglib.data.fastmri.acquisition import (
    FastMRIProtocol,
    acquired_band,
    crop_field_of_view,
    is_band,
    load_slice,
    lower_resolution,
)
from smuglib.data.fastmri.volume import Volume
from smuglib.operators import SenseOperator, fftc
from smuglib.random import complex_normal, generator
from tests.fastmri_files import (
    COLUMNS,
    HEIGHT,
    N_COILS,
    SMALL,
    WIDTH,
    relative,
    same,
    scanned,
    truth,
    write,
)

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


def test_shapes_dtypes_and_notes(scan):
    assert scan.kspace.shape == scan.maps.shape == (1, N_COILS, HEIGHT, WIDTH)
    assert scan.mask.shape == (1, 1, 1, WIDTH)
    assert scan.target.shape == (1, HEIGHT, WIDTH)
    assert {t.dtype for t in (scan.kspace, scan.maps, scan.target)} == {torch.complex64}
    assert (scan.split, scan.slice_index) == ("test", 0)


def test_the_zero_filled_image_has_maximum_one_and_unsampled_columns_are_zero(scan):
    assert scan.operator.adjoint(scan.kspace).abs().max().item() == pytest.approx(1)
    assert torch.equal(scan.kspace.abs().sum((0, 1, 2)) > 0, scan.mask.flatten())


def test_cropped_kspace_is_the_forward_model_of_the_cropped_problem(scan):
    maps, image = truth()
    expected = SenseOperator(maps, scan.mask).forward(image)
    assert relative(scan.kspace * scan.scale, expected) < 1e-5


def test_width_none_keeps_the_measured_columns(path):
    kept = load_slice(path, 0, **{**SMALL, "width": None})
    assert kept.kspace.shape[-2:] == (HEIGHT, COLUMNS)
    raw = crop_field_of_view(scanned(0), HEIGHT, -2) * kept.mask
    torch.testing.assert_close(kept.kspace * kept.scale, raw)


def test_columns_filled_with_zeros_are_not_samples(tmp_path):
    kspace = scanned(0)
    kspace[..., :6] = 0
    kspace[..., -3:] = 0
    path = write(tmp_path / "padded.h5", kspace)
    full = {**SMALL, "sampling_rate": 1.0}
    kept = load_slice(path, 0, **{**full, "width": None})
    assert kept.mask.flatten().nonzero().flatten().tolist() == list(range(6, COLUMNS - 3))
    # Columns 6 to 56 of 60 are the frequencies -24/60 to 26/60: -19/48 to 20/48 lie within.
    cropped = load_slice(path, 0, **full)
    assert cropped.mask.flatten().nonzero().flatten().tolist() == list(range(5, 45))


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": 0.6},
        {"height": 48},
        {"width": 40},
        {"center_fraction": 0.4},
        {"mask_seed": 1},
        {"espirit": Espirit(crop=0.5)},
    ],
)
def test_every_option_changes_the_scan(path, scan, change):
    assert not same(scan, load_slice(path, 0, **{**SMALL, **change}))


def test_the_same_arguments_give_the_same_bits(path, scan):
    assert same(scan, load_slice(Volume.open(path), 0, **SMALL))


def test_the_mask_is_that_of_the_embedded_set(scan):
    assert torch.equal(scan.mask, simulator.Protocol(**SMALL).mask())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"height": 16}, "height must be an integer >= 32"),
        ({"width": 0}, "width must be an integer >= 32"),
        ({"n_coils": 1}, "n_coils must be an integer >= 2"),
        ({"mask_seed": -1}, "mask_seed must be"),
        ({"sampling_rate": 0.01}, "sampling_rate 0.01 allows|center_fraction"),
        ({"source": "both"}, "source must be one of 'retrospective', 'file'"),
        ({"source": "file"}, "width must be None with source 'file'"),
    ],
)
def test_protocol_refuses_the_impossible(change, message):
    with pytest.raises(ValueError, match=message):
        FastMRIProtocol(**change)


def test_protocol_that_a_volume_does_not_fit(path):
    with pytest.raises(ValueError, match=r"volume\.h5 does not fit.*4 coils, n_coils asks for 8"):
        load_slice(path, 0, **SMALL, n_coils=8)
    with pytest.raises(ValueError, match="fewer than the 320 x 320"):
        load_slice(path, 0)


def test_file_with_its_own_mask(tmp_path):
    mask = simulator.Protocol(
        height=32, width=COLUMNS, sampling_rate=0.5, center_fraction=0.3
    ).mask()
    path = write(tmp_path / "test.h5", scanned(0) * mask, mask=mask.flatten())
    scan = load_slice(path, 0, height=HEIGHT, width=None, source="file")
    assert torch.equal(scan.mask, mask)
    assert scan.operator.adjoint(scan.kspace).abs().max().item() == pytest.approx(1)
    assert scan.target.isnan().all()
    with pytest.raises(ValueError, match=r"test\.h5 is undersampled, 30 of 60 columns"):
        load_slice(path, 0, **SMALL)
    full = write(tmp_path / "full.h5", scanned(0), mask=mask.flatten())
    complete = load_slice(full, 0, height=HEIGHT, width=None, source="file")
    assert torch.equal(complete.kspace, scan.kspace)
    assert complete.target.isfinite().all()


def test_mask_that_is_missing_or_does_not_fit(path, tmp_path):
    with pytest.raises(ValueError, match="lacks 'mask', which source 'file' asks for"):
        load_slice(path, 0, height=HEIGHT, width=None, source="file")
    mask = torch.arange(COLUMNS) % 2 == 0
    mask[20:40] = True
    bare = write(tmp_path / "bare.h5", scanned(0) * mask)
    scan = load_slice(bare, 0, height=HEIGHT, width=None, source="file")
    assert torch.equal(scan.mask.flatten(), mask)
    assert scan.target.isnan().all()
    odd = write(tmp_path / "odd.h5", scanned(0), mask=torch.ones(COLUMNS - 1).bool())
    with pytest.raises(ValueError, match=r"odd\.h5 cannot be read: mask .* \(60,\), got \(59,\)"):
        Volume.open(odd).mask()


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.h5: expected a fastMRI multi"):
        load_slice(tmp_path / "absent.h5", 0)


@pytest.mark.parametrize("index", [-1, 2])
def test_slice_index_out_of_range(path, index):
    with pytest.raises(IndexError, match=rf"volume\.h5 must lie in \[0, 2\), got {index}"):
        load_slice(path, index, **SMALL)


@pytest.mark.parametrize("package", ["h5py", "sigpy.mri.app"])
def test_missing_package_names_the_extra(path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'smuglib\[fastmri\]'"):
        load_slice(path, 0, **SMALL)


@pytest.mark.parametrize(("n", "size"), [(12, 8), (12, 7), (13, 8), (13, 7), (12, 12)])
@pytest.mark.parametrize("axis", [-2, -1])
def test_crop_is_the_kspace_of_the_cropped_image(n, size, axis):
    shape = (1, 2, n, 5) if axis == -2 else (1, 2, 5, n)
    like = torch.zeros(1, dtype=torch.complex128)
    image = complex_normal(shape, 1.0, generator(n, "image"), like)
    cropped = image.narrow(axis, n // 2 - size // 2, size)
    torch.testing.assert_close(
        crop_field_of_view(fftc(image, axis), size, axis), fftc(cropped, axis)
    )


def test_crop_keeps_white_noise_white():
    identity = torch.eye(12, dtype=torch.complex128)
    rows = crop_field_of_view(identity, 7, -1)
    torch.testing.assert_close(rows.mH @ rows, torch.eye(7, dtype=torch.complex128))


def test_acquired_band_keeps_all_columns_of_a_complete_scan():
    for n, width in [(60, 48), (61, 48), (372, 320), (368, 320)]:
        columns = torch.ones(n, dtype=torch.bool)
        # An odd number of columns does not reach the lowest frequency of an even one.
        assert acquired_band(columns, width).sum() >= width - 1
        assert acquired_band(columns, n).all()
    assert is_band(torch.tensor([False, True, True, False]))
    assert not is_band(torch.tensor([True, False, True]))


def test_a_small_crop_may_show_the_whole_view():
    kspace = scanned(0)
    low = lower_resolution(kspace, 32, 24)
    # 128 x 60 hold the crop four and two times: both axes are halved, pixels stay square.
    assert low.shape[-2:] == (64, 30)
    assert torch.equal(low[..., 32, 15], kspace[..., 64, 30])
    assert torch.equal(lower_resolution(kspace, 64, 48), kspace)
    assert lower_resolution(kspace, None, 24).shape == kspace.shape


@pytest.mark.parametrize(("n_coils", "kept"), [(6, 1.0), (4, 1.0), (2, 0.8)])
def test_virtual_coils_keep_what_they_can(tmp_path, n_coils, kept):
    path = write(tmp_path / "f.h5", scanned(0))
    plain = load_slice(path, 0, **SMALL)
    virtual = load_slice(path, 0, n_virtual=n_coils, **SMALL)
    assert virtual.kspace.shape[1] == virtual.maps.shape[1] == n_coils
    energies = [(one.kspace * one.scale).norm() ** 2 for one in (virtual, plain)]
    assert kept - 1e-4 <= energies[0] / energies[1] <= 1 + 1e-4
    silent = virtual.maps[:, 4:]
    assert not silent.any() and not virtual.kspace[:, 4:].any()
    if n_coils >= 4:
        # Estimates from a turned or longer list of coils: 1e-3 was seen.
        images = (virtual.target.abs() * virtual.scale, plain.target.abs() * plain.scale)
        assert relative(*images) < 0.02
