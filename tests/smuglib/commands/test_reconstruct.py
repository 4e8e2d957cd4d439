"""Files go in and images come out, whatever stops the command on its way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import asdict

import numpy as np
import pytest
import torch
from safetensors import torch as safetensors

from smuglib import data, files
from smuglib.__main__ import main
from smuglib.analysis import uncertainty
from smuglib.commands.reconstruct import Parts, Settings, load_method, mark_of
from smuglib.models import TotalVariation, save_network
from smuglib.random import generator
from tests import fastmri_files
from tests.kspace_files import HEIGHT, WIDTH, slices
from tests.scans import network

h5py = pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")

COMMAND = (sys.executable, "-m", "smuglib", "reconstruct")


def read(path, name="reconstruction"):
    with h5py.File(path, "r") as file:
        return torch.from_numpy(file[name][()])


@pytest.fixture
def volume(tmp_path):
    np.save(tmp_path / "scan.npy", slices(2))
    return tmp_path / "scan.npy"


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "net.safetensors"
    save_network(path, network("smug"))
    return path


def fastmri_nmse(target, reconstruction):
    """As fastMRI's ``evaluate.py`` computes it of two files: their shapes must agree."""
    assert target.shape == reconstruction.shape
    return np.linalg.norm(target - reconstruction) ** 2 / np.linalg.norm(target) ** 2


def test_fastmris_evaluator_reads_the_output_of_its_own_files(tmp_path):
    """A complete scan's coil combination is its root sum of squares but for ESPIRiT's error."""
    kspace = torch.cat([fastmri_files.scanned(0), fastmri_files.scanned(1)])
    path = fastmri_files.write(tmp_path / "scan.h5", kspace)
    with h5py.File(path, "a") as file:
        rss = file["reconstruction_rss"][()][:, 32:96, 6:54]
        del file["reconstruction_rss"]
        file["reconstruction_rss"] = rss
    done = subprocess.run(
        [*COMMAND, path, "-o", tmp_path / "out.h5", "--method", "zero_filled", "--png"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with h5py.File(tmp_path / "out.h5", "r") as file:
        assert file["reconstruction"].dtype == np.float32
        assert fastmri_nmse(rss, file["reconstruction"][()]) < 0.01
    pictures = sorted(tmp_path.glob("out_*.png"))
    assert [picture.name for picture in pictures] == ["out_000.png", "out_001.png"]
    from PIL import Image

    with Image.open(pictures[0]) as picture:
        assert picture.size == (48, 64)
    assert not list(tmp_path.glob(".*"))


def test_a_method_another_lam_and_the_spread_are_those_of_the_library(tmp_path, volume, weights):
    options = [
        "--center-fraction",
        "0.34",
        "--method",
        str(weights),
        "--lam",
        "0.3",
        "--uncertainty",
        "4",
        "--seed",
        "2",
    ]
    out = tmp_path / "out.h5"
    assert (
        main(["reconstruct", str(volume), "-o", str(out), "--sampling-rate", "0.5", *options]) == 0
    )
    scan = data.read_kspace(volume).scan(1, sampling_rate=0.5, center_fraction=0.34, mask_seed=2)
    from smuglib import DataConsistency

    with torch.no_grad():
        x, spread = uncertainty.reconstruct(
            network("smug"), scan.operator.adjoint(scan.kspace),
            DataConsistency(scan.operator, 0.3), n_samples=4,
            generator=generator(2, "smoothing", 1),
        )  # fmt: skip
    # One more rounding by the scale.
    torch.testing.assert_close(read(out)[1], scan.scale * x[0].abs(), rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(read(out, "uncertainty")[1], scan.scale * spread[0])


def test_a_killed_run_goes_on_where_it_was(tmp_path):
    """A part that it finished is taken as it is: here another image, which a new one would undo."""
    source, out = tmp_path / "scan.npy", tmp_path / "out.h5"
    np.save(source, np.repeat(slices(1), 60, 0))
    command = [*COMMAND, source, "-o", out, "--method", "tv"]
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob(".out.h5.parts/[!.]*.safetensors"))) < 2:
        assert running.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert not out.exists()
    settings = Settings(method="tv")
    mark = mark_of(data.read_kspace(source), load_method(settings), settings)
    parts = Parts(out, mark)
    done = [index for index in range(60) if parts.read(index)]
    assert 2 <= len(done) < 60
    parts.write(0, {"reconstruction": torch.full((HEIGHT, WIDTH), 7.0)})
    (broken,) = parts.folder.glob(f"*_{done[1]}.safetensors")
    broken.write_bytes(broken.read_bytes()[:-1])
    assert main(["reconstruct", str(source), "-o", str(out), "--method", "tv"]) == 0
    found = read(out)
    assert len(found) == 60 and (found[0] == 7).all()
    assert (found[1:] == found[59]).all()
    assert not parts.folder.exists()


def test_a_finished_output_is_kept_and_a_foreign_one_is_not_overwritten(tmp_path, volume, capsys):
    out = tmp_path / "out.h5"
    command = ["reconstruct", str(volume), "-o", str(out), "--method", "zero_filled"]
    assert main(command) == 0
    state = out.stat().st_mtime_ns
    assert main(command) == 0 and out.stat().st_mtime_ns == state
    assert "is finished already" in capsys.readouterr().out
    assert main([*command[:-1], "tv"]) == 1 and out.stat().st_mtime_ns == state
    assert "made of another input or by others" in capsys.readouterr().err
    assert main([*command[:-1], "tv", "--force"]) == 0 and out.stat().st_mtime_ns > state
    out.write_text("a letter")
    assert main(command) == 1 and out.read_text() == "a letter"
    assert "is no output of smuglib" in capsys.readouterr().err


def test_a_folder_goes_on_after_a_bad_file_and_says_so(tmp_path, capsys):
    source = tmp_path / "in"
    source.mkdir()
    np.save(source / "a.npy", slices(1))
    (source / "b.h5").write_text("no HDF5")
    np.save(source / "c.npy", np.zeros((1, 2, 32, 32), np.complex64))
    np.savez(source / "d.npz", kspace=slices(2))
    (source / "._a.npy").write_text("of macOS")
    out = tmp_path / "out"
    assert main(["reconstruct", str(source), "-o", str(out), "--method", "zero_filled"]) == 1
    told = [x for x in capsys.readouterr().err.splitlines() if x.startswith("error: ")]
    assert len(told) == 3 and "b.h5 cannot be read" in told[0] and "c.npy cannot" in told[1]
    assert told[2] == "error: 2 of 4 files failed"
    assert len(read(out / "a.h5")) == 1 and len(read(out / "d.h5")) == 2
    assert not (out / "b.h5").exists() and not (out / "c.h5").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--method", "pca"], "method must be one of 'modl'"),
        (["--method", "missing.safetensors"], "no weights file missing.safetensors"),
        (["--method", "tv", "--uncertainty", "4"], "uncertainty needs a smoothed method, got 'tv'"),
        (["--uncertainty", "1"], "uncertainty must be an integer >= 2"),
        (["--sigma", "0.3"], "sigma must be one of"),
        (["--device", "tpu"], "device must be 'auto'"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_what_cannot_be_is_refused_before_anything_is_read(
    tmp_path, volume, capsys, options, message
):
    assert main(["reconstruct", str(volume), "-o", str(tmp_path / "out.h5"), *options]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scan.npy"]


def test_folders_without_files_or_with_two_of_one_name_are_refused(tmp_path, capsys):
    out = ["-o", str(tmp_path / "out")]
    assert main(["reconstruct", str(tmp_path), *out]) == 2
    assert "has no file of k-space: .npy, .npz" in capsys.readouterr().err
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_text("")
    assert main(["reconstruct", str(tmp_path), *out]) == 2
    assert "would have one output: a" in capsys.readouterr().err


def test_the_mark_tells_inputs_weights_and_settings_apart(tmp_path, volume):
    file, other = data.read_kspace(volume), Settings(method="tv", lam=0.1)
    marks = {
        mark_of(file, net, settings)
        for net, settings in (
            (TotalVariation(), Settings(method="tv")), (TotalVariation(), other),
            (network("smug"), other), (network("smug").requires_grad_(False), other),
        )
    }  # fmt: skip
    assert len(marks) == 3 and asdict(other)["lam"] == 0.1
    np.save(volume, 2 * slices(2))
    assert mark_of(data.read_kspace(volume), TotalVariation(), other) not in marks


def test_parts_are_sealed(tmp_path):
    parts = Parts(tmp_path / "out.h5", "mark")
    parts.write(3, {"reconstruction": torch.ones(2, 2)})
    (path,) = parts.folder.iterdir()
    assert files.is_whole(path.read_bytes()) and parts.read(4) is None
    assert torch.equal(parts.read(3)["reconstruction"], torch.ones(2, 2))
    path.write_bytes(safetensors.save({"reconstruction": torch.ones(2, 2)}))
    assert parts.read(3) is None
