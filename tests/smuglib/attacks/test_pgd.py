"""Attacks keep to their ball, differentiate what they say, and can fail their own checks."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from smuglib import attacks
from smuglib.attacks import LADDER, Attack, ascent
from smuglib.consistency import DataConsistency
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork
from smuglib.random import complex_normal, generator
from tests.attacked import EPSILON, error, parts
from tests.scans import measurement, network

ULP = 1.2e-7  # images have magnitudes up to 1: z + δ - z is δ to one rounding of float32


def image(**settings):
    return replace(LADDER["adaptive"], **settings)


def kspace(**settings):
    return replace(LADDER["kspace"], **settings)


CUT = image(gradient="cut")
FRONT_DOORS = {"image": (attacks.pgd, image), "kspace": (attacks.pgd_kspace, kspace)}


class Shrink(torch.nn.Module):
    """A linear denoiser: the network's gradient has a closed form."""

    def forward(self, x):
        return 0.5 * x


# --- what is differentiated ---------------------------------------------------------------------


@pytest.mark.parametrize("method", list(METHODS))
@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_one_step_follows_the_finite_difference_gradient(method, domain):
    """An ℓ2 step from zero is the unit gradient: measure it against differences in float64."""
    y, A, target = measurement(batch=1, size=8, dtype=torch.complex128)
    net = network(method, dtype=torch.complex128)
    start = A.adjoint(y) if domain == "image" else y
    door, attack = FRONT_DOORS[domain]
    options = {"epsilon": 0.01, "n_steps": 1, "norm": "l2", "attack": attack(random_start=False)}
    delta = door(net, start, A, target, generator=generator(5), **options) - start

    def loss(point):
        z = point if domain == "image" else A.adjoint(point)
        return error(net, z, A, target, generator=generator(5)).item()

    direction = delta / torch.linalg.vector_norm(delta)
    probe = complex_normal(start.shape, 1.0, generator(6), start)
    probe = probe * A.mask if domain == "kspace" else probe
    h = 1e-6
    along, across = (
        (loss(start + h * d) - loss(start - h * d)) / (2 * h) for d in (direction, probe)
    )
    # Steepest ascent: <gradient, probe> = ||gradient|| <direction, probe> for every probe.
    assert along > 0
    projected = (direction.conj() * probe).real.sum().item()
    assert across == pytest.approx(along * projected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_cut_gradient_misses_the_data_consistency_paths(domain):
    y, A, target = measurement(batch=2)
    net = network("modl", n_steps=4)
    start = A.adjoint(y) if domain == "image" else y
    door, attack = FRONT_DOORS[domain]
    options = {"epsilon": 0.01}
    exact, cut = (
        door(net, start, A, target, attack=attack(gradient=name), generator=generator(0), **options)
        for name in ("exact", "cut")
    )
    assert (exact - cut).abs().max() > 1e-3
    reached = [
        error(net, x if domain == "image" else A.adjoint(x), A, target) for x in (exact, cut)
    ]
    assert (reached[0] > reached[1]).all()


def test_cut_gradient_is_the_published_codes():
    """With D(x) = x/2 and N = 2 the published gradient is (λ P / 2)^2 of the error's, λ = 1."""
    y, A, target = measurement(batch=1, size=8, dtype=torch.complex128)
    net = UnrolledNetwork(Shrink(), n_steps=2)
    z = A.adjoint(y)
    attack = image(n_steps=1, norm="l2", random_start=False, gradient="cut")
    delta = attacks.pgd(net, z, A, target, epsilon=0.01, attack=attack, generator=generator(0)) - z
    step = DataConsistency(A)
    gradient = step.solve(step.solve(net(z, A) - target))
    expected = gradient / torch.linalg.vector_norm(gradient) * 0.01 / 3
    torch.testing.assert_close(delta, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("method", ["rs_e2e", "smug_v0", "smug"])
def test_around_and_through_the_smoothing_differ(method):
    y, A, target = measurement(batch=1)
    net = network(method, sigma=0.3)
    through, around = (
        attacks.pgd(
            net, A.adjoint(y), A, target, attack=image(through=name), generator=generator(0)
        )
        for name in ("smoothing", "around")
    )
    assert not torch.equal(through, around)


def test_around_and_through_agree_without_smoothing():
    y, A, target = measurement(batch=1)
    net = network("modl")
    through, around = (
        attacks.pgd(
            net, A.adjoint(y), A, target, attack=image(through=name), generator=generator(0)
        )
        for name in ("smoothing", "around")
    )
    assert torch.equal(through, around)


# --- the ball -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [{"keep": "last"}, {"keep": "best"}, {"keep": "best", "step_rule": "adaptive"}],
    ids=str,
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_image_perturbation_stays_in_its_ball(norm, options):
    y, A, target = measurement(batch=3)
    z = A.adjoint(y)
    epsilon = EPSILON if norm == "linf" else 0.05
    attack = image(norm=norm, **options)
    attacked = attacks.pgd(
        network("smug"), z, A, target, epsilon=epsilon, attack=attack, generator=generator(0)
    )
    delta = attacked - z
    if norm == "linf":
        size = parts(delta).abs().amax((1, 2, 3))
    else:
        size = torch.linalg.vector_norm(delta, dim=(1, 2))
    assert (size <= epsilon + 20 * ULP).all()
    assert (size > 0.9 * epsilon).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_kspace_perturbation_stays_in_its_ball_and_on_the_samples(norm):
    y, A, target = measurement(batch=3)
    y = y * torch.tensor([1.0, 2.0, 0.5])[:, None, None, None]
    attacked = attacks.pgd_kspace(
        network("smug"), y, A, target, epsilon=0.02, norm=norm, generator=generator(0)
    )
    delta = attacked - y
    assert (delta[:, :, :, ~A.mask[0, 0, 0]] == 0).all()
    if norm == "linf":
        size = parts(delta).abs().flatten(1).amax(1)
    else:
        size = delta.flatten(1).norm(dim=1) / y.flatten(1).norm(dim=1)
    assert (size <= 0.02 * (1 + 1e-4)).all()
    assert (size > 0.9 * 0.02).all()


def test_zero_epsilon_returns_the_input():
    y, A, target = measurement(batch=1)
    net, g = network("smug"), generator(0)
    z = A.adjoint(y)
    assert torch.equal(attacks.pgd(net, z, A, target, epsilon=0, generator=g), z)
    assert torch.equal(attacks.pgd_kspace(net, y, A, target, epsilon=0.0, generator=g), y)
    for rung in LADDER:
        assert torch.equal(attacks.run(rung, net, y, A, target, epsilon=0.0, generator=g), z)


class Wavy(torch.nn.Module):
    """A denoiser whose error oscillates along the ascent, so that the last iterate is not best."""

    def forward(self, x):
        return x * torch.cos(20 * x.abs().square().sum((-2, -1), keepdim=True))


# --- damage -------------------------------------------------------------------------------------


def test_best_iterate_is_at_least_the_last():
    y, A, target = measurement(batch=3)
    net = UnrolledNetwork(Wavy(), n_steps=1)
    z = A.adjoint(y)
    attack = image(norm="l2", n_steps=7, random_start=False)
    last, best = (
        error(
            net,
            attacks.pgd(net, z, A, target, epsilon=0.5, attack=a, generator=generator(0)),
            A,
            target,
        )
        for a in (attack, replace(attack, keep="best"))
    )
    assert (best >= last * (1 - 1e-6)).all()
    assert (best > 1.01 * last).any()


@pytest.mark.parametrize("method", ["modl", "smug"])
def test_restarts_keep_the_worst_of_each_scan(method, monkeypatch):
    y, A, target = measurement(batch=3)
    net, z = network(method), A.adjoint(y)
    runs = []
    run_once = ascent._fixed

    def recorded(*args):
        runs.append(run_once(*args))
        return runs[-1]

    monkeypatch.setattr(ascent, "_fixed", recorded)
    attack = image(n_steps=1, n_restarts=4)
    kept = attacks.pgd(net, z, A, target, epsilon=0.02, attack=attack, generator=generator(0))
    # Candidates are compared under one noise, whatever the noise of their own ascent was.
    seed = int(torch.randint(2**62, (), generator=generator(0)))
    errors = torch.stack(
        [
            error(net, z + last, A, target, generator=torch.Generator().manual_seed(seed))
            for last, _ in runs
        ]
    )
    assert errors.argmax(0).unique().numel() > 1
    for scan, chosen in enumerate(errors.argmax(0)):
        assert torch.equal(kept[scan], z[scan] + runs[chosen][0][scan])


# --- options, independence, purity --------------------------------------------------------------


@pytest.mark.parametrize(
    "option",
    [
        {"n_steps": 4},
        {"attack": image(step_fraction=2.55)},
        {"norm": "l2"},
        {"attack": image(random_start=False)},
        {"attack": image(n_restarts=6)},
        {"attack": image(step_rule="adaptive", keep="best")},
        {"attack": image(n_samples=1)},
        {"unrolling_steps": 1},
        {"epsilon": 0.02},
    ],
    ids=str,
)
def test_every_option_changes_the_result(option):
    y, A, target = measurement(batch=1)
    net, z = network("smug"), A.adjoint(y)
    settings = {"n_steps": 2}
    plain = attacks.pgd(net, z, A, target, generator=generator(1), **settings)
    changed = attacks.pgd(net, z, A, target, generator=generator(1), **{**settings, **option})
    assert not torch.equal(plain, changed)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training):
    y, A, target = measurement(batch=1)
    net = network("smug").train(training)
    z = A.adjoint(y).requires_grad_(True)
    attacked = attacks.pgd(net, z, A, target, generator=generator(0))
    assert net.training is training
    assert not attacked.requires_grad
    assert z.grad is None
    assert all(p.grad is None and p.requires_grad for p in net.parameters())


@pytest.mark.parametrize("fails", [False, True])
def test_parameters_learn_afterwards_if_they_did_before(fails):
    y, A, target = measurement()
    net = network("smug")
    first, *others = net.parameters()
    first.requires_grad_(False)
    seen = []
    net.denoiser.register_forward_hook(
        lambda *call: seen.append(any(p.requires_grad for p in others)) or call[2] * (not fails)
    )
    with pytest.raises(RuntimeError, match="zero") if fails else nullcontext():
        attacks.pgd(net, A.adjoint(y), A, target, attack=CUT, generator=generator(0))
    assert seen and not any(seen)
    assert not first.requires_grad
    assert all(p.requires_grad for p in others)


def test_an_attack_works_where_gradients_are_switched_off():
    y, A, target = measurement(batch=1)
    net, z = network("modl"), A.adjoint(y)
    plain = attacks.pgd(net, z, A, target, generator=generator(0))
    with torch.no_grad():
        assert torch.equal(attacks.pgd(net, z, A, target, generator=generator(0)), plain)


@pytest.mark.parametrize(
    ("method", "options", "passes"),
    [
        ("smug", {}, 4),
        ("smug", {"keep": "best"}, 6),
        ("smug", {"n_restarts": 2}, 10),
        # Each iterate is judged under the run's noise; without noise its gradient's pass will do.
        ("smug", {"keep": "best", "step_rule": "adaptive"}, 10),
        ("modl", {"keep": "best", "step_rule": "adaptive"}, 6),
    ],
)
def test_no_forward_pass_is_wasted(method, options, passes):
    y, A, target = measurement(batch=1)
    net = network(method)
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))
    attack = image(n_steps=4, **options)
    attacks.pgd(net, A.adjoint(y), A, target, attack=attack, generator=generator(0))
    assert len(calls) == passes


def test_a_factored_step_gives_the_same_attack():
    y, A, target = measurement(batch=1)
    net, z = network("modl"), A.adjoint(y)
    results = [
        attacks.pgd(net, z, operator, target, generator=generator(0))
        for operator in (A, DataConsistency(A))
    ]
    assert torch.equal(*results)


class Constant(torch.nn.Module):
    """A denoiser that hides its gradient, as a non-differentiable defence does."""

    def forward(self, x):
        return x.detach()


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize("factor", [0.0, float("nan")])
def test_a_gradient_of_zero_or_nan_raises(factor):
    y, A, target = measurement(batch=1)

    class Broken(torch.nn.Module):
        def forward(self, x):
            return factor * x

    net = UnrolledNetwork(Broken(), n_steps=1)
    with pytest.raises(RuntimeError, match="gradient is zero or not finite for scans \\[0\\]"):
        attacks.pgd(net, A.adjoint(y), A, target, attack=CUT, generator=generator(0))


def test_a_gradient_that_the_network_hides_raises():
    y, A, target = measurement(batch=1)
    net = UnrolledNetwork(Constant(), n_steps=1)
    with pytest.raises(RuntimeError, match="gradient is zero"):
        attacks.pgd(net, A.adjoint(y), A, target, attack=CUT, generator=generator(0))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"epsilon": -0.1}, "epsilon must be >= 0"),
        ({"epsilon": float("nan")}, "epsilon must be a finite"),
        ({"n_steps": 0}, "n_steps must be an integer >= 1"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2'"),
        ({"unrolling_steps": 0}, "unrolling_steps must be"),
        ({"attack": Attack(domain="range")}, "attack.domain must be one of 'kspace', got 'range'"),
        ({"attack": kspace()}, "attack.domain must be one of 'image', 'range', got 'kspace'"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value),
)
@pytest.mark.parametrize("door", [attacks.pgd, attacks.pgd_kspace])
def test_bad_settings(door, option, message):
    y, A, target = measurement(batch=1)
    start = A.adjoint(y) if door is attacks.pgd else y
    options = {"epsilon": 0.01, **option}
    fits = "attack" in option and (option["attack"].domain == "kspace") == (door is not attacks.pgd)
    with nullcontext() if fits else pytest.raises(ValueError, match=message):
        door(network(), start, A, target, generator=generator(0), **options)


def test_bad_tensors():
    y, A, target = measurement(batch=1)
    net, z, g = network(), A.adjoint(y), generator(0)
    with pytest.raises(TypeError, match="z must be complex"):
        attacks.pgd(net, z.real, A, target, generator=g)
    with pytest.raises(TypeError, match="target must be complex"):
        attacks.pgd(net, z, A, target.real, generator=g)
    with pytest.raises(ValueError, match="z must have the shape of target"):
        attacks.pgd(net, z[..., :-1], A, target, generator=g)
    with pytest.raises(ValueError, match="target must be finite, got [0-9]+ NaN"):
        attacks.pgd(net, z, A, target * torch.nan, generator=g)
    with pytest.raises(ValueError, match="y must have the shape of the coil maps"):
        attacks.pgd_kspace(net, y[:, :1], A, target, epsilon=0.01, generator=g)
    with pytest.raises(TypeError, match="generator must be a torch.Generator"):
        attacks.pgd(net, z, A, target, generator=None)
    with pytest.raises(TypeError, match="A must be"):
        attacks.pgd(net, z, "A", target, generator=g)
