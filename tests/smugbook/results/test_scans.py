"""Scans of a profile, whatever their source: rates, masks and hashes."""

from __future__ import annotations

import pytest
import torch

from smugbook import profiles
from smugbook.results import dataset_of, rescanner, scan_of
from smugbook.results.scans import scan_hashes
from smuglib import data
from smuglib.operators import fft2c, ifft2c
from tests.fastmri_files import header, same, scanned, write
from tests.volume_files import write_patients

SMALL = {"height": 48, "width": 40, "strip_height": 32, "n_coils": 3, "center_fraction": 0.25}
SOURCES = ("phantom", "head", "volumes", "fastmri")


def widened(kspace, columns=72):
    """Return a file's k-space over a wider field of view, as wide as the smoke profile's."""
    before = columns // 2 - kspace.shape[-1] // 2
    room = (before, columns - kspace.shape[-1] - before)
    return fft2c(torch.nn.functional.pad(ifft2c(kspace), room))


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """A profile's name for every source; the fastMRI files have 4 and 2 coils."""
    volumes = write_patients(tmp_path_factory.mktemp("volumes"), 3)
    fastmri = tmp_path_factory.mktemp("fastmri")
    for number in range(3):
        n_coils = 4 - 2 * (number % 2)
        whole = torch.cat([widened(scanned(8 * number + k, n_coils=n_coils)) for k in range(8)])
        xml = header(128, whole.shape[-1])
        write(fastmri / f"f{number}.h5", whole, patient=f"patient {number}", xml=xml)
    folders = {"volumes": f"volumes:{volumes}", "fastmri": f"fastmri:{fastmri}"}
    return {kind: f"smoke@{folders.get(kind, kind)}" for kind in SOURCES}


def profile_of(names, source):
    return profiles.get(names[source]).replace(**SMALL)


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_every_split_and_gives_scans_of_one_shape(names, source):
    pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")
    profile = profile_of(names, source)
    sizes = {"train": profile.n_train, "val": profile.n_validation, "test": profile.n_test}
    assert sizes == {"train": 8, "val": 2, "test": 4}
    subjects = []
    for split in sizes:
        scans = [dataset_of(profile, split, 2)[index] for index in range(2)]
        assert data.collate(scans).kspace.shape == (2, 3, 48, 40)
        subjects.append({scan.subject for scan in scans})
    # Simulated subjects are numbered in their split; patients are the same everywhere.
    if source not in ("phantom", "head"):
        assert len(set.union(*subjects)) == sum(map(len, subjects)) >= 3


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("density", profiles.DENSITIES)
def test_another_rate_is_of_the_same_scan_with_a_nested_mask(names, source, density):
    pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")
    profile = profile_of(names, source).replace(density=density, sampling_rate=0.4)
    scan = scan_of(profile, 1)
    assert same(scan, dataset_of(profile, "test", 2)[1])
    low, high = (rescanner(profile)(scan, rate) for rate in (0.3, 0.8))
    assert (low.mask <= scan.mask).all() and (scan.mask <= high.mask).all()
    assert low.mask.sum() == 12 and scan.mask.sum() == 16 and high.mask.sum() == 32
    for other in (low, high):
        both = (scan.mask & other.mask).expand_as(scan.kspace)
        first, second = (one.kspace[both] * one.scale for one in (scan, other))
        # Compression to fewer coils may turn them another way: their energy stays.
        assert torch.allclose(first.norm(), second.norm(), rtol=1e-3)


def test_hashes_are_of_every_scan(names):
    found = dict(scan_hashes(profile_of(names, "volumes")))
    assert len(found) == len(set(found.values())) == 14
    assert list(found)[0] == "train/0" and list(found)[-1] == "test/3"


@pytest.mark.parametrize("source", ["head", "volumes"])
def test_an_index_beyond_the_split_is_refused(names, source):
    with pytest.raises(ValueError, match="index must be < n_test = 4, got 4"):
        scan_of(profiles.get(names[source]), 4)
    with pytest.raises(ValueError, match="index must be an integer >= 0"):
        scan_of(profiles.get(names[source]), -1)
