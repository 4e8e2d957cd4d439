"""Local Lipschitz estimates: against Jacobian norms and the ratio itself."""

import pytest
import torch

from smuglib import UnrolledNetwork
from smuglib.analysis import jacobian_norm, local_lipschitz
from smuglib.analysis.linearization import reconstruction
from tests.jacobians import TIGHT, Scaled, problem, toy
from tests.unrolled import STEPS


@pytest.mark.parametrize("domain", ["image", "kspace"])
@pytest.mark.parametrize("placement", ["none", "denoiser"])
def test_in_a_tiny_ball_the_ratio_is_the_jacobian_norm(placement, domain):
    point, A = problem(batch=2, domain=domain)
    net = toy(placement)
    norm = jacobian_norm(net, point, A, domain=domain, **TIGHT).value
    options = {"radius": 1e-5, "domain": domain, "step_fraction": 1e3, "n_steps": 300}
    ratio, delta = local_lipschitz(net, point, A, n_restarts=1, **options)
    torch.testing.assert_close(ratio, norm, rtol=1e-3, atol=0)
    assert (delta.flatten(1).norm(dim=1) <= 1e-5 * (1 + 1e-9)).all()


def test_the_ratio_is_that_of_the_perturbation():
    point, A = problem(batch=2)
    net = toy("denoiser")
    ratio, delta = local_lipschitz(net, point, A, radius=0.5, n_steps=3)
    with torch.no_grad():
        f = reconstruction(net, A)
        change = (f(point + delta) - f(point)).flatten(1).norm(dim=1)
    torch.testing.assert_close(ratio, change / delta.flatten(1).norm(dim=1))


def test_a_linear_network_has_one_lipschitz_constant_at_every_radius():
    point, A = problem(batch=2)
    net = UnrolledNetwork(Scaled(), n_steps=STEPS)
    norm = jacobian_norm(net, point, A, **TIGHT)
    for radius in (1e-3, torch.tensor([1.0, 10.0])):
        ratio, _ = local_lipschitz(
            net, point, A, radius=radius, n_steps=1, n_restarts=1, start=norm.direction
        )
        torch.testing.assert_close(ratio, norm.value, rtol=1e-8, atol=0)


def test_the_ball_of_the_largest_part_is_kept_and_only_samples_move():
    point, A = problem(domain="kspace")
    _, delta = local_lipschitz(toy(), point, A, radius=0.1, domain="kspace", norm="linf", n_steps=3)
    largest = torch.view_as_real(delta).abs().max().item()
    assert largest == pytest.approx(0.1) and largest <= 0.1 + 1e-12
    assert (delta[:, :, :, ~A.mask[0, 0, 0]] == 0).all()


@pytest.mark.parametrize(
    "option",
    [
        {"radius": 2.0},
        {"norm": "linf"},
        {"n_steps": 4},
        {"step_fraction": 0.1},
        {"n_restarts": 9},
        {"seed": 1},
        {"n_samples": 1},
        {"unrolling_steps": 1},
        {"start": problem()[0]},
    ],
    ids=lambda option: next(iter(option)),
)
def test_every_option_of_the_search_changes_its_result(option):
    point, A = problem()
    settings = {"radius": 0.5, "n_steps": 1, "n_restarts": 1}
    plain, changed = (
        local_lipschitz(toy("denoiser"), point, A, **{**settings, **given})[1]
        for given in ({}, option)
    )
    assert not torch.allclose(plain, changed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.0}, "radius must be > 0"),
        ({"radius": torch.ones(3)}, "radius must be one or 1 numbers, got 3"),
        ({"norm": "l1"}, "norm must be one of"),
        ({"n_steps": 0}, "n_steps must be an integer >= 1"),
        ({"n_restarts": 0}, "n_restarts must be an integer >= 1"),
        ({"start": torch.zeros(1, 2, 2) + 0j}, "start must have the shape of the point"),
    ],
)
def test_impossible_searches_are_refused(options, message):
    point, A = problem()
    with pytest.raises(ValueError, match=message):
        local_lipschitz(toy(), point, A, **{"radius": 0.1} | options)
