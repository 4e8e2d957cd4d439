"""Reachable changes are those of the dense operator, and attacks keep to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.optimize import linprog

from smuglib import attacks
from smuglib.attacks import LADDER, Attack
from smuglib.attacks.ascent import climb
from smuglib.attacks.balls import Ball, RangeBall
from smuglib.consistency import RangeSpace
from smuglib.random import generator
from tests.helpers import (
    draw,
    line_mask,
    normal_matrix,
    plane_mask,
    sense,
    sense_matrix,
)
from tests.scans import measurement, network

FLOOR = 0.3
A = sense(line_mask("01101001", "10110010"), batch=2, height=4)
SHAPE = (2, 4, 8)


def dense_projector(scan, floor=FLOOR):
    values, vectors = np.linalg.eigh(normal_matrix(A, scan))
    kept = vectors[:, values >= floor]
    return kept @ kept.conj().T


def parts(x):
    return torch.view_as_real(x)


def ball(norm, *radii):
    center = torch.zeros(SHAPE, dtype=torch.complex128)
    radius = torch.tensor(radii, dtype=torch.float64)
    return RangeBall(norm, radius, center, reachable=RangeSpace(A, FLOOR))


# --- the subspace -------------------------------------------------------------------------------


def test_projection_is_that_of_the_dense_operator():
    reachable = RangeSpace(A, FLOOR)
    x = draw(*SHAPE)
    for scan in range(2):
        dense = dense_projector(scan)
        expected = (dense @ x[scan].numpy().ravel()).reshape(SHAPE[1:])
        np.testing.assert_allclose(reachable(x)[scan].numpy(), expected, atol=1e-12)
        assert reachable.dimension[scan] == round(np.trace(dense).real)
    # A part of the directions is out of reach, and not only the null space.
    values = np.linalg.eigvalsh(normal_matrix(A))
    assert ((values > 0.01) & (values < FLOOR)).any() and (values >= FLOOR).any()


def test_samples_are_projected_one_by_one():
    reachable, x = RangeSpace(A, FLOOR), draw(2, 3, 4, 8)
    apart = torch.stack([reachable(x[:, k]) for k in range(3)], 1)
    torch.testing.assert_close(reachable(x), apart, rtol=1e-13, atol=1e-14)


def test_a_reachable_change_has_its_price():
    """The least measurement error that causes it, by least squares, is as cheap as promised."""
    delta = RangeSpace(A, FLOOR)(draw(*SHAPE))
    for scan in range(2):
        adjoint, wanted = sense_matrix(A, scan).conj().T, delta[scan].numpy().ravel()
        cause = np.linalg.lstsq(adjoint, wanted, rcond=None)[0]
        np.testing.assert_allclose(adjoint @ cause, wanted, atol=1e-12)
        assert np.linalg.norm(cause) <= np.linalg.norm(wanted) / FLOOR**0.5


@pytest.mark.parametrize("floor", [0.0, 1.5, float("nan"), "low"])
def test_a_floor_out_of_range(floor):
    with pytest.raises((TypeError, ValueError), match="floor must"):
        RangeSpace(A, floor)


def test_images_that_do_not_fit_are_refused():
    reachable = RangeSpace(A, FLOOR)
    bad = {
        "shape": draw(2, 4, 7),
        "batch": draw(1, 4, 8),
        "dtype": draw(*SHAPE, dtype=torch.cfloat),
    }
    for x in bad.values():
        with pytest.raises(
            ValueError, match=r"^x must have shape \[2, \(sample,\) 4, 8\] and dtype"
        ):
            reachable(x)
    with pytest.raises(ValueError, match="^x must have 3 or 4 axes"):
        reachable(draw(4, 8))
    with pytest.raises(TypeError, match="^A must be a SenseOperator"):
        RangeSpace(None, FLOOR)


def test_a_floor_above_all_eigenvalues():
    weak = sense(line_mask("00010000"), n_coils=3)
    with pytest.raises(ValueError, match="floor must be at most the largest eigenvalue"):
        RangeSpace(weak, 1.0)


def test_a_mask_of_two_dimensions_is_refused():
    with pytest.raises(ValueError, match="1-D"):
        RangeSpace(sense(plane_mask(5, 8)), FLOOR)


# --- the ball -----------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_points_lie_in_ball_and_subspace(norm):
    where = ball(norm, 0.1, 2.0)
    far = 5 * draw(*SHAPE)
    points = [
        where.project(far),
        where.uniform(generator(0)),
        where.ascend(where.uniform(generator(1)), draw(*SHAPE, key="g"), where.radius),
    ]
    for point in points:
        torch.testing.assert_close(where.reachable(point), point, rtol=0, atol=1e-12)
        size = (
            parts(point).abs().flatten(1).amax(1)
            if norm == "linf"
            else point.flatten(1).norm(dim=1)
        )
        assert (size <= where.radius * (1 + 1e-12)).all() and (size > 0.1 * where.radius).all()


def test_uniform_draws_fill_the_l2_ball_of_the_subspace():
    where, g = ball("l2", 1.0, 1.0), generator(0)
    lengths = torch.stack([where.uniform(g).flatten(1).norm(dim=1) for _ in range(400)])
    # In n real dimensions the mean length is n / (n + 1), its standard error here below 0.002.
    n = 2 * where.reachable.dimension.double()
    torch.testing.assert_close(lengths.mean(0), n / (n + 1), rtol=0, atol=0.01)


def test_projection_to_the_l2_ball_is_exact():
    where, far = ball("l2", 0.1, 2.0), draw(*SHAPE)
    inside = where.reachable(far)
    lengths = inside.flatten(1).norm(dim=1)
    expected = inside * (where.radius / lengths).clamp_max(1)[:, None, None]
    torch.testing.assert_close(where.project(far), expected)


def test_ascent_reaches_the_linear_optimum_of_the_cube_in_the_subspace():
    """The largest ``Re <g, δ>`` with ``|δ| <= ε`` and ``P δ = δ`` is a linear program."""
    gradient, where = draw(*SHAPE, key="g"), ball("linf", 1.0, 1.0)
    attack = Attack(step_rule="adaptive", step_fraction=2.0, keep="best", n_steps=30)

    def gains(delta, _):
        return (gradient.conj() * delta).real.sum((1, 2))

    found = gains(climb(gains, where, attack, generator(0)), None)
    for scan in range(2):
        out = np.eye(32) - dense_projector(scan)
        # Real form of the complex equations (I - P) δ = 0.
        equations = np.block([[out.real, -out.imag], [out.imag, out.real]])
        g = gradient[scan].numpy().ravel()
        cost = -np.concatenate([g.real, g.imag])
        best = -linprog(cost, A_eq=equations, b_eq=np.zeros(64), bounds=(-1, 1)).fun
        assert 0.95 * best <= found[scan].item() <= best * (1 + 1e-9)


def test_a_support_is_refused():
    where = ball("l2", 1.0, 1.0)
    with pytest.raises(ValueError, match="support must be None"):
        replace(where, support=torch.ones(8, dtype=torch.bool))


# --- the attack ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rung", ["random_uniform", "adaptive", "adaptive_strong"])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_an_attack_in_the_range_stays_there_and_hurts_less(rung, norm):
    y, B, target = measurement(batch=2, dtype=torch.complex128)
    net, z = network("modl", n_steps=4, dtype=torch.complex128), B.adjoint(y)
    damage = {}
    for domain in ("image", "range"):
        attack = replace(LADDER[rung], domain=domain, norm=norm, n_steps=5)
        attacked = attacks.run(attack, net, y, B, target, epsilon=0.02, generator=generator(0))
        with torch.no_grad():
            damage[domain] = (net(attacked, B) - target).abs().square().sum((1, 2))
    delta = attacked - z
    torch.testing.assert_close(RangeSpace(B, attack.floor)(delta), delta, rtol=0, atol=1e-12)
    inside = Ball(norm, torch.full((2,), 0.02 * (1 + 1e-9)).double(), z).project(delta)
    torch.testing.assert_close(inside, delta, rtol=1e-6, atol=0)
    if rung != "random_uniform":
        assert (damage["range"] < damage["image"]).all()


def test_pgd_keeps_to_the_range():
    y, B, target = measurement(batch=1)
    net, z = network("modl"), B.adjoint(y)
    free, low, high = (
        attacks.pgd(net, z, B, target, attack=Attack(**where), generator=generator(0)) - z
        for where in ({}, {"domain": "range", "floor": 0.05}, {"domain": "range", "floor": 0.9})
    )
    largest = RangeSpace(B, 0.9)
    torch.testing.assert_close(largest(high), high, rtol=0, atol=1e-6)
    for delta in (free, low):
        assert (largest(delta) - delta).abs().max() > 1e-4
    attack = replace(LADDER["adaptive"], domain="range", floor=0.05)
    run = attacks.run(attack, net, y, B, target, epsilon=1 / 255, generator=generator(0))
    assert torch.equal(run, z + low)
