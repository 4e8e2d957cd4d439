"""Filtering keeps to the dense algebra, stops what is out of reach, and hides no gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smuglib import attacks
from smuglib.filtered import Filtered, realizable
from smuglib.random import generator
from smuglib.reachable import Reachable
from tests.helpers import ToyDenoiser, draw, normal_matrix
from tests.unrolled import LAM, A, Z, network, run

FLOOR = 0.3
PLACEMENTS = ["none", "end_to_end", "step", "denoiser"]


def outside(key="outside"):
    """Return a change that `FLOOR` puts out of reach."""
    x = draw(2, 4, 8, key=key)
    return x - Reachable(A, FLOOR)(x)


def test_realizable_is_differentiable_and_keeps_what_costs_little():
    z = Z.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda z: torch.view_as_real(realizable(z, A, FLOOR)), z)
    kept = realizable(Z, A, FLOOR)
    torch.testing.assert_close(realizable(kept, A, FLOOR), kept)
    torch.testing.assert_close(realizable(Z + outside(), A, FLOOR), kept)


def test_one_step_solves_the_dense_system_without_the_lost_directions():
    """``(P A^H A P + λ) x = P z + λ D(P z)``, from matrices."""
    net = Filtered(network("none"), FLOOR)
    x = run(net, n_steps=1)
    for scan in range(2):
        values, vectors = np.linalg.eigh(normal_matrix(A, scan))
        values[values < FLOOR] = 0
        normal = (vectors * values) @ vectors.conj().T
        z = realizable(Z, A, FLOOR)
        rhs = (z + LAM * ToyDenoiser()(z)).detach()[scan].numpy().ravel()
        expected = np.linalg.solve(normal + LAM * np.eye(32), rhs).reshape(4, 8)
        np.testing.assert_allclose(x[scan].numpy(), expected, atol=1e-12)


def test_filtering_the_input_alone_is_the_network_on_the_filtered_image():
    net = network("denoiser")
    filtered = run(Filtered(net, FLOOR, consistent=False))
    assert torch.equal(filtered, run(net, realizable(Z, A, FLOOR)))
    assert not torch.allclose(filtered, run(Filtered(net, FLOOR)))


@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_out_of_reach_has_no_effect(placement, consistent):
    plain = network(placement)
    net = Filtered(plain, FLOOR, consistent=consistent)
    torch.testing.assert_close(run(net, Z + outside()), run(net))
    assert (run(plain, Z + outside()) - run(plain)).abs().max() > 0.1


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_low_floor_changes_nothing_where_all_is_measured(placement):
    """Where every eigenvalue exceeds the floor, the filtered network is the network."""
    plain = network(placement)
    full = type(A)(A.maps, torch.ones_like(A.mask))
    z = draw(2, 4, 8, key="full")
    torch.testing.assert_close(run(Filtered(plain, 0.5), z, full), run(plain, z, full))


@pytest.mark.parametrize("placement", ["none", "denoiser"])
def test_the_gradient_is_that_of_finite_differences(placement):
    net = Filtered(network(placement), FLOOR)
    z = Z.clone().requires_grad_(True)
    assert torch.autograd.gradcheck(
        lambda z: torch.view_as_real(net(z, A, generator=generator(0))), z, fast_mode=True
    )


@pytest.mark.parametrize("gradient", ["exact", "cut"])
def test_it_is_attacked_like_any_other_network(gradient):
    net, target = Filtered(network("none"), FLOOR), draw(2, 4, 8, key="target")
    attacked = attacks.pgd(
        net, Z, A, target, epsilon=0.1, gradient=gradient, norm="l2", generator=generator(0)
    )
    before, after = ((run(net, z) - target).abs().square().sum((1, 2)) for z in (Z, attacked))
    assert (after > 1.001 * before).all()


def test_a_cut_gradient_is_cut_under_the_filter_too():
    net, target = Filtered(network("none"), FLOOR), draw(2, 4, 8, key="target")
    exact, cut = (
        attacks.pgd(
            net,
            Z,
            A,
            target,
            gradient=name,
            norm="l2",
            n_steps=1,
            random_start=False,
            epsilon=0.1,
            generator=generator(0),
        )
        for name in ("exact", "cut")
    )
    assert (exact - cut).abs().max() > 1e-3


def test_bad_settings():
    with pytest.raises(ValueError, match="floor must"):
        Filtered(network("none"), 0.0)
    with pytest.raises((TypeError, ValueError), match="consistent must"):
        Filtered(network("none"), FLOOR, consistent="yes")
    with pytest.raises(TypeError, match="z must be complex"):
        realizable(Z.real, A, FLOOR)
    with pytest.raises(ValueError, match="z must have shape"):
        realizable(Z[..., :-1], A, FLOOR)
