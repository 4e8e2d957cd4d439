"""Whatever its settings, an attack stays in its ball and is not worse than where it starts."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib import attacks
from smuglib.attacks import LADDER
from smuglib.consistency import LinewiseSolver, RangeSpace
from smuglib.models import UnrolledNetwork
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from tests.attacked import error, parts
from tests.helpers import ToyDenoiser, draw, few_examples, line_mask, sense
from tests.strategies import images, keys, operators, scan_of

double = st.just(torch.complex128)
radii = st.floats(-6, 1).map(lambda decade: 10.0**decade)

PLAIN = {"random_start": False, "warm_start": False, "n_restarts": 1}
"""Settings that draw nothing."""


@st.composite
def settings(choose, **fixed):
    """Any rung of the ladder, in any domain and norm and with any steps, few of them."""
    rung = LADDER[choose(st.sampled_from(sorted(LADDER)))]
    options = {
        "domain": choose(st.sampled_from(["image", "range", "kspace"])),
        "norm": choose(st.sampled_from(["linf", "l2"])),
        "step_rule": choose(st.sampled_from(["fixed", "adaptive"])),
        "step_fraction": choose(st.floats(0.01, 10)),
        "random_start": choose(st.booleans()),
        "warm_start": choose(st.booleans()),
        "n_restarts": choose(st.integers(1, 2)),
        "n_steps": choose(st.integers(1, 3)),
        **fixed,
    }
    keep = (
        "best" if options["step_rule"] == "adaptive" else choose(st.sampled_from(["last", "best"]))
    )
    return replace(rung, **{"keep": keep} | options)


@st.composite
def scans(choose):
    """A network, an operator with a 1-D mask, and what it measures of a target."""
    A = choose(operators(lines_only=True, dtypes=double))
    key = choose(keys)
    target = images(A, 0, key)
    noise = choose(st.sampled_from([Smoothing("none"), Smoothing("denoiser", 0.1, 2)]))
    net = UnrolledNetwork(ToyDenoiser(), n_steps=2, lam=0.7, smoothing=noise)
    return net, A.forward(target), A, target


def perturbed(attack, net, y, A, target, epsilon):
    """Return δ and what it was added to; the attack's floor must be one that the scans reach."""
    door, start = (
        (attacks.pgd_kspace, y) if attack.domain == "kspace" else (attacks.pgd, A.adjoint(y))
    )
    found = door(net, start, A, target, epsilon=epsilon, attack=attack, generator=generator(0))
    return found - start, start


def reached(A):
    """An eigenvalue that every scan exceeds."""
    eigenvalues, _ = LinewiseSolver(A).eigen()
    return 0.5 * eigenvalues.flatten(1).amax(1).amin().item()


@few_examples
@given(scan=scans(), attack=settings(), epsilon=radii)
def test_every_attack_stays_in_its_ball_and_on_its_support(scan, attack, epsilon):
    net, y, A, target = scan
    attack = replace(attack, floor=reached(A))
    delta, start = perturbed(attack, net, y, A, target, epsilon)
    radius = torch.full((len(y),), epsilon, dtype=torch.float64)
    if attack.norm == "l2":
        size = delta.flatten(1).norm(dim=1)
        radius = radius * y.flatten(1).norm(dim=1) if attack.domain == "kspace" else radius
    else:
        size = parts(delta).abs().flatten(1).amax(1)
    # Start + δ - start is δ to the rounding of the larger of the two.
    slack = 1e-13 * (start.abs().amax() + radius)
    if attack.kind == "gaussian" and attack.norm == "linf":
        radius = 6 * radius
    assert (size <= radius + slack * delta[0].numel() ** 0.5).all()
    assert (size > 0).all()
    if attack.domain == "kspace":
        assert not (delta * ~A.mask).any()
    if attack.domain == "range":
        outside = delta - RangeSpace(A, reached(A))(delta)
        assert outside.norm() <= 1e-11 * (start.norm() + delta.norm())


@few_examples
@given(scan=scans(), attack=settings())
def test_an_epsilon_of_zero_changes_no_bit(scan, attack):
    net, y, A, target = scan
    start = y if attack.domain == "kspace" else A.adjoint(y)
    door = attacks.pgd_kspace if attack.domain == "kspace" else attacks.pgd
    options = {"epsilon": 0, "attack": attack, "generator": generator(0)}
    assert torch.equal(door(net, start, A, target, **options), start)


@few_examples
@given(scan=scans(), attack=settings(keep="best", **PLAIN), epsilon=radii)
def test_the_best_iterate_is_not_worse_than_the_start(scan, attack, epsilon):
    net, y, A, target = scan
    net.smoothing = Smoothing("none")
    attack = replace(attack, kind="pgd", floor=reached(A))
    delta, start = perturbed(attack, net, y, A, target, epsilon)
    images = [start, start + delta]
    if attack.domain == "kspace":
        images = [A.adjoint(kspace) for kspace in images]
    clean, worst = (error(net, z, A, target) for z in images)
    assert (worst >= clean * (1 - 1e-12)).all()


@few_examples
@given(scan=scans(), attack=settings(norm="l2", step_rule="fixed", **PLAIN), epsilon=radii)
def test_a_scan_is_attacked_as_if_it_were_alone(scan, attack, epsilon):
    net, y, A, target = scan
    attack = replace(attack, kind="pgd", through="around", floor=reached(A))
    together, start = perturbed(attack, net, y, A, target, epsilon)
    for index in range(len(y)):
        own = slice(index, index + 1)
        alone, _ = perturbed(attack, net, y[own], scan_of(A, index), target[own], epsilon)
        difference = (together[own] - alone).norm()
        assert difference <= 1e-8 * alone.norm() + 1e-13 * start[own].norm()


def test_a_relative_radius_is_that_of_the_samples_alone():
    """What lies beside the mask was not measured, and lends an attack no strength."""
    A = sense(line_mask("01101001"), height=4)
    target = draw(1, 4, 8, key="target")
    y, beside = A.forward(target), draw(1, 3, 4, 8, key="beside") * ~A.mask
    net = UnrolledNetwork(ToyDenoiser(), n_steps=2)
    clean, dirty = (
        attacks.pgd_kspace(net, start, A, target, epsilon=0.1, generator=generator(0)) - start
        for start in (y, y + beside)
    )
    torch.testing.assert_close(dirty, clean, rtol=1e-9, atol=1e-12)


def test_what_an_attack_cannot_use_is_refused_by_name():
    A = sense(line_mask("01101001"), height=4)
    target = draw(1, 4, 8, key="target")
    y, net = A.forward(target), UnrolledNetwork(ToyDenoiser(), n_steps=1)
    doors = [(attacks.pgd, "z", A.adjoint(y)), (attacks.pgd_kspace, "y", y)]
    for door, name, start in doors:
        settings = {"epsilon": 0.1, "generator": generator(0)}
        cases = [
            (
                TypeError,
                f"{name} must be torch.complex128 as the maps",
                start.to(torch.complex64),
                {},
            ),
            (ValueError, f"{name} must be finite", start * torch.nan, {}),
            (ValueError, f"{name} must have", start[None], {}),
            (TypeError, "attack must be an Attack", start, {"attack": "adaptive"}),
        ]
        for error_type, message, given_start, options in cases:
            with pytest.raises(error_type, match=f"^{message}"):
                door(net, given_start, A, target, **settings | options)
