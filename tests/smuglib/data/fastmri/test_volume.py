"""Volumes tell their shape and patient, and refuse files that are not volumes."""

from __future__ import annotations

import pytest
import torch

from smuglib.data.fastmri.volume import Volume
from smuglib.operators import ifft2c
from tests.fastmri_files import COLUMNS, N_COILS, READOUT, scanned, write

h5py = pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


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


def test_file_that_is_not_hdf5(tmp_path):
    path = tmp_path / "text.h5"
    path.write_text("kspace")
    with pytest.raises(ValueError, match=r"text\.h5 cannot be read as HDF5.*expected a fastMRI"):
        Volume.open(path)


def test_truncated_file(path, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.h5 cannot be read as HDF5, it may be truncated"):
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
    with pytest.raises(ValueError, match=r"slice 0 of .*empty\.h5 .*holds no signal"):
        Volume.open(empty).kspace(0)
