"""Volumes tell their shape and patient, and refuse files that are not volumes."""

from __future__ import annotations

import os
import subprocess

import numpy as np
import pytest
import torch

from smuglib.data.fastmri import volume as volume_module
from smuglib.data.fastmri.patients import split_patients
from smuglib.data.fastmri.volume import Volume
from smuglib.files import UnreadableFileError
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
    with pytest.raises(
        ValueError, match=r"text\.h5 cannot be read: it is not a fastMRI multicoil volume"
    ):
        Volume.open(path)


def test_truncated_file(path, tmp_path):
    cut = tmp_path / "cut.h5"
    cut.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.h5 cannot be read: .*or it is truncated"):
        Volume.open(cut)


@pytest.mark.parametrize("key", ["kspace", "ismrmrd_header", "patient_id"])
def test_missing_keys(tmp_path, key):
    path = write(tmp_path / "lacking.h5", scanned(0))
    with h5py.File(path, "r+") as file:
        del (file.attrs if key == "patient_id" else file)[key]
    with pytest.raises(
        ValueError, match=rf"lacking\.h5 cannot.*lacks.*'{key}'.*expected a fastMRI"
    ):
        Volume.open(path)


@pytest.mark.parametrize("single", [scanned(0)[:, 0], scanned(0)[:, :1]])
def test_single_coil_file(tmp_path, single):
    path = write(tmp_path / "single.h5", torch.zeros(1, 2, 4, 4))
    with h5py.File(path, "r+") as file:
        del file["kspace"]
        file["kspace"] = single.numpy()
    with pytest.raises(ValueError, match=r"single\.h5 cannot be read: it is a single-coil volume"):
        Volume.open(path)


def test_other_contents_that_do_not_fit(tmp_path):
    real = write(tmp_path / "real.h5", scanned(0).abs())
    with pytest.raises(ValueError, match=r"real\.h5 cannot be read: .*dtype float32.*complex"):
        Volume.open(real)
    turned = write(tmp_path / "turned.h5", scanned(0).mT.contiguous())
    with pytest.raises(ValueError, match="phase encoding must run along the last axis"):
        Volume.open(turned)
    typed = write(tmp_path / "typed.h5", scanned(0))
    with h5py.File(typed, "r+") as file:
        del file["kspace"]
        file["kspace"] = np.dtype("c8")
    with pytest.raises(UnreadableFileError, match=r"typed\.h5 cannot be read"):
        Volume.open(typed)
    last = write(tmp_path / "last.h5", scanned(0).movedim(1, -1).contiguous())
    with pytest.raises(UnreadableFileError, match=r"\(1, 128, 60, 4\).*expected \[slice, coil, re"):
        Volume.open(last)
    for xml in ("<ismrmrdHeader/>", "no xml"):
        with pytest.raises(ValueError, match="header.h5.*ismrmrd_header names no encoded matrix"):
            Volume.open(write(tmp_path / "header.h5", scanned(0), xml=xml))
    empty = write(tmp_path / "empty.h5", torch.zeros_like(scanned(0)))
    with pytest.raises(ValueError, match=r"empty\.h5 .*slice 0 .*holds no signal"):
        Volume.open(empty).kspace(0)


def test_a_patient_is_the_same_in_bytes_and_in_text(tmp_path):
    volumes = []
    for name, patient in (("text", "p1"), ("bytes", np.bytes_(b"p1"))):
        volumes.append(Volume.open(write(tmp_path / f"{name}.h5", scanned(0), patient=patient)))
    assert volumes[0].patient == volumes[1].patient == "p1"
    assert volumes[0].subject == volumes[1].subject


def test_claims_larger_than_the_file_and_other_files_are_refused(tmp_path):
    path = write(tmp_path / "claim.h5", scanned(0))
    for key, message in (("claim", "claims .* more than the file holds"), ("link", "another file")):
        with h5py.File(path, "r+") as file:
            del file["kspace"]
            if key == "claim":
                file.create_dataset("kspace", (2**10, 8, 2**10, 2**10), "c8")
            else:
                file["kspace"] = h5py.ExternalLink(write(tmp_path / "o.h5", scanned(0)), "kspace")
        with pytest.raises(UnreadableFileError, match=rf"claim\.h5 cannot be read.*{message}"):
            Volume.open(path)


def test_files_that_hdf5_does_not_come_back_from_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(volume_module, "PATIENCE", 1.0)
    whole = write(tmp_path / "a.h5", scanned(0))
    looping, never = tmp_path / "looping.h5", tmp_path / "never.h5"
    content = bytearray(whole.read_bytes())
    # A heap of texts that holds zeros makes HDF5 2.0 loop.
    texts = content.index(b"GCOL") + 16
    content[texts : texts + 64] = bytes(64)
    looping.write_bytes(content)
    os.mkfifo(never)
    for path in (looping, never):
        with pytest.raises(UnreadableFileError, match=rf"{path.stem}\.h5 cannot be read"):
            split_patients([whole, path])
    monkeypatch.setattr(volume_module, "VISIT", "import os; os.abort()")
    assert split_patients([whole]), "it came back before"


def test_one_process_visits_all_files_that_are_new_or_changed(tmp_path, monkeypatch):
    started = []
    run = subprocess.run
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: started.append(a) or run(*a, **k))
    paths = [write(tmp_path / f"{name}.h5", scanned(0)) for name in "abc"]
    split_patients(paths)
    Volume.open(paths[0]).kspace(0)
    assert len(started) == 1
    os.utime(paths[0], ns=(0, 0))
    split_patients(paths)
    assert len(started) == 2
