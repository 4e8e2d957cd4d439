"""The data set of fastMRI slices has the interface of the embedded one."""

from __future__ import annotations

from typing import Any

import pytest

from smuglib import data
from smuglib.data.fastmri.dataset import FastMRIDataset
from tests.fastmri_files import HEIGHT, N_COILS, SMALL, WIDTH, same, scanned, write

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


def test_dataset_has_the_interface_of_the_embedded_one(folder):
    every: dict[str, Any] = {"fractions": {"train": 1.0}}
    dataset = FastMRIDataset(folder, "train", 14, n_coils=4, **every, **SMALL)
    assert len(dataset) == dataset.n_slices == 14
    scan = dataset[13]
    assert (scan.split, scan.slice_index) == ("train", 13)
    assert dataset[13] is scan
    assert scan.subject == dataset.slices[13][0].subject
    assert dataset.locate(13) == (scan.subject, dataset.slices[13][1])
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


def test_hidden_files_of_macos_are_no_volumes(tmp_path):
    write(tmp_path / "f0.h5", scanned(0))
    (tmp_path / "._f0.h5").write_bytes(b"\0\5\x16\7")
    assert len(FastMRIDataset(tmp_path, "train", fractions={"train": 1.0}, **SMALL)) == 1
