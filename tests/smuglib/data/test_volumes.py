"""NIfTI volumes as scans: geometry, patients, and what is refused."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib import data
from smuglib.data import cache, volumes
from smuglib.data.regions import brain_region, head_region
from smuglib.data.splits import FRACTIONS, deal_patients
from smuglib.data.volumes import VolumeDataset
from smuglib.operators import ifft2c
from tests.fastmri_files import relative, same
from tests.volume_files import SPACING, made_up_head, write_patients, write_volume

SMALL = {"height": 64, "width": 64, "n_coils": 3}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_patients(tmp_path_factory.mktemp("volumes"), 5)


@pytest.fixture(scope="module")
def first(folder):
    return volumes.volume_files(folder)[0]


def test_a_data_set_has_the_interface_of_the_embedded_one(folder):
    dataset = VolumeDataset(folder, "train", 7, **SMALL)
    assert len(dataset) == dataset.n_slices == 7
    scan = dataset[6]
    assert (scan.split, scan.slice_index, scan.kspace.shape) == ("train", 6, (1, 3, 64, 64))
    assert dataset[6] is scan and scan.subject == dataset.slices[6][0].subject
    assert dataset.locate(6) == (scan.subject, dataset.slices[6][1].number)
    assert data.collate([dataset[0], scan]).kspace.shape == (2, 3, 64, 64)
    assert same(VolumeDataset(folder, "train", **SMALL)[6], scan)
    with pytest.raises(IndexError, match=r"\[0, 7\), got 7"):
        dataset[7]


@given(st.sets(st.text(min_size=1), min_size=3, max_size=40), st.integers(0, 2**40))
def test_every_patient_is_in_one_split_and_no_split_is_empty(patients, seed):
    dealt = deal_patients(patients, seed=seed)
    assert dealt.keys() == patients
    assert dealt == deal_patients(sorted(patients, reverse=True), seed=seed)
    sizes = {name: list(dealt.values()).count(name) for name in FRACTIONS}
    assert min(sizes.values()) >= 1 and sum(sizes.values()) == len(patients)
    for name in ("val", "test"):
        assert sizes[name] == max(1, round(FRACTIONS[name] * len(patients)))


@given(
    st.dictionaries(
        st.sampled_from([f"a{n}_x.nii" for n in range(9)] + [f"b/sub-{n}/t.nii" for n in range(9)]),
        st.just(None),
        min_size=3,
    ),
    st.integers(0, 99),
)
def test_no_patient_is_in_two_splits(tmp_path_factory, names, seed):
    folder = tmp_path_factory.mktemp("split")
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    found = [file.patient for file in volumes.volume_files(folder)]
    dealt = deal_patients(found, seed=seed)
    assert set(dealt) == {name.split("_")[0].split("/")[-2 * ("/" in name)] for name in names}


def test_splits_of_a_folder_share_no_subject(folder):
    members = [
        {file.patient for file, _ in VolumeDataset(folder, split, **SMALL).slices}
        for split in FRACTIONS
    ]
    assert sorted(map(len, members)) == [1, 1, 3]
    assert len(set.union(*members)) == 5


def test_slices_run_over_volumes_from_the_middle(folder):
    slices = VolumeDataset(folder, "train", **SMALL).slices
    assert len({file for file, _ in slices[:3]}) == 3
    own = [abs(plane.z) for file, plane in slices if file == slices[0][0]]
    assert own == sorted(own) and own[-1] <= 32.5 and len(own) >= 8


@pytest.mark.parametrize("axes", ["RAS", "LPS", "SRA", "AIL"])
def test_axes_are_brought_in_order(tmp_path, first, axes):
    write_volume(tmp_path / "p_1.nii.gz", made_up_head(), axes=axes)
    (file,) = volumes.volume_files(tmp_path)
    for found, expected in zip(volumes.canonical(file), volumes.canonical(first), strict=True):
        np.testing.assert_array_equal(found, expected)
    values, spacing = volumes.canonical(file)
    assert spacing == pytest.approx(SPACING[::-1])
    middle = values[len(values) // 2]
    # Brighter in front and on the right, as made: rows run backwards, columns to the right.
    assert middle[: len(middle) // 2].mean() > 1.02 * middle[len(middle) // 2 :].mean()
    assert middle[:, 50:].mean() > 1.01 * middle[:, :50].mean()


def test_a_grid_keeps_intensity_and_place():
    # A band-limited image is known between its pixels, too.
    def wave(rows, columns):
        return 2 + np.cos(2 * np.pi * rows / 40)[:, None] * np.sin(2 * np.pi * columns / 60)

    fine = wave(np.arange(120) + 0.5, np.arange(120) + 0.5).astype(np.float32)
    found = volumes.on_grid(fine, (1.0, 1.0), (60, 48), 2.0, (60.0, 60.0)).numpy()
    # Centred transforms keep the middle pixel n // 2 in its place: the first pixel of each pair.
    expected = wave(np.arange(0, 120, 2) + 0.5, np.arange(12, 108, 2) + 0.5)
    # The columns are no whole number of periods: their edges ring.
    assert np.abs(found - expected)[:, 8:-8].max() < 0.05
    coarse = volumes.on_grid(fine[::2, ::2], (2.0, 2.0), (120, 120), 1.0, (60.0, 60.0)).numpy()
    assert np.abs(coarse - fine).max() < 1e-4
    padded = volumes.on_grid(fine, (1.0, 1.0), (160, 160), 1.0, (60.0, 60.0)).numpy()
    assert np.abs(padded[20:140, 20:140] - fine).max() < 1e-4 and abs(padded[:19]).max() < 1e-4


def test_a_slice_is_in_units_of_its_brain_and_in_the_middle(folder):
    scan = VolumeDataset(folder, "train", 1, sampling_rate=1.0, noise=0.0, **SMALL)[0]
    magnitude = (scan.target[0].abs() * scan.scale).double().numpy()
    head = head_region(magnitude)
    brain = brain_region(magnitude, head, 240 / 64)
    # The level was taken at finer pixels, the texture has 20 %.
    assert np.median(magnitude[brain]) == pytest.approx(1, abs=0.05)
    rows, columns = (np.flatnonzero((magnitude > 0.5).any(axis)) for axis in (1, 0))
    assert abs(rows.mean() - 31.5) <= 1 and abs(columns.mean() - 31.5) <= 1
    # 170 mm of head at 3.75 mm a pixel.
    assert len(rows) == pytest.approx(170 / 3.75, abs=3)
    phase = scan.target[0].angle()[head]
    assert phase.std() > 0.1


def test_noise_and_coils_are_a_patient_s(folder):
    noisy, clean = (
        VolumeDataset(folder, "val", 2, sampling_rate=1.0, noise=sigma, **SMALL)
        for sigma in (0.02, 0.0)
    )
    # The same coils, 6 mm apart; another patient's stand elsewhere.
    turned = VolumeDataset(folder, "test", 1, **SMALL)[0].maps.abs()
    first, second = (noisy[index].maps.abs() for index in (0, 1))
    assert (first - second).abs().max() < 0.05 < (first - turned).abs().max()
    noise = (noisy[0].kspace * noisy[0].scale - clean[0].kspace * clean[0].scale)[0]
    # 24,576 draws: the standard deviation is known to 0.5 %; a patient's factor is 0.7 to 1.4.
    assert 0.7 * 0.99 < noise.real.std() / 0.02 < 2**0.5 * 1.01
    pair = torch.corrcoef(noise.real.flatten(1))[0, 1]
    # A correlation of 4,096 draws has a standard deviation of 0.016.
    assert pair == pytest.approx(0.15, abs=0.05)
    full = (clean[0].maps.conj() * ifft2c(clean[0].kspace)).sum(1)
    assert relative(clean[0].target, full) < 1e-6


def test_a_file_that_changes_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SMUGLIB_CACHE", str(tmp_path / "cache"))
    folder = write_patients(tmp_path / "volumes", 3)
    before = VolumeDataset(folder, "test", 1, **SMALL)
    scan, (file, plane) = before[0], before.slices[0]
    with monkeypatch.context() as patch:
        patch.setattr(volumes, "canonical", lambda file: pytest.fail("read again"))
        assert same(VolumeDataset(folder, "test", 1, **SMALL)[0], scan)
    write_volume(type(tmp_path)(file.path), 2 * made_up_head(seed=9))
    os.utime(file.path, ns=(0, file.changed + 1))
    after = VolumeDataset(folder, "test", 1, **SMALL)
    assert after.slices[0][1].level == pytest.approx(2 * plane.level, rel=0.1)
    assert not same(after[0], scan)


def test_every_density_is_nested(folder):
    for density in ("variable", "uniform", "equispaced"):
        low, high = (
            VolumeDataset(folder, "test", 1, sampling_rate=rate, density=density, **SMALL)[0]
            for rate in (0.25, 0.5)
        )
        assert low.mask.sum() == 16 and high.mask.sum() == 32
        assert (low.mask <= high.mask).all()
        both = low.mask.expand_as(low.kspace)
        # One scan, two rates: the same samples up to the scale, which knows what was sampled.
        assert torch.allclose(
            low.kspace[both] * low.scale, high.kspace[both] * high.scale, atol=1e-5
        )


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda head: np.stack([head] * 2, -1), "it is no volume of one magnitude image: its sh"),
        (lambda head: head * np.nan, "it is no volume of one magnitude image: no finite"),
        (lambda head: head * 0, "no finite signal is in it"),
    ],
)
def test_what_is_no_volume_is_named(tmp_path, damage, message):
    write_volume(tmp_path / "p_1.nii", damage(made_up_head()))
    with pytest.raises(ValueError, match=rf"p_1\.nii cannot be read: .*{message}"):
        volumes.planes_of(*volumes.volume_files(tmp_path))


def test_sagittal_and_damaged_volumes_are_named(tmp_path):
    write_volume(
        tmp_path / "p_1.nii", made_up_head((6.0, 2.0, 2.0), (30, 100, 80)), (6.0, 2.0, 2.0)
    )
    (file,) = volumes.volume_files(tmp_path)
    with pytest.raises(ValueError, match=r"axial slices have pixels of 2 x 6 mm, more than 2"):
        volumes.planes_of(file)
    for content in (b"", b"no volume", gzip.compress(b"x" * 400)):
        (tmp_path / "p_2.nii.gz").write_bytes(content)
        with pytest.raises(ValueError, match=r"p_2\.nii\.gz cannot be read: it is not a NIfTI vol"):
            volumes.canonical(replace_file(file, tmp_path / "p_2.nii.gz"))


def replace_file(file, path):
    return file._replace(path=str(path), n_bytes=path.stat().st_size)


def test_folders_without_enough_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no volume: expected NIfTI volumes \(\.nii"):
        VolumeDataset(tmp_path, "train")
    write_patients(tmp_path, 2)
    (tmp_path / "._p3_T1.nii").write_bytes(b"hidden")
    with pytest.raises(
        ValueError, match="too few volumes: 2 patients are too few to fill all: train, val, test"
    ):
        VolumeDataset(tmp_path, "train")
    write_patients(tmp_path, 3)
    with pytest.raises(ValueError, match=r"has 11 slices of heads in 1 volumes, n_slices asks fo"):
        VolumeDataset(tmp_path, "val", 12)
    with pytest.raises(ValueError, match="split must be one of"):
        VolumeDataset(tmp_path, "dev")
    with pytest.raises(TypeError, match="n_coil"):
        VolumeDataset(tmp_path, "val", n_coil=3)


def test_air_has_no_head(tmp_path):
    noise = np.abs(np.random.default_rng(0).standard_normal((60, 60, 20))).astype(np.float32)
    write_volume(tmp_path / "p_1.nii", noise, (4.0, 4.0, 4.0))
    with pytest.raises(ValueError, match="pixels of 4 x 4 mm"):
        volumes.planes_of(*volumes.volume_files(tmp_path))
    write_volume(tmp_path / "p_1.nii", noise, (1.0, 1.0, 4.0))
    # 60 x 60 mm of noise are less than a head.
    assert volumes.planes_of(*volumes.volume_files(tmp_path)) == ()


def test_a_protocol_s_key_knows_the_file(first):
    plane = volumes.planes_of(first)[0]
    one = volumes.VolumeProtocol(file=first, plane=plane)
    other = replace(one, file=first._replace(changed=first.changed + 1))
    assert cache.key(one, "test", 0) != cache.key(other, "test", 0)
    assert one.locate("test", 5) == (first.subject, plane.number)
