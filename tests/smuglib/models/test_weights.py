"""Weights files carry their architecture, and damaged or foreign ones are refused by name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from smuglib import files, models
from smuglib.files import UnreadableFileError
from smuglib.methods import METHODS, SIGMAS
from smuglib.models import UnrolledNetwork, denoisers, weights
from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator
from smuglib.smoothing import Smoothing
from tests.damage import damaged

ARCHITECTURE: dict[str, str | int] = {"name": "didn", "channels": 4, "blocks": 1}


def network(method="smug", seed=5):
    smoothing = Smoothing(METHODS[method], sigma=0.03, n_samples=3, share_noise=method == "smug")
    denoiser = denoisers.seeded(ARCHITECTURE, seed)
    return UnrolledNetwork(denoiser, n_steps=3, lam=0.7, smoothing=smoothing).eval()


def reconstruction(net):
    like = torch.zeros(1, dtype=torch.complex64)
    z = complex_normal((1, 16, 16), 1.0, generator(1), like)
    maps = torch.ones(1, 1, 16, 16, dtype=torch.complex64)
    mask = torch.arange(16).remainder(3).eq(0)[None, None, None]
    with torch.no_grad():
        return net(z, SenseOperator(maps, mask), generator=generator(2))


@pytest.mark.parametrize("method", METHODS)
def test_a_network_reconstructs_bitwise_the_same_after_a_round_trip(tmp_path, method):
    path, net = tmp_path / "a.safetensors", network(method)
    models.save_network(path, net, method=method, note=[1, 2])
    loaded, header = models.load_network(path)
    assert not loaded.training
    assert (loaded.n_steps, loaded.lam, loaded.smoothing) == (net.n_steps, net.lam, net.smoothing)
    assert header["method"] == method
    assert header["note"] == [1, 2]
    assert header["architecture"] == ARCHITECTURE
    assert torch.equal(reconstruction(loaded), reconstruction(net))


def test_half_precision_rounds_the_weights_once(tmp_path):
    net, paths = network(), [tmp_path / "first", tmp_path / "again"]
    models.save_network(paths[0], net, dtype=torch.float16)
    tensors, _ = weights.read_tensors(paths[0])
    assert {value.dtype for value in tensors.values()} == {torch.float16}
    rounded, _ = models.load_network(paths[0])
    for own, kept in zip(net.parameters(), rounded.parameters(), strict=True):
        assert kept.dtype == own.dtype
        # Half a unit in the last of 11 bits, and of the subnormal numbers below 2**-14.
        assert ((kept - own).abs() <= own.abs() * 2**-11 + 2**-25).all()
    models.save_network(paths[1], rounded, dtype=torch.float16)
    assert paths[1].read_bytes() == paths[0].read_bytes()


def test_loading_leaves_the_global_random_state_alone(tmp_path):
    models.save_network(tmp_path / "a.safetensors", network())
    before = torch.random.get_rng_state()
    models.load_network(tmp_path / "a.safetensors")
    assert torch.equal(torch.random.get_rng_state(), before)


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    models.save_network(path, network())
    before = path.read_bytes()

    def half(filename, content):
        filename.write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="disk full"):
        models.save_network(path, network(seed=6))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_only_a_named_denoiser_can_be_saved(tmp_path):
    with pytest.raises(TypeError, match="denoiser must be a Denoiser, got Identity"):
        models.save_network(tmp_path / "a.safetensors", UnrolledNetwork(nn.Identity()))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_named(tmp_path):
    path = tmp_path / "none.safetensors"
    with pytest.raises(FileNotFoundError, match=re.escape(f"no weights file {path}")):
        models.load_network(path)


def read_or_refused(path):
    """Return what a file holds; None if it is refused by name."""
    try:
        return weights.read_tensors(path)
    except UnreadableFileError as error:
        assert error.path == path  # noqa: PT017
        return None


def test_no_damage_is_read_as_other_weights(tmp_path):
    path = tmp_path / "a.safetensors"
    models.save_network(path, network())
    for content in damaged(path.read_bytes()):
        path.write_bytes(content)
        assert read_or_refused(path) is None


def test_no_damage_of_shipped_weights_is_read_as_others(tmp_path):
    """They are older than seals: their model card has their hashes, wherever a copy lies."""
    path = tmp_path / "a.safetensors"
    content = (weights.SHIPPED / "default" / "weights" / "smug_s0.05.safetensors").read_bytes()
    path.write_bytes(content)
    assert read_or_refused(path)[1]["method"] == "smug"
    for changed in damaged(content, n_changes=40, n_cuts=4):
        path.write_bytes(changed)
        assert read_or_refused(path) is None


def test_every_shipped_file_is_on_its_card():
    for path in weights.SHIPPED.glob("*/weights/*.safetensors"):
        weights.read_tensors(path)


def test_equal_weights_make_equal_files():
    tensors = dict(network().denoiser.state_dict())
    header = {"z": 1, "a": [1.5, None], "seconds": 0.1}
    assert weights.packed(tensors, header) == weights.packed(
        tensors, dict(reversed(header.items()))
    )


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "not a safetensors file of ours"),
        ({"smuglib": "[1]"}, "not a safetensors file of ours"),
    ],
)
def test_a_file_of_another_program_is_refused_and_read_on_request(tmp_path, metadata, reason):
    path = tmp_path / "a.safetensors"
    save_file({"weight": torch.zeros(3)}, path, metadata={"smuglib": '{"a": 1}'})
    with pytest.raises(UnreadableFileError, match=r"it has no seal.*.*\(path, verify="):
        weights.read_tensors(path)
    tensors, header = weights.read_tensors(path, verify=False)
    assert torch.equal(tensors["weight"], torch.zeros(3)) and header == {"a": 1}
    save_file({"weight": torch.zeros(3)}, path, metadata=metadata)
    with pytest.raises(UnreadableFileError, match=reason):
        weights.read_tensors(path, verify=False)


@pytest.mark.parametrize(
    "content", [b"", b"version https://git-lfs.github.com/spec/v1", b"\xff" * 99]
)
def test_a_file_that_is_no_safetensors_is_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    for verify in (True, False):
        with pytest.raises(UnreadableFileError, match=r"a\.safetensors cannot be read: it "):
            weights.read_tensors(path, verify=verify)


def test_weights_of_a_bare_denoiser_are_no_network(tmp_path):
    path = tmp_path / "a.safetensors"
    files.write_bytes(path, weights.packed(network().denoiser.state_dict(), {"update": 3}))
    with pytest.raises(ValueError, match="holds no network: its header names no architecture"):
        models.load_network(path)


@pytest.mark.parametrize(
    "other",
    [
        {"name": "didn", "channels": 8, "blocks": 1},
        {"name": "didn", "channels": 4, "blocks": 2},
        {"name": "dncnn", "channels": 4, "blocks": 1},
    ],
)
def test_weights_of_another_architecture_are_refused(tmp_path, other):
    path = tmp_path / "a.safetensors"
    models.save_network(path, network())
    denoiser = denoisers.seeded(other, seed=0)
    before = {name: value.clone() for name, value in denoiser.state_dict().items()}
    with pytest.raises(ValueError, match=r"a\.safetensors holds weights of another architecture"):
        weights.load_denoiser_state(denoiser, weights.read_tensors(path)[0], source=path)
    assert all(torch.equal(before[name], value) for name, value in denoiser.state_dict().items())


def test_a_header_that_does_not_fit_its_weights_is_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    models.save_network(path, network())
    tensors, header = weights.read_tensors(path)
    files.write_bytes(
        path, weights.packed(tensors, {**header, "architecture": {**ARCHITECTURE, "channels": 6}})
    )
    with pytest.raises(ValueError, match=r"has shape \(.*\) in the file and \(.*\) in the network"):
        models.load_network(path)


# --- shipped weights ------------------------------------------------------------------------------


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Stand-ins for the shipped weights, each with another seed."""
    monkeypatch.setattr(weights, "SHIPPED", tmp_path)
    for seed, (method, sigma) in enumerate((m, s) for m in METHODS for s in SIGMAS):
        path = tmp_path / "default" / "weights" / weights.file_name(method, sigma)
        models.save_network(path, network(method, seed))
    return tmp_path


def test_load_finds_every_method_at_both_noise_levels(shipped):
    for method, placement in METHODS.items():
        ours, posters = models.load(method), models.load(method, sigma=0.01)
        assert ours.smoothing.placement == posters.smoothing.placement == placement
        pairs = zip(ours.parameters(), posters.parameters(), strict=True)
        assert not all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", ["SMUG", "pretrained", "", None])
def test_load_refuses_an_unknown_method_and_names_the_known(shipped, name):
    with pytest.raises(ValueError, match="name must be one of 'modl', 'rs_e2e', 'smug_v0', 'smug'"):
        models.load(name)


@pytest.mark.parametrize("sigma", [0.02, 0.0, -1, float("nan"), "0.05"])
def test_load_refuses_a_noise_level_that_is_not_shipped(shipped, sigma):
    with pytest.raises(ValueError, match=r"sigma must be (one of \(0\.05, 0\.01\)|a finite)"):
        models.load("smug", sigma=sigma)


def test_load_names_the_file_that_is_not_shipped(shipped):
    with pytest.raises(
        FileNotFoundError, match=r"no weights file .*smoke.*smug_s0\.05\.safetensors"
    ):
        models.load("smug", profile="smoke")


@pytest.mark.parametrize("claim", [{"channels": 10**9}, {"blocks": 10**7}, {"channels": "8"}])
def test_an_architecture_that_the_tensors_do_not_fill_is_not_built(tmp_path, claim):
    path = tmp_path / "a.safetensors"
    models.save_network(path, network())
    tensors, header = weights.read_tensors(path)
    files.write_bytes(
        path, weights.packed(tensors, {**header, "architecture": {**ARCHITECTURE, **claim}})
    )
    with pytest.raises(ValueError, match="cannot be read"):
        models.load_network(path)
