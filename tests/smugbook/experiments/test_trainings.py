"""The poster's two trainings: what they see, what they leave, what they refuse."""

from __future__ import annotations

import json
import math
from dataclasses import fields
from typing import Any

import pytest
import torch
from torch import nn

from smugbook import profiles
from smugbook.experiments import trainings
from smugbook.experiments.adversary import ASCENT, attack_examples
from smugbook.experiments.examples import Examples
from smugbook.experiments.trainings import finetune, pretrain, stop_path
from smugbook.results import Store
from smuglib import random
from smuglib.consistency import DataConsistency
from smuglib.files import sha256, write_bytes
from smuglib.losses import reconstruction_loss
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork, denoisers, load_network
from smuglib.models.weights import packed, read_tensors
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from smuglib.training import ranks

TINY = profiles.get("smoke").replace(
    height=48, width=32, strip_height=32, n_train=3, n_validation=1, n_validation_used=1,
    denoiser="dncnn", channels=4, blocks=1, pretraining_updates=2, updates=2, pretraining_batch=2,
)  # fmt: skip
CPU = torch.device("cpu")


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.fixture(scope="module")
def pretrained(tmp_path_factory):
    return pretrain(TINY, 0.05, tmp_path_factory.mktemp("pretrained"), device="cpu")


# --- the examples of an update --------------------------------------------------------------------


class Shrink(nn.Module):
    """A denoiser of single pixels: it has no boundary, so strips can be compared exactly."""

    def forward(self, x):
        return x * (0.9 - 0.1 * x.abs())


@pytest.mark.parametrize("solver", ["linewise", "cg"])
def test_a_strip_is_exactly_a_part_of_the_whole(solver):
    whole = Examples(TINY.replace(strip_height=48, n_train=1), 1, CPU)(4)
    strip = Examples(TINY.replace(strip_height=32, n_train=1), 1, CPU)(4)
    tops = [t for t in range(17) if torch.equal(strip[0], whole[0][:, t : t + 32])]
    assert len(tops) == 1
    rows = slice(tops[0], tops[0] + 32)
    assert torch.equal(strip[2], whole[2][:, rows])
    net = UnrolledNetwork(Shrink(), n_steps=3)
    steps = [DataConsistency(A, solver=solver, tol=1e-6) for A in (whole[1], strip[1])]
    with torch.no_grad():
        expected, found = net(whole[0], steps[0])[:, rows], net(strip[0], steps[1])
    torch.testing.assert_close(found, expected, atol=5e-6, rtol=0)


def test_every_epoch_sees_every_slice_once_in_a_fresh_order():
    examples = Examples(TINY.replace(n_train=6), 2, CPU)
    epochs = [[examples._index(e * 6 + k) for k in range(6)] for e in range(4)]
    assert all(sorted(epoch) == list(range(6)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_an_update_is_a_function_of_its_number_and_the_seed():
    one, two = Examples(TINY, 2, CPU), Examples(TINY, 2, CPU)
    one(0), one(1)
    for a, b in ((one(2)[0], two(2)[0]), (one(2)[2], two(2)[2])):
        assert a.shape == (2, 32, 32)
        assert torch.equal(a, b)
    assert not torch.equal(one(2)[0], one(3)[0])
    assert not torch.equal(one(2)[0], Examples(TINY.replace(seed=1), 2, CPU)(2)[0])


def test_the_order_of_an_epoch_is_its_own_draw_made_once(monkeypatch):
    profile = TINY.replace(n_train=7)
    orders = [torch.randperm(7, generator=generator(profile.seed, "order", e)) for e in range(3)]
    expected = torch.cat(orders).tolist()
    draws = []
    original = random.generator
    monkeypatch.setattr(random, "generator", lambda *path: draws.append(path) or original(*path))
    examples = Examples(profile, 2, CPU)
    assert [examples._index(position) for position in range(21)] == expected
    assert draws == [(profile.seed, "order", epoch) for epoch in range(3)]


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("batch", [1, 2])
def test_an_update_does_not_wait_for_a_gpu(batch):
    denoiser = denoisers.seeded(TINY.architecture, 0).to("cuda")
    network = UnrolledNetwork(denoiser, n_steps=2, smoothing=Smoothing("denoiser", 0.05, 2))
    examples = Examples(TINY, batch, torch.device("cuda"))
    for update in range(4):
        torch.cuda.set_sync_debug_mode("error" if update > 2 else "default")
        try:
            z, A, target = examples(update % 2)
            noise = random.generator(0, update, device="cuda")
            reconstruction_loss(network(z, A, generator=noise), target).backward()
        finally:
            torch.cuda.set_sync_debug_mode("default")


def test_slices_kept_for_a_training_are_bounded_and_change_nothing(monkeypatch):
    expected = [Examples(TINY, 2, CPU)(update) for update in range(4)]
    z, A, target = Examples(TINY, 1, CPU)._whole(0)
    one = z.nbytes + A.maps.nbytes + target.nbytes
    monkeypatch.setattr("smugbook.experiments.examples.MAX_BYTES", 2 * one)
    examples = Examples(TINY, 2, CPU)
    for update, (z, A, target) in enumerate(expected):
        found = examples(update)
        assert torch.equal(found[0], z) and torch.equal(found[2], target)
        assert torch.equal(found[1].maps, A.maps)
        assert examples._kept.currsize <= 2 * one
    assert len(examples._kept) == 2


def test_processes_share_the_examples_and_the_noise_of_an_update(monkeypatch):
    def example(batch=4, place=(0, 1)):
        monkeypatch.setattr(ranks, "place", lambda: place)
        examples = Examples(TINY, batch, CPU)
        z, A, target = examples(3)
        noise = random.complex_normal(z.shape, 1.0, examples.noise("any", 3), z)
        return [z, A.maps, target, noise], examples.describe(3)

    (whole, described), *shares = example(), example(place=(0, 2)), example(place=(1, 2))
    assert [share[1] for share in shares] == [described] * 2
    for parts in zip(whole, *(share[0] for share in shares), strict=True):
        assert torch.equal(parts[0], torch.cat(parts[1:]))
    with pytest.raises(ValueError, match="multiple of the number of processes, 2, got 3"):
        example(3, (0, 2))


def test_strips_lie_anywhere_in_the_slice():
    profile = TINY.replace(n_train=1)
    whole = Examples(profile.replace(strip_height=48), 1, CPU)(0)[0]
    strips = [Examples(profile, 1, CPU)(update)[0] for update in range(25)]
    tops = {t for strip in strips for t in range(17) if torch.equal(strip, whole[:, t : t + 32])}
    assert len(tops) > 8
    assert min(tops) < 4
    assert max(tops) > 12


# --- pre-training ---------------------------------------------------------------------------------


def test_pretraining_leaves_weights_of_the_profile_s_denoiser(pretrained):
    tensors, header = read_tensors(pretrained)
    assert header["settings"]["stage"] == "pretrain"
    assert header["settings"]["sigma"] == 0.05
    assert header["settings"]["channels"] == 4
    assert all(value.isfinite().all() for value in tensors.values())


def test_pretraining_twice_is_bitwise_the_same_and_options_change_it(pretrained, tmp_path):
    first = read_tensors(pretrained)[0]
    assert equal(first, read_tensors(pretrain(TINY, 0.05, tmp_path / "again", device="cpu"))[0])
    for name, change in {
        "sigma": (TINY, 0.01),
        "seed": (TINY.replace(seed=1), 0.05),
        "batch": (TINY.replace(pretraining_batch=1), 0.05),
        "learning_rate": (TINY.replace(learning_rate=1e-4), 0.05),
    }.items():
        assert not equal(
            first, read_tensors(pretrain(*change, tmp_path / name, device="cpu"))[0]
        ), name


def test_pretraining_teaches_to_remove_noise(tmp_path):
    profile = TINY.replace(
        pretraining_updates=150, n_validations=10, n_train=2, learning_rate=1e-2, channels=8
    )
    pretrain(profile, 0.2, tmp_path, device="cpu")
    log = (tmp_path / "log.csv").read_text().splitlines()
    scores = [float(line.split(",")[3]) for line in log[1:]]
    assert scores[-1] > scores[0] + 1


@pytest.mark.parametrize("sigma", [0, -0.1, float("nan"), "0.05"])
def test_an_impossible_noise_is_refused_before_anything_is_written(tmp_path, sigma, pretrained):
    with pytest.raises(ValueError, match="sigma must"):
        pretrain(TINY, sigma, tmp_path / "a")
    with pytest.raises(ValueError, match="sigma must"):
        finetune(TINY, "smug", sigma, pretrained, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


# --- fine-tuning ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_fine_tuned_from_the_same_denoiser(tmp_path, pretrained, method):
    path = finetune(TINY, method, 0.05, pretrained, tmp_path, device="cpu")
    network, header = load_network(path)
    assert network.smoothing.placement == METHODS[method]
    assert (network.smoothing.sigma, network.smoothing.n_samples) == (0.05, TINY.n_samples)
    assert (header["method"], header["sigma"]) == (method, 0.05)
    assert header["settings"]["start"] == sha256(pretrained)
    best, _ = read_tensors(tmp_path / "best.safetensors")
    rounded = {name: value.half().float() for name, value in best.items()}
    assert equal(dict(network.denoiser.state_dict()), rounded)
    assert not equal(dict(network.denoiser.state_dict()), read_tensors(pretrained)[0])


def test_fine_tuning_twice_is_bitwise_the_same_and_options_change_it(tmp_path, pretrained):
    def trained(name, profile=TINY, method="smug", sigma=0.05, start=pretrained):
        finetune(profile, method, sigma, start, tmp_path / name, device="cpu")
        return read_tensors(tmp_path / name / "last.safetensors")[0]

    first = trained("first")
    assert equal(first, trained("again"))
    changes: dict[str, dict[str, Any]] = {
        "weight": {"profile": TINY.replace(reconstruction_weight=10.0)},
        "denoised": {"profile": TINY.replace(reference="denoised")},
        "detached": {"profile": TINY.replace(reference="denoised_detached")},
        "samples": {"profile": TINY.replace(n_samples_training=3)},
        "steps": {"profile": TINY.replace(n_steps=3)},
        "lam": {"profile": TINY.replace(lam=0.5)},
        "learned lam": {"profile": TINY.replace(lam_learned=True)},
        "average": {"profile": TINY.replace(ema_decay=0.9)},
        "head": {"profile": TINY.replace(data="head")},
        "mask": {"profile": TINY.replace(sampling_rate=0.5)},
        "method": {"method": "smug_v0"},
        "sigma": {"sigma": 0.01},
        "fresh": {"start": None},
        "jitter": {"profile": TINY.replace(jitter=0.1)},
        "adversarial": {"profile": TINY.replace(adversarial=0.1)},
        "density": {"profile": TINY.replace(density="equispaced")},
    }
    for name, change in changes.items():
        assert not equal(first, trained(name, **change)), name


def test_a_learned_weight_goes_where_the_loss_falls_and_is_kept(tmp_path, pretrained):
    profile = TINY.replace(lam=0.3, lam_learned=True, updates=1, n_validations=1)
    path = finetune(profile, "modl", 0.05, pretrained, tmp_path, device="cpu")
    z, A, target = Examples(profile, 1, CPU)(0)
    denoiser = denoisers.seeded(TINY.architecture, 0)
    denoiser.load_state_dict(read_tensors(pretrained)[0])
    network = UnrolledNetwork(denoiser, n_steps=TINY.n_steps)
    with torch.no_grad():
        less, more = (
            reconstruction_loss(network(z, DataConsistency(A, lam)), target) for lam in (0.29, 0.31)
        )
    found, _ = load_network(path)
    # Adam's first step has the length of the rate: dλ = (1 - e^-λ) d softplus^-1(λ).
    step = trainings.LAM_RATE * TINY.learning_rate * (1 - math.exp(-0.3))
    assert found.lam - 0.3 == pytest.approx(step if less > more else -step, rel=0.01)
    kept = read_tensors(tmp_path / "last.safetensors")[0]["raw"]
    assert found.lam == torch.nn.functional.softplus(trainings.LAM_RATE * kept).item()


def test_jitter_is_noise_on_the_zero_filled_image_and_new_at_every_update(
    tmp_path, pretrained, monkeypatch
):
    seen, jitters = {}, (0.0, 0.1)
    original = UnrolledNetwork.forward
    for jitter in jitters:
        inputs = seen.setdefault(jitter, [])
        monkeypatch.setattr(
            UnrolledNetwork,
            "forward",
            lambda net, z, *rest, inputs=inputs, **options: (
                inputs.append(z) or original(net, z, *rest, **options)
            ),
        )
        profile = TINY.replace(jitter=jitter, updates=8, n_validations=1)
        finetune(profile, "modl", 0.05, pretrained, tmp_path / str(jitter), device="cpu")
    added = torch.stack([b - a for a, b in zip(*seen.values(), strict=True)][:8])
    assert torch.view_as_real(added).std().item() == pytest.approx(0.1, rel=0.02)
    assert len({noise.sum().item() for noise in added}) == 8
    assert torch.equal(seen[0.0][8], seen[0.1][8])  # validation sees the scan as it is


# --- adversarial training -------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["modl", "smug"])
def test_attacked_examples_lie_in_the_ball_and_are_worse(method):
    z, A, target = Examples(TINY, 2, CPU)(0)
    smoothing = Smoothing(METHODS[method], 0.05, 2)
    network = UnrolledNetwork(
        denoisers.seeded(TINY.architecture, 0), n_steps=2, smoothing=smoothing
    )
    step, epsilon = network.consistency_step(A), 0.02

    def draw(seed=0):
        return attack_examples(
            network, step, z, target, epsilon=epsilon, n_samples=2, generator=generator(seed, "a")
        )

    attacked = draw()
    parts = torch.view_as_real(attacked - z).abs()
    # A rounding of z + δ to single precision, where |z| is at most 1.
    assert parts.max().item() <= epsilon + 1e-7
    # Steps of 2/3 ε from a random start: signs that agree three times end on the boundary.
    assert (parts > 0.99 * epsilon).float().mean() > 0.5
    random_delta = (2 * torch.rand(*z.shape, 2, generator=generator(1, "b")) - 1) * epsilon

    def error(x):
        found = network(x, step, generator=generator(2, "score"), n_samples=8)
        return (found - target).abs().square().sum().item()

    with torch.no_grad():
        assert error(attacked) > 1.02 * error(z + torch.view_as_complex(random_delta)) > 0
    assert torch.equal(attacked, draw()) and not torch.equal(attacked, draw(1))
    assert not attacked.requires_grad
    assert all(p.requires_grad and p.grad is None for p in network.parameters())
    assert ASCENT.n_steps == 3


def test_adversarial_training_lowers_the_attacked_error_of_an_update_s_examples(
    tmp_path, pretrained
):
    plain = TINY.replace(updates=40, n_validations=1, learning_rate=5e-3, lam=0.2)
    epsilon, errors = 0.05, {}
    for name, profile in (("plain", plain), ("adversarial", plain.replace(adversarial=epsilon))):
        path = finetune(profile, "modl", 0.05, pretrained, tmp_path / name, device="cpu")
        network, _ = load_network(path)
        found = []
        for update in range(3):
            z, A, target = Examples(plain, 1, CPU)(update)
            step, noise = network.consistency_step(A), generator(update, "test")
            ball = {"epsilon": epsilon, "n_samples": 1, "generator": noise}
            attacked = attack_examples(network, step, z, target, **ball)
            with torch.no_grad():
                found.append((network(attacked, step) - target).abs().square().mean().item())
        errors[name] = sum(found)
    assert errors["adversarial"] < 0.9 * errors["plain"]


def test_an_attack_in_training_knows_the_weight_that_is_learned(tmp_path, pretrained, monkeypatch):
    seen = []
    original = trainings.attack_examples

    def spy(network, step, *rest, **options):
        seen.append((step.lam.item(), step.lam.requires_grad))
        return original(network, step, *rest, **options)

    monkeypatch.setattr(trainings, "attack_examples", spy)
    profile = TINY.replace(lam=0.3, lam_learned=True, adversarial=0.01, updates=3)
    finetune(profile, "modl", 0.05, pretrained, tmp_path, device="cpu")
    weights = [lam for lam, _ in seen]
    assert weights[0] == pytest.approx(0.3) and len(set(weights)) == 3
    assert not any(learned for _, learned in seen)


# --- what later fields and early stops leave alone ------------------------------------------------


def test_fields_that_joined_later_are_settings_only_where_they_are_used():
    before = trainings.finetuning_plan(TINY, "modl", 0.05, None).settings
    assert not {"adversarial", "density"} & before.keys()
    assert len(before) == len(fields(profiles.Profile)) - 2 + 4
    after = TINY.replace(adversarial=0.01, density="equispaced")
    used = trainings.finetuning_plan(after, "modl", 0.05, None).settings
    assert used == {**before, "adversarial": 0.01, "density": "equispaced"}


def test_a_training_from_before_those_fields_goes_on_and_is_recognized(tmp_path, pretrained):
    """The settings of a run that is going on, written out: no field may join them."""
    finetune(TINY, "modl", 0.05, pretrained, tmp_path, device="cpu")
    made = json.loads((tmp_path / "provenance.json").read_text())["settings"]
    expected = (
        "name height width n_coils n_train n_validation n_test channels blocks n_steps "
        "n_samples pretraining_updates updates strip_height n_validations n_validation_used "
        "denoiser data lam lam_learned noise sampling_rate center_fraction n_samples_training "
        "pretraining_batch batch learning_rate clip_factor reconstruction_weight reference "
        "jitter ema_decay precision seed mask_seed stage method sigma start"
    )
    assert set(made) == set(expected.split())


@pytest.mark.parametrize("lam_learned", [False, True])
def test_stops_are_networks_of_their_updates_and_change_no_other(tmp_path, pretrained, lam_learned):
    profile = TINY.replace(updates=4, n_validations=4, lam_learned=lam_learned, lam=0.3)
    whole, kept = tmp_path / "whole", tmp_path / "kept"
    paths = [
        finetune(profile, "modl", 0.05, pretrained, folder, device="cpu", stops=stops)
        for folder, stops in ((whole, ()), (kept, (1, 3)))
    ]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    (first, one), (third, three) = (load_network(stop_path(kept, n)) for n in (1, 3))
    assert (one["update"], three["update"]) == (1, 3)
    assert one["settings"] == load_network(paths[0])[1]["settings"]
    assert not equal(dict(first.denoiser.state_dict()), dict(third.denoiser.state_dict()))
    assert (first.lam != third.lam) == lam_learned
    start = read_tensors(pretrained)[0]
    assert not equal(dict(first.denoiser.state_dict()), start)
    assert not list(whole.glob("network_*"))


def test_an_interrupted_fine_tuning_ends_bitwise_as_one_that_was_not(
    tmp_path, pretrained, monkeypatch
):
    profile = TINY.replace(updates=4)
    finetune(profile, "smug", 0.05, pretrained, tmp_path / "whole", device="cpu")

    class Interruption(Exception):
        pass

    call = Examples.__call__

    def interrupted(self, update):
        if update == 3:
            raise Interruption
        return call(self, update)

    monkeypatch.setattr(Examples, "__call__", interrupted)
    with pytest.raises(Interruption):
        finetune(profile, "smug", 0.05, pretrained, tmp_path / "broken", device="cpu")
    monkeypatch.setattr(Examples, "__call__", call)
    finetune(profile, "smug", 0.05, pretrained, tmp_path / "broken", device="cpu")
    for name in ("network.safetensors", "last.safetensors"):
        whole, broken = (read_tensors(tmp_path / run / name) for run in ("whole", "broken"))
        assert equal(whole[0], broken[0])
        assert whole[1] == broken[1]


@pytest.mark.parametrize(
    "change",
    [
        {"profile": TINY.replace(updates=3)},
        {"profile": TINY.replace(reference="denoised")},
        {"method": "smug_v0"},
        {"sigma": 0.01},
    ],
)
def test_a_folder_of_another_training_is_refused(tmp_path, pretrained, change):
    asked: dict[str, Any] = {"profile": TINY, "method": "smug", "sigma": 0.05}
    finetune(**asked, start=pretrained, folder=tmp_path, device="cpu")
    with pytest.raises(ValueError, match="belongs to a training with other settings"):
        finetune(**{**asked, **change}, start=pretrained, folder=tmp_path, device="cpu")


def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, pretrained):
    folder = tmp_path / "run"
    with pytest.raises(ValueError, match="method must be one of 'modl'"):
        finetune(TINY, "pretrained", 0.05, pretrained, folder)
    with pytest.raises(ValueError, match="device must be 'auto'"):
        finetune(TINY, "smug", 0.05, pretrained, folder, device="gpu")
    with pytest.raises(ValueError, match="device must be 'auto'"):
        pretrain(TINY, 0.05, folder, device="gpu")
    with pytest.raises(FileNotFoundError, match="no weights file"):
        finetune(TINY, "smug", 0.05, tmp_path / "none.safetensors", folder)
    with pytest.raises(ValueError, match="another architecture"):
        finetune(TINY.replace(channels=5), "smug", 0.05, pretrained, folder)
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(pretrained.read_bytes()[:-8])
    with pytest.raises(ValueError, match=r"damaged\.safetensors cannot be read"):
        finetune(TINY, "smug", 0.05, damaged, folder)
    assert not folder.exists()


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_what_is_not_finite_is_named_with_its_slices(tmp_path, monkeypatch, pretrained, stage):
    def train(folder):
        if stage == "pretrain":
            return pretrain(TINY, 0.05, tmp_path / folder, device="cpu")
        return finetune(TINY, "modl", 0.05, pretrained, tmp_path / folder, device="cpu")

    with monkeypatch.context() as patched:
        patched.setattr(trainings, "psnr", lambda *_: torch.tensor([torch.nan]))
        expected = r"PSNR of val slice 0 is nan after update 0 of a \(train slices \d"
        with pytest.raises(RuntimeError, match=expected):
            train("a")
    call = Examples.__call__

    def broken(self, update):
        z, operator, target = call(self, update)
        return z, operator, target * torch.nan if update == 1 else target

    monkeypatch.setattr(Examples, "__call__", broken)
    with pytest.raises(RuntimeError, match=r"loss became nan at update 1 of b \(train slices \d"):
        train("b")


def test_the_exported_network_has_the_best_weights_not_the_last(tmp_path):
    network = load_network_of(tmp_path, best=1.0, last=2.0)
    assert all((value == 1.0).all() for value in network.denoiser.state_dict().values())


def load_network_of(folder, *, best, last):
    """Export a network whose best and last weights are constants."""
    denoiser = denoisers.seeded(TINY.architecture, 0)
    for name, value in (("best", best), ("last", last)):
        filled = {key: torch.full_like(t, value) for key, t in denoiser.state_dict().items()}
        header = {"settings": {}, "update": 1, "validation_psnr": 30.0}
        write_bytes(folder / f"{name}.safetensors", packed(filled, header))
    path, net = folder / "network.safetensors", UnrolledNetwork(denoiser)
    trainings._export(net, denoiser, folder / "best.safetensors", path, method="modl", sigma=0.05)
    return load_network(path)[0]


@pytest.mark.parametrize("asked", [True, False])
def test_graphs_are_asked_for_by_the_environment_alone(monkeypatch, tmp_path, pretrained, asked):
    seen = []

    class Stopped(Exception):
        """In place of a training."""

    def training(denoiser, *settings, **options):
        seen.append(denoiser.graphs)
        raise Stopped

    monkeypatch.setenv(profiles.GRAPHS, "1" if asked else "")
    monkeypatch.setattr(trainings, "Training", training)
    with pytest.raises(Stopped):
        pretrain(TINY, 0.05, tmp_path, device="cpu")
    with pytest.raises(Stopped):
        finetune(TINY, "modl", 0.05, pretrained, tmp_path, device="cpu")
    seen.append(Store.open("default", "shipped").load("modl", 0.05).denoiser.graphs)
    assert seen == [asked] * 3
