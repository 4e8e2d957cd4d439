"""fastMRI volumes: exact crops, maps against known ones, splits by patient, clear errors."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from smuglib import data
from smuglib.consistency import DataConsistency
from smuglib.data import simulator
from smuglib.data.fastmri.acquisition import FastMRIProtocol, load_slice
from smuglib.data.fastmri.dataset import FastMRIDataset
from smuglib.data.fastmri.espirit import Espirit, centre_square
from smuglib.data.fastmri.field_of_view import acquired_band, crop_field_of_view, is_band
from smuglib.data.fastmri.patients import from_the_centre, split_patients
from smuglib.data.fastmri.volume import Volume
from smuglib.files import UnreadableFileError
from smuglib.operators import SenseOperator, fft2c, fftc, ifft2c
from smuglib.random import complex_normal, generator

h5py = pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")

HEIGHT, WIDTH, N_COILS = 64, 48, 4
# As the scanner stores a slice: twice the readout, and some columns more.
READOUT, COLUMNS = 128, 60
UNIT = 1e-4
# 16 ACS columns of 48: the ESPIRiT kernels of 6 need at least 12.
SMALL: dict[str, Any] = {
    "height": HEIGHT,
    "width": WIDTH,
    "sampling_rate": 0.5,
    "center_fraction": 0.34,
}
TENSORS = ("kspace", "maps", "mask", "target")


def header(readout: int = READOUT, columns: int = COLUMNS) -> str:
    return (
        '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>'
        f"<encodedSpace><matrixSize><x>{readout}</x><y>{columns}</y><z>1</z></matrixSize>"
        "</encodedSpace></encoding></ismrmrdHeader>"
    )


def truth(index: int = 0, n_coils: int = N_COILS) -> tuple[Tensor, Tensor]:
    """Return known maps ``[1, C, H, W]`` and the image ``[1, H, W]`` in the file's units."""
    scan = data.brain("test", index, height=HEIGHT, width=WIDTH, n_coils=n_coils, noise=0.0)
    return scan.maps, scan.target * scan.scale * UNIT


def scanned(index: int = 0, *, noise: float = 0.0, n_coils: int = N_COILS) -> Tensor:
    """Measure a slice on the scanner's larger grid, ``[1, C, READOUT, COLUMNS]``."""
    maps, image = truth(index, n_coils)
    coil_images = torch.zeros(1, n_coils, READOUT, COLUMNS, dtype=torch.complex64)
    top, left = READOUT // 2 - HEIGHT // 2, COLUMNS // 2 - WIDTH // 2
    coil_images[..., top : top + HEIGHT, left : left + WIDTH] = maps * image[:, None]
    draws = generator(0, "noise", index)
    return fft2c(coil_images) + complex_normal(coil_images.shape, noise * UNIT, draws, coil_images)


def write(
    path: Path,
    kspace: Tensor,
    *,
    patient: str = "patient",
    mask: Tensor | None = None,
    xml: str | None = None,
) -> Path:
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.numpy()
        file["ismrmrd_header"] = header() if xml is None else xml
        file.attrs.update(acquisition="AXT2", max=1.0, norm=1.0, patient_id=patient)
        if mask is None:
            file["reconstruction_rss"] = ifft2c(kspace).abs().square().sum(1).sqrt().numpy()
        else:
            file["mask"] = mask.numpy()
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fastmri")
    return write(folder / "volume.h5", torch.cat([scanned(0), scanned(1)]))


@pytest.fixture(scope="module")
def scan(path: Path) -> data.Scan:
    return load_slice(path, 0, **SMALL)


def relative(x: Tensor, reference: Tensor) -> float:
    return ((x - reference).norm() / reference.norm()).item()


def same(first: data.Scan, second: data.Scan) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in TENSORS)


# Reading


def test_volume_knows_its_shape_and_patient(path):
    volume = Volume.open(path)
    assert volume.shape == (2, N_COILS, READOUT, COLUMNS)
    assert volume.patient == "patient"
    assert 0 < volume.subject < 2**48
    assert volume.mask() is None
    assert torch.equal(volume.kspace(1), scanned(1))


def test_images_of_the_stored_kspace_are_the_files_own_reference(path):
    volume = Volume.open(path)
    rss = ifft2c(volume.kspace(1)).abs().square().sum(1).sqrt()
    with h5py.File(path, "r") as file:
        reference = torch.from_numpy(file["reconstruction_rss"][1])
    torch.testing.assert_close(rss[0], reference)


def test_shapes_dtypes_and_notes(scan):
    assert scan.kspace.shape == scan.maps.shape == (1, N_COILS, HEIGHT, WIDTH)
    assert scan.mask.shape == (1, 1, 1, WIDTH)
    assert scan.target.shape == (1, HEIGHT, WIDTH)
    assert {t.dtype for t in (scan.kspace, scan.maps, scan.target)} == {torch.complex64}
    assert (scan.split, scan.slice_index) == ("test", 0)


def test_the_zero_filled_image_has_maximum_one_and_unsampled_columns_are_zero(scan):
    assert scan.operator.adjoint(scan.kspace).abs().max().item() == pytest.approx(1)
    assert torch.equal(scan.kspace.abs().sum((0, 1, 2)) > 0, scan.mask.flatten())


# The crop


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


def test_acquired_band_keeps_all_columns_of_a_complete_scan():
    for n, width in [(60, 48), (61, 48), (372, 320), (368, 320)]:
        columns = torch.ones(n, dtype=torch.bool)
        # An odd number of columns does not reach the lowest frequency of an even one.
        assert acquired_band(columns, width).sum() >= width - 1
        assert acquired_band(columns, n).all()
    assert is_band(torch.tensor([False, True, True, False]))
    assert not is_band(torch.tensor([True, False, True]))


# Maps


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


def test_kept_maps_are_read_and_belong_to_their_data_and_settings(scan, tmp_path):
    first = Espirit().estimate(scan.kspace, tmp_path)
    (kept,) = tmp_path.glob("*.safetensors")
    doubled = 2 * first  # before the file changes, in which older safetensors let the maps lie
    save_file({"maps": doubled}, kept)
    assert torch.equal(Espirit().estimate(scan.kspace, tmp_path), doubled)
    assert torch.equal(
        Espirit(crop=0.9).estimate(scan.kspace), Espirit(crop=0.9).estimate(scan.kspace, tmp_path)
    )
    assert len(list(tmp_path.iterdir())) == 2


def test_espirit_refuses_what_cannot_work(scan, path):
    with pytest.raises(ValueError, match=r"centre is 4 samples wide.*needs at least 12.*center_f"):
        load_slice(path, 0, **{**SMALL, "sampling_rate": 0.25, "center_fraction": 0.08})
    with pytest.raises(ValueError, match="no pixel above crop"):
        Espirit(crop=1.0, threshold=0.9, kernel_width=2).estimate(scan.kspace)
    with pytest.raises(ValueError, match="threshold must be < 1"):
        Espirit(threshold=1.0)
    with pytest.raises(ValueError, match="calibration_width must be an integer >= 12"):
        Espirit(calibration_width=8)


def test_centre_square():
    sampled = torch.zeros(9, 8, dtype=torch.bool)
    assert centre_square(sampled) == 0
    sampled[2:7, 1:7] = True
    assert centre_square(sampled) == 5
    assert centre_square(torch.ones(9, 8, dtype=torch.bool)) == 8


# Protocol


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


# Test files


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
    odd = write(tmp_path / "odd.h5", scanned(0), mask=torch.ones(COLUMNS - 1).bool())
    with pytest.raises(ValueError, match=r"mask must have shape \(60,\), got \(59,\)"):
        Volume.open(odd).mask()


# Files that are not volumes


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.h5: expected a fastMRI multi"):
        load_slice(tmp_path / "absent.h5", 0)


def test_file_that_is_not_hdf5(tmp_path):
    path = tmp_path / "text.h5"
    path.write_text("kspace")
    with pytest.raises(ValueError, match=r"text\.h5 cannot be read: .*HDF5.*expected a fastMRI"):
        Volume.open(path)


def test_truncated_file(path, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.h5 cannot be read: .*HDF5, it may be truncated"):
        Volume.open(cut)


@pytest.mark.parametrize("key", ["kspace", "ismrmrd_header", "patient_id"])
def test_missing_keys(tmp_path, key):
    path = write(tmp_path / "lacking.h5", scanned(0))
    with h5py.File(path, "r+") as file:
        del (file.attrs if key == "patient_id" else file)[key]
    with pytest.raises(ValueError, match=rf"lacking\.h5 lacks.*'{key}'.*expected a fastMRI"):
        Volume.open(path)


@pytest.mark.parametrize("single", [scanned(0)[:, 0], scanned(0)[:, :1]])
def test_single_coil_file(tmp_path, single):
    path = write(tmp_path / "single.h5", torch.zeros(1, 2, 4, 4))
    with h5py.File(path, "r+") as file:
        del file["kspace"]
        file["kspace"] = single.numpy()
    with pytest.raises(ValueError, match=r"single\.h5 is a single-coil volume"):
        Volume.open(path)


def test_other_contents_that_do_not_fit(tmp_path):
    real = write(tmp_path / "real.h5", scanned(0).abs())
    with pytest.raises(ValueError, match=r"real\.h5 has dtype float32.*complex"):
        Volume.open(real)
    turned = write(tmp_path / "turned.h5", scanned(0).mT.contiguous())
    with pytest.raises(ValueError, match="phase encoding must run along the last axis"):
        Volume.open(turned)
    for xml in ("<ismrmrdHeader/>", "no xml"):
        with pytest.raises(ValueError, match="ismrmrd_header of .* names no encoded matrix size"):
            Volume.open(write(tmp_path / "header.h5", scanned(0), xml=xml))
    empty = write(tmp_path / "empty.h5", torch.zeros_like(scanned(0)))
    with pytest.raises(ValueError, match=r"empty\.h5 .*slice 0 of it .*holds no signal"):
        Volume.open(empty).kspace(0)


@pytest.mark.parametrize("index", [-1, 2])
def test_slice_index_out_of_range(path, index):
    with pytest.raises(IndexError, match=rf"volume\.h5 must lie in \[0, 2\), got {index}"):
        load_slice(path, index, **SMALL)


@pytest.mark.parametrize("package", ["h5py", "sigpy.mri.app"])
def test_missing_package_names_the_extra(path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=r"pip install 'smuglib\[fastmri\]'"):
        load_slice(path, 0, **SMALL)


# Splits and the dataset


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold twelve patients of two files each, with one or three slices, and one of other coils."""
    folder = tmp_path_factory.mktemp("patients")
    slices = torch.cat([scanned(0), scanned(1), scanned(2)])
    for number in range(24):
        kspace = slices if number % 2 else slices[:1]
        write(folder / f"file{number:02}.h5", kspace, patient=f"patient {number % 12}")
    write(folder / "other.h5", scanned(0, n_coils=3), patient="patient 0")
    return folder


def patients(volumes: tuple[Volume, ...]) -> set[str]:
    return {volume.patient for volume in volumes}


def test_no_patient_is_in_two_splits(folder):
    files = sorted(folder.glob("*.h5"))
    halves = {"train": 0.5, "val": 0.25, "test": 0.25}
    splits = split_patients(files, halves)
    groups = [patients(volumes) for volumes in splits.values()]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 12
    assert sum(map(len, splits.values())) == 25
    assert splits == split_patients(reversed(files), dict(reversed(halves.items())))
    assert splits != split_patients(files, halves, seed=1)


def test_a_patient_stays_in_its_split_whatever_else_is_there(folder):
    files = sorted(folder.glob("*.h5"))
    whole, part = split_patients(files), split_patients(files[:9])
    for name, volumes in part.items():
        assert set(volumes) <= set(whole[name])


def test_fractions_are_met_on_average(tmp_path):
    volumes = [Volume(tmp_path, str(n), (1, 2, 32, 32)) for n in range(4000)]
    splits = split_patients(volumes)
    shares = [len(splits[name]) / len(volumes) for name in ("train", "val", "test")]
    # Three standard deviations of a binomial share are at most 3 * 0.5 / sqrt(4000) = 0.024.
    assert shares == pytest.approx([0.76, 0.08, 0.16], abs=0.024)
    assert len(split_patients(volumes, {"test": 1.0})["test"]) == len(volumes)


@pytest.mark.parametrize(
    ("fractions", "message"),
    [
        ({"train": 0.5}, "fractions must sum to 1"),
        ({"training": 1.0}, "fractions must be one of"),
        ({"train": 1.5, "val": -0.5}, "must lie in"),
    ],
)
def test_impossible_fractions(fractions, message):
    with pytest.raises(ValueError, match=message):
        split_patients([], fractions)


def test_slices_run_over_volumes_from_the_centre(tmp_path):
    long, short = (Volume(tmp_path, "p", (n, 2, 32, 32)) for n in (5, 2))
    assert [index for volume, index in from_the_centre([long, short]) if volume is long] == [
        2,
        1,
        3,
        0,
        4,
    ]
    assert [volume for volume, _ in from_the_centre([long, short])][:4] == [
        long,
        short,
        long,
        short,
    ]
    assert len(from_the_centre([long, short])) == 7
    assert from_the_centre([]) == []


def test_dataset_has_the_interface_of_the_embedded_one(folder):
    every: dict[str, Any] = {"fractions": {"train": 1.0}}
    dataset = FastMRIDataset(folder, "train", 14, n_coils=4, **every, **SMALL)
    assert len(dataset) == dataset.n_slices == 14
    scan = dataset[13]
    assert (scan.split, scan.slice_index) == ("train", 13)
    assert dataset[13] is scan
    assert scan.subject == dataset.slices[13][0].subject
    assert data.collate([dataset[0], scan]).kspace.shape == (2, N_COILS, HEIGHT, WIDTH)
    with pytest.raises(IndexError, match=r"\[0, 14\), got 14"):
        dataset[14]
    assert len(FastMRIDataset(folder, "train", **every, **SMALL)) == 49
    assert len(FastMRIDataset(folder, "train", n_coils=4, **every, **SMALL)) == 48


def test_dataset_reads_anew_without_cache_and_keeps_maps(folder, tmp_path):
    options: dict[str, Any] = {
        "cache_bytes": 0,
        "fractions": {"train": 1.0},
        "maps_folder": tmp_path,
    }
    dataset = FastMRIDataset(folder, "train", 1, **options, **SMALL)
    first, second = dataset[0], dataset[0]
    assert first is not second
    assert same(first, second)
    assert len(list(tmp_path.iterdir())) == 1


def test_dataset_keeps_no_more_scans_than_its_budget_holds(folder):
    options: dict[str, Any] = {"fractions": {"train": 1.0}, "n_coils": 4, **SMALL}
    size = FastMRIDataset(folder, "train", 1, **options)[0].nbytes
    dataset = FastMRIDataset(folder, "train", 3, cache_bytes=2 * size, **options)
    first, second, third = (dataset[index] for index in range(3))
    assert dataset[1] is second and dataset[2] is third
    assert dataset[0] is not first and same(dataset[0], first)


def test_splits_of_the_dataset_share_no_subject(folder):
    halves = {"train": 0.5, "val": 0.25, "test": 0.25}
    members = [
        {
            volume.subject
            for volume, _ in FastMRIDataset(folder, split, fractions=halves, **SMALL).slices
        }
        for split in halves
    ]
    assert all(members)
    assert sum(map(len, members)) == len(set.union(*members)) == 12


def test_dataset_refuses_what_it_cannot_give(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no \.h5 file"):
        FastMRIDataset(tmp_path, "train")
    with pytest.raises(ValueError, match="split must be one of"):
        FastMRIDataset(folder, "training")
    with pytest.raises(ValueError, match=r"0 slices in 0 volumes \(25 more do not fit"):
        FastMRIDataset(folder, "train", fractions={"train": 1.0})
    with pytest.raises(ValueError, match=r"49 slices in 25 volumes.*n_slices asks for 50"):
        FastMRIDataset(folder, "train", 50, fractions={"train": 1.0}, **SMALL)
    with pytest.raises(TypeError, match="noise"):
        FastMRIDataset(folder, "train", noise=0.1, **SMALL)


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


def test_links_to_elsewhere_and_sizes_that_a_file_cannot_hold_are_refused(tmp_path):
    ways = {
        "external": lambda file, kspace: file.create_dataset(
            "kspace", kspace.shape, "c8", external=[("/etc/hostname", 0, 1 << 20)]
        ),
        "linked": lambda file, _: file.__setitem__("kspace", h5py.ExternalLink("x.h5", "kspace")),
        "bomb": lambda file, _: file.create_dataset(
            "kspace", (1, 16, 2**14, 2**13), "c8", chunks=(1, 1, 64, 64), compression="gzip"
        ),
    }
    for name, make in ways.items():
        path = write(tmp_path / f"{name}.h5", scanned(0))
        with h5py.File(path, "a") as file:
            kspace = file["kspace"]
            del file["kspace"]
            make(file, kspace)
        with pytest.raises(UnreadableFileError, match=rf"{name}\.h5 .*(link|another file|claims)"):
            Volume.open(path)
