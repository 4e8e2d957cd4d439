"""K-space comes out of every kind of file as it went in, a slice at a time."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
import torch

from smuglib import data
from smuglib.files import UnreadableFileError
from tests import fastmri_files
from tests.kspace_files import (
    HEIGHT,
    N_COILS,
    WIDTH,
    complete,
    lines,
    slices,
    truth,
    write_cfl,
    write_ismrmrd,
)

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")


def write_npy(path, kspace):
    np.save(path, kspace)
    return path


def write_npz(path, kspace):
    np.savez(path, kspace=kspace)
    return path


def write_packed(path, kspace):
    np.savez_compressed(path, kspace=kspace)
    return path


def write_fortran(path, kspace):
    np.save(path, np.asfortranarray(kspace))
    return path


def write_fastmri(path, kspace):
    xml = fastmri_files.header(HEIGHT, WIDTH)
    return fastmri_files.write(path, torch.from_numpy(kspace), xml=xml)


WRITERS = {
    "npy": ("scan.npy", write_npy),
    "fortran": ("scan.npy", write_fortran),
    "npz": ("scan.npz", write_npz),
    "packed": ("scan.npz", write_packed),
    "bart": ("scan.cfl", write_cfl),
    "ismrmrd": ("scan.h5", lambda path, kspace: write_ismrmrd(path, lines(kspace))),
    "fastmri": ("scan.h5", write_fastmri),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_every_kind_of_file_gives_its_slices_back(tmp_path, kind):
    kspace = slices(3)
    name, write = WRITERS[kind]
    file = data.read_kspace(write(tmp_path / name, kspace))
    assert file.shape == kspace.shape and len(file) == 3
    for index in (2, 0, 1):
        found = file.kspace(index)
        assert found.dtype == torch.complex64
        np.testing.assert_array_equal(found[0].numpy(), kspace[index])
    with pytest.raises(IndexError, match=r"must lie in \[0, 3\), got 3"):
        file.kspace(3)


def test_one_image_needs_no_axis_of_slices(tmp_path):
    kspace = slices(1)
    for write, name in ((write_npy, "a.npy"), (write_npz, "a.npz")):
        file = data.read_kspace(write(tmp_path / name, kspace[0].astype(np.complex128)))
        assert file.shape == kspace.shape
        torch.testing.assert_close(file.kspace(0), torch.from_numpy(kspace))


def test_barts_other_planes_and_header_are_read(tmp_path):
    """A plane of two phase encodings, as of a 3-D scan whose readout was transformed."""
    kspace = slices(1)
    path = write_cfl(tmp_path / "scan.cfl", kspace)
    dims = [1, HEIGHT, WIDTH, N_COILS]
    (tmp_path / "scan.hdr").write_text(f"# Dimensions\n{' '.join(map(str, dims))}\n# Command\nx\n")
    for name in (path, path.with_suffix(".hdr")):
        np.testing.assert_array_equal(data.read_kspace(name).kspace(0).numpy(), kspace)


def test_mask_and_maps_beside_kspace_are_used(tmp_path):
    (maps, image), kspace = truth(), slices(1)
    mask = np.arange(WIDTH) % 2 == 0
    np.savez(tmp_path / "scan.npz", kspace=kspace[0], mask=mask, maps=maps[0].numpy())
    scan = data.read_kspace(tmp_path / "scan.npz").scan(0)
    assert scan.mask.flatten().tolist() == mask.tolist()
    torch.testing.assert_close(scan.maps, maps)
    torch.testing.assert_close(scan.target * scan.scale, image, rtol=1e-4, atol=1e-9)


def test_readout_beyond_the_reference_is_cut_off_exactly(tmp_path):
    """Expected: the reader of fastMRI volumes, which crops the same way."""
    path = fastmri_files.write(tmp_path / "a.h5", fastmri_files.scanned())
    xml = fastmri_files.header().replace(
        "</encodedSpace>",
        "</encodedSpace><reconSpace><matrixSize><x>64</x><y>48</y></matrixSize></reconSpace>",
    )
    import h5py

    with h5py.File(path, "a") as file:
        del file["reconstruction_rss"], file["ismrmrd_header"]
        file["ismrmrd_header"] = xml
    file = data.read_kspace(path)
    assert file.size == (64, 48)
    options = {"sampling_rate": 0.5, "center_fraction": 0.34}
    scan = file.scan(0, **options)
    expected = data.load_slice(path, 0, height=64, width=None, **options)
    for name in ("mask", "kspace", "maps", "target"):
        torch.testing.assert_close(getattr(scan, name), getattr(expected, name))


def test_an_undersampled_file_cannot_be_undersampled_again(tmp_path):
    kspace = slices(1) * (np.arange(WIDTH) % 3 > 0)
    file = data.read_kspace(write_npy(tmp_path / "a.npy", kspace))
    assert not file.is_complete(0)
    with pytest.raises(UnreadableFileError, match="slice 0 is undersampled: sampling_rate needs"):
        file.scan(0, sampling_rate=0.5)


@pytest.mark.parametrize("write", [write_npy, write_cfl])
def test_a_slice_of_a_volume_takes_the_memory_of_a_slice(tmp_path, write):
    """Reading may keep the slice, its bytes and a finite mask of it, never the 40 slices."""
    kspace = np.repeat(slices(1), 40, 0)
    suffix = {write_npy: "npy", write_cfl: "cfl"}[write]
    file = data.read_kspace(write(tmp_path / f"a.{suffix}", kspace))
    tracemalloc.start()
    file.kspace(39)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * kspace[0].nbytes < kspace.nbytes / 4


def broken(tmp_path):
    """Return what is wrong with a file, and the file."""
    kspace = slices(1)
    one = write_npy(tmp_path / "truncated.npy", kspace)
    one.write_bytes(one.read_bytes()[:-100])
    yield "claims the shape", one
    yield "expected complex", write_npy(tmp_path / "real.npy", kspace.real)
    yield "expected complex", write_npy(tmp_path / "flat.npy", kspace[0, 0])
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([{}], object), allow_pickle=True)
    yield "expected complex", objects
    np.savez(tmp_path / "other.npz", data=kspace)
    yield "lacks 'kspace', it has", tmp_path / "other.npz"
    np.savez(tmp_path / "maps.npz", kspace=kspace, maps=kspace[:, :2])
    yield "maps have shape", tmp_path / "maps.npz"
    short = write_cfl(tmp_path / "short.cfl", kspace)
    short.write_bytes(short.read_bytes()[:-8])
    yield "the header says", short
    volume = write_cfl(tmp_path / "volume.cfl", kspace)
    (tmp_path / "volume.hdr").write_text(f"# Dimensions\n4 {HEIGHT // 4} {WIDTH} {N_COILS}\n")
    yield "expected two of 0 to 2", volume
    (tmp_path / "text.h5").write_text("no HDF5")
    yield "is not a fastMRI or ISMRMRD file", tmp_path / "text.h5"
    (tmp_path / "text.npz").write_text("no archive")
    yield "is not a file of k-space", tmp_path / "text.npz"
    (tmp_path / "scan.mat").write_text("")
    yield r"suffix must be one of \.npy", tmp_path / "scan.mat"


def test_each_bad_file_is_refused_in_one_sentence(tmp_path):
    for message, path in broken(tmp_path):
        with pytest.raises(UnreadableFileError, match=rf"{path.stem}\.\w+ cannot.*{message}"):
            data.read_kspace(path)
    with pytest.raises(FileNotFoundError, match=r"no file .*none.npy"):
        data.read_kspace(tmp_path / "none.npy")


def test_a_slice_without_a_signal_is_refused(tmp_path):
    kspace = np.repeat(slices(1), 3, 0)
    kspace[1], kspace[2, 0, 0, 0] = 0, np.nan
    file = data.read_kspace(write_npy(tmp_path / "a.npy", kspace))
    file.kspace(0)
    for index in (1, 2):
        with pytest.raises(UnreadableFileError, match=f"slice {index} is not finite or holds no"):
            file.kspace(index)


# Real scans: SMUGLIB_KSPACE names a folder of files of k-space.


@pytest.mark.skipif("SMUGLIB_KSPACE" not in os.environ, reason="SMUGLIB_KSPACE names no folder")
def test_real_files_become_scans():
    from pathlib import Path

    found = [path for path in Path(os.environ["SMUGLIB_KSPACE"]).iterdir() if path.is_file()]
    for path in found:
        file = data.read_kspace(path)
        scan = file.scan(0)
        z = scan.operator.adjoint(scan.kspace)
        assert z.abs().max().item() == pytest.approx(1, abs=1e-4)
        if file.is_complete(0):
            assert complete(0).shape[0] == 1 and fastmri_files.relative(z, scan.target) < 0.05
