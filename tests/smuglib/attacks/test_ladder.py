"""The rungs of the ladder: what each attacks, and in which order they do damage."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from smuglib import attacks
from smuglib.attacks import LADDER, Attack
from smuglib.models import UnrolledNetwork
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from tests.attacked import EPSILON, error, parts
from tests.scans import measurement, network


def test_transfer_attack_is_the_attack_on_the_network_without_smoothing():
    y, A, target = measurement(batch=1)
    smoothed, plain = network("smug"), network("modl")
    options = {"epsilon": EPSILON, "generator": None}
    results = []
    for net, rung in ((smoothed, "transfer"), (plain, "adaptive")):
        options["generator"] = generator(2)
        results.append(attacks.run(rung, net, y, A, target, **options))
    assert torch.equal(*results)


@pytest.mark.parametrize(
    ("rung", "method"),
    [
        ("transfer", "modl"),
        ("adaptive", "modl"),
        ("adaptive_strong", "modl"),
        ("adaptive_strong", "smug"),
        ("kspace", "modl"),
        (Attack(domain="range"), "modl"),
    ],
    ids=lambda value: "range" if isinstance(value, Attack) else value,
)
def test_damage_grows_with_epsilon_until_collapse(rung, method):
    y, A, target = measurement(batch=2)
    net = network(method)
    z = A.adjoint(y)
    scale = 10 if rung == "kspace" else 1

    def scored(attacked):
        return error(net, attacked, A, target, generator=generator(1), n_samples=16)

    damage = [scored(z)]
    for epsilon in (0.002, 0.008, 0.03, 0.3):
        attacked = attacks.run(
            rung, net, y, A, target, epsilon=scale * epsilon, generator=generator(0)
        )
        damage.append(scored(attacked))
    for weaker, stronger in zip(damage, damage[1:], strict=False):
        assert (stronger > weaker).all()
    # Collapse: the error is larger than the image.
    assert (damage[-1] > target.abs().square().sum((1, 2))).all()


def test_the_ladder_is_a_ladder():
    y, A, target = measurement(batch=2)
    net = network("modl", n_steps=8)
    damage = {}
    for rung in ("random_uniform", "transfer_published", "transfer", "adaptive_strong"):
        attacked = attacks.run(rung, net, y, A, target, epsilon=0.01, generator=generator(0))
        damage[rung] = error(net, attacked, A, target)
    assert (damage["transfer_published"] > damage["random_uniform"]).all()
    assert (damage["transfer"] > damage["transfer_published"]).all()
    assert (damage["adaptive_strong"] > damage["transfer"]).all()


class Rippled(torch.nn.Module):
    """A denoiser with ripples so fine that noise averages them away, but not their gradient."""

    def forward(self, x):
        parts = torch.view_as_real(x.resolve_conj())
        return 0.9 * x + torch.view_as_complex(0.02 * torch.sin(300 * parts))


def test_adaptive_rungs_see_through_a_smoothing_that_misleads_the_transfer():
    """The un-smoothed gradient is that of the ripples, six times the slope of what is left."""
    y, A, target = measurement(batch=2)
    net = UnrolledNetwork(Rippled(), n_steps=2, smoothing=Smoothing("denoiser", 0.05, 8))
    damage = {}
    for rung in ("random_uniform", "transfer", "adaptive", "adaptive_strong"):
        attacked = attacks.run(rung, net, y, A, target, epsilon=0.02, generator=generator(0))
        damage[rung] = error(net, attacked, A, target, generator=generator(1), n_samples=64)
    assert (damage["transfer"] > damage["random_uniform"]).all()
    assert (damage["adaptive"] > 1.2 * damage["transfer"]).all()
    # Both reach about the same corner of the cube; which is judged under the ascent's own noise.
    assert (damage["adaptive_strong"] > 0.995 * damage["adaptive"]).all()


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_a_warm_start_is_at_least_the_transfer_attack(domain):
    """Without noise it is exact: the transfer rung's own perturbation is among the candidates."""
    y, A, target = measurement(batch=3)
    net = network("modl", n_steps=4)
    transfer, strong = (
        replace(LADDER[rung], domain=domain, norm="l2") for rung in ("transfer", "adaptive_strong")
    )
    still = replace(strong, n_steps=1, n_restarts=1, step_fraction=1e-9)
    weaker, equal, stronger = (
        error(
            net, attacks.run(a, net, y, A, target, epsilon=0.1, generator=generator(0)), A, target
        )
        for a in (transfer, still, strong)
    )
    torch.testing.assert_close(equal, weaker, rtol=1e-5, atol=0)
    assert (stronger > weaker * (1 + 1e-4)).all()


@pytest.mark.parametrize(
    ("keep", "step_rule"), [("last", "fixed"), ("best", "fixed"), ("best", "adaptive")]
)
@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_an_attack_does_not_depend_on_the_batch(domain, norm, keep, step_rule):
    y, A, target = measurement(batch=2, dtype=torch.complex128)
    y, target = (
        y * torch.tensor([1, 3])[:, None, None, None],
        target * torch.tensor([1, 3])[:, None, None],
    )
    net = network("modl", dtype=torch.complex128)
    attack = Attack(
        domain=domain, norm=norm, keep=keep, step_rule=step_rule, random_start=False, n_steps=6
    )

    def attacked(chosen):
        alone = type(A)(A.maps[chosen], A.mask)
        return attacks.run(
            attack, net, y[chosen], alone, target[chosen], epsilon=0.01, generator=generator(0)
        )

    together = attacked(slice(0, 2))
    apart = torch.cat([attacked(slice(0, 1)), attacked(slice(1, 2))])
    torch.testing.assert_close(together, apart, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("rung", list(LADDER))
@pytest.mark.parametrize("method", ["modl", "smug"])
def test_the_same_seed_twice_is_bitwise_equal(rung, method):
    y, A, target = measurement(batch=2)
    attack = replace(LADDER[rung], n_steps=2)
    results = [
        attacks.run(attack, network(method), y, A, target, epsilon=0.01, generator=generator(seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_steps": 0}, "n_steps must be an integer >= 1"),
        ({"step_fraction": 0.0}, "step_fraction must be > 0"),
        ({"norm": "l1"}, "norm must be one of 'linf', 'l2'"),
        ({"n_restarts": 0}, "n_restarts must be"),
        ({"keep": "first"}, "keep must be one of"),
        ({"step_rule": "armijo"}, "step_rule must be one of"),
        ({"step_rule": "adaptive"}, "keep must be 'best' with step_rule 'adaptive'"),
        ({"gradient": "half"}, "gradient must be one of"),
        ({"through": "under"}, "through must be one of"),
        ({"n_samples": 0}, "n_samples must be"),
        ({"random_start": 1}, "random_start must be True or False"),
        ({"kind": "x"}, "kind must be one of"),
        ({"domain": "x"}, "domain must be one of"),
        ({"precision": "x"}, "precision must be one of"),
        ({"floor": 0.0}, "floor must lie in"),
        ({"warm_start": 1}, "warm_start must be True or False"),
    ],
)
def test_bad_attacks(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        Attack(**settings)


def test_unknown_rung():
    y, A, target = measurement(batch=1)
    with pytest.raises(ValueError, match="rung must be one of 'random_gaussian'"):
        attacks.run("stairs", network(), y, A, target, epsilon=0.01, generator=generator(0))


def test_published_rung_switches_the_smoothing_off():
    y, A, target = measurement(batch=1)
    net = network("smug")
    seen = []
    net.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["smoothing"]), with_kwargs=True
    )
    attacks.run("transfer_published", net, y, A, target, epsilon=0.01, generator=generator(0))
    assert seen == [Smoothing("none")] * 10


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_an_attack_climbs_the_objective_that_it_is_given(domain):
    y, A, target = measurement()
    net, rung = network("smug"), replace(LADDER["adaptive"], domain=domain, norm="l2", n_steps=6)

    def attacked(objective=None):
        options = {"epsilon": 0.05, "generator": generator(0), "objective": objective}
        return attacks.run(rung, net, y, A, target, **options)

    def corner(x):
        return x[:, 0, 0].real

    def seen(z):
        return corner(net(z, A, generator=generator(1)).detach()).item()

    clean = seen(A.adjoint(y))
    assert seen(attacked(corner)) > clean + 0.01
    assert seen(attacked(lambda x: -corner(x))) < clean - 0.01
    squared = attacked(lambda x: parts(x - target).square().sum((1, 2, 3)))
    assert torch.equal(squared, attacked())


@pytest.mark.parametrize("domain", ["image", "range", "kspace"])
@pytest.mark.parametrize("method", ["modl", "smug"])
def test_an_independent_search_finds_what_the_strong_one_finds(method, domain):
    """Two searches of different design end at nearly the same damage: neither is broken."""
    y, A, target = measurement(batch=2)
    net, norm = network(method), "l2" if domain == "kspace" else "linf"
    epsilon = 0.05 if domain == "kspace" else 0.01

    def damage(rung, **changes):
        attack = replace(LADDER[rung], domain=domain, norm=norm, **changes)
        z = attacks.run(attack, net, y, A, target, epsilon=epsilon, generator=generator(0))
        noise = {} if method == "modl" else {"generator": generator(9)}
        return error(net, z, A, target, **noise)

    independent, strong = damage("independent"), damage("adaptive_strong")
    assert (independent > damage("random_uniform")).all()
    # 0.1 dB is 2.3 % of the squared error.
    assert (independent < 1.023 * strong).all() and (independent > 0.95 * strong).all()


def test_the_steps_of_an_independent_search_shrink_to_nothing():
    y, A, target = measurement(batch=1)
    seen = []

    def net(z, A):
        seen.append(z.detach().clone())
        return 2 * z

    attack = replace(LADDER["independent"], n_steps=8, norm="l2", random_start=False)
    attacks.run(attack, net, y, A, target, epsilon=100.0, generator=generator(0))
    # Far from the border a step of l2 has its own length: ε times a falling cosine.
    lengths = [(b - a).norm().item() / 100.0 for a, b in zip(seen, seen[1:], strict=False)]
    expected = [(1 + math.cos(math.pi * k / 8)) / 2 for k in range(7)]
    assert lengths[0] == pytest.approx(1.0, rel=1e-4)
    assert all(found <= bound * 1.0001 for found, bound in zip(lengths, expected, strict=True))
