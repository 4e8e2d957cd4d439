"""The attack of the command is the library's, and its output tells what it did."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from smuglib import attacks, data, metrics
from smuglib.__main__ import main
from smuglib.commands.attack import attack_slice
from smuglib.commands.reconstruct import Settings
from smuglib.models import save_network
from smuglib.random import generator
from tests.kspace_files import WIDTH, slices
from tests.scans import network

h5py = pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")

RATE = {"sampling_rate": 0.5, "center_fraction": 0.34}


def attack(folder, *options, kspace=None):
    """Attack a file of two slices; return what the output holds."""
    np.save(folder / "scan.npy", slices(2) if kspace is None else kspace)
    save_network(folder / "net.safetensors", network("smug"))
    given = ["--method", folder / "net.safetensors", "--sampling-rate", 0.5, *options]
    given += ["--center-fraction", 0.34, "--steps", 3]
    command = ["attack", folder / "scan.npy", "-o", folder / "out.h5", *given]
    assert main([str(word) for word in command]) == 0
    with h5py.File(folder / "out.h5", "r") as file:
        return {name: torch.from_numpy(stored[()]) for name, stored in file.items()}


def level(text, line):
    return float(re.search(rf"^{line} +(-?\d+\.\d\d)$", text, re.MULTILINE)[1])


def test_the_image_is_attacked_against_the_reference(tmp_path, capsys):
    found = attack(tmp_path, "--epsilon", "1/100")
    text = capsys.readouterr().out
    scan = data.read_kspace(tmp_path / "scan.npy").scan(1, **RATE)
    z = scan.operator.adjoint(scan.kspace)
    delta = found["perturbed"] / scan.scale - z[0]
    # Up to the rounding of the input's units and back.
    assert torch.view_as_real(delta).abs().max().item() == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(found["reference"], scan.scale * scan.target[0])
    with torch.no_grad():
        again = network("smug")(
            found["perturbed"][None] / scan.scale,
            scan.operator,
            generator=generator(0, "smoothing"),
        )
    torch.testing.assert_close(again[0] * scan.scale, found["attacked"], rtol=1e-3, atol=1e-7)
    for name in ("clean", "attacked"):
        psnr = metrics.psnr(found[name][None], found["reference"][None]).item()
        assert level(text, name) == pytest.approx(psnr, abs=0.006)
    damage = level(text, "clean") - level(text, "attacked")
    assert level(text, "damage by the attack") == pytest.approx(damage, abs=0.011)
    assert 0 < damage and level(text, "noise of the same size") > level(text, "attacked")


def test_kspace_is_attacked_where_it_was_sampled(tmp_path):
    found = attack(tmp_path, "--domain", "kspace", "--slice", "0", "--epsilon", "0.05")
    scan = data.read_kspace(tmp_path / "scan.npy").scan(0, **RATE)
    delta = found["perturbed"] / scan.scale - scan.kspace[0]
    assert not delta[..., ~scan.mask[0, 0, 0]].any()
    assert (delta.norm() / scan.kspace.norm()).item() == pytest.approx(0.05, rel=1e-3)


def test_without_a_reference_it_is_the_clean_reconstruction(tmp_path, capsys):
    columns = np.arange(WIDTH)
    undersampled = slices(2) * ((columns % 2 == 0) | (abs(columns - WIDTH // 2) < 8))
    found = attack(tmp_path, kspace=undersampled)
    text = capsys.readouterr().out
    assert torch.equal(found["reference"], found["clean"])
    assert "PSNR against the clean one" in text and "damage" not in text
    assert level(text, "noise of the same size") > level(text, "attacked")


def test_it_is_the_ladders_strong_attack(tmp_path):
    np.save(tmp_path / "scan.npy", slices(1))
    scan, net = data.read_kspace(tmp_path / "scan.npy").scan(0, **RATE), network("modl")
    found = attack_slice(net, scan, Settings(seed=3), epsilon=0.02)
    z = scan.operator.adjoint(scan.kspace)
    expected = attacks.pgd(
        net, z, scan.operator, scan.target, epsilon=0.02, generator=generator(3, "attack"),
        attack=replace(attacks.LADDER["adaptive_strong"], n_samples=2),
    )  # fmt: skip
    assert torch.equal(found["perturbed"], expected)


def test_what_cannot_be_is_refused(tmp_path, capsys):
    np.save(tmp_path / "scan.npy", slices(1))
    command = ["attack", str(tmp_path / "scan.npy"), "-o", str(tmp_path / "out.h5")]
    command += ["--center-fraction", "0.34", "--sampling-rate", "0.5"]
    for options, message in (
        (["--slice", "1"], r"index of .*scan.npy must lie in \[0, 1\), got 1"),
        (["--epsilon", "-1"], "epsilon must be >= 0"),
        (["--steps", "0"], "n_steps must be an integer >= 1"),
    ):
        assert main([*command, "--method", "zero_filled", *options]) == 2
        assert re.search(message, capsys.readouterr().err)
    (tmp_path / "out.h5").write_text("a letter")
    assert main([*command, "--method", "zero_filled"]) == 2
    assert "is no output of smuglib" in capsys.readouterr().err
