"""Projections, draws and noise keep to their ball."""

from __future__ import annotations

import pytest
import torch

from smuglib.attacks.balls import Ball, RangeBall
from smuglib.consistency import RangeSpace
from smuglib.random import complex_normal, generator
from tests.attacked import parts
from tests.helpers import line_mask, sense


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_projection_is_exact_and_idempotent(norm):
    center = torch.zeros(2, 3, 4, dtype=torch.complex128)
    ball = Ball(norm, torch.tensor([0.1, 2.0], dtype=torch.float64), center)
    far = complex_normal(center.shape, 5.0, generator(0), center)
    near = ball.project(far)
    assert torch.equal(ball.project(ball.uniform(generator(1))), ball.uniform(generator(1)))
    torch.testing.assert_close(ball.project(near), near, rtol=1e-15, atol=0)
    if norm == "linf":
        assert torch.equal(parts(near)[0], parts(far)[0].clamp(-0.1, 0.1))
    else:
        lengths = near.flatten(1).norm(dim=1)
        torch.testing.assert_close(lengths, ball.radius)
        scaled = far[0] / far[0].norm() * 0.1
        torch.testing.assert_close(near[0], scaled)


def test_draws_are_those_of_the_generator():
    center, radius = torch.zeros(2, 3, 4, dtype=torch.complex128), torch.tensor([0.5, 2.0]).double()
    support = (torch.arange(4) % 2 == 0).view(1, 1, 4)
    scale, rng = radius[:, None, None] * support, generator(0)
    corner = torch.rand(2, 3, 4, 2, generator=rng, dtype=torch.float64) * 2 - 1
    cube = Ball("linf", radius, center, support)
    torch.testing.assert_close(cube.uniform(generator(0)), torch.view_as_complex(corner) * scale)
    rng = generator(0)
    normal = complex_normal(center.shape, 1.0, rng, center) * support
    torch.testing.assert_close(cube.gaussian(generator(0)), normal * scale)
    direction = normal / normal.flatten(1).norm(dim=1)[:, None, None]
    # Six of twelve pixels are free, so twelve real parts.
    length = torch.rand(2, generator=rng, dtype=torch.float64) ** (1 / 12)
    sphere = Ball("l2", radius, center, support)
    expected = direction * scale * length[:, None, None]
    torch.testing.assert_close(sphere.uniform(generator(0)), expected)


def test_zero_has_no_direction_and_conjugates_have_one():
    center = torch.zeros(2, 3, dtype=torch.complex128)
    x = complex_normal(center.shape, 1.0, generator(0), center)
    x[0] = 0
    for norm in ("linf", "l2"):
        ball = Ball(norm, torch.tensor([1.0, 1.0]).double(), center)
        assert not ball.unit(x)[0].any()
        assert torch.equal(ball.project(x)[0], x[0])
        ascended = (
            ball.ascend(center, g, ball.radius) for g in (x.conj(), x.conj().resolve_conj())
        )
        assert torch.equal(*ascended)


def test_bad_balls_are_refused():
    center, radius = torch.zeros(1, 4, 8, dtype=torch.complex128), torch.ones(1).double()
    with pytest.raises(ValueError, match="^norm must be one of 'linf', 'l2', got 'l1'"):
        Ball("l1", radius, center)
    reachable = RangeSpace(sense(line_mask("01101001"), height=4), 0.3)
    with pytest.raises(ValueError, match="^norm must be"):
        RangeBall("l1", radius, center, reachable=reachable)
    with pytest.raises(ValueError, match="^support must be None"):
        RangeBall("l2", radius, center, center.real > 0, reachable=reachable)


def test_uniform_draws_fill_the_ball():
    center = torch.zeros(4000, 2, dtype=torch.complex128)
    radius = torch.full((4000,), 3.0).double()
    cube = parts(Ball("linf", radius, center).uniform(generator(0)))
    assert cube.abs().max() <= 3
    assert cube.std().item() == pytest.approx(3 / 3**0.5, rel=0.02)
    lengths = Ball("l2", radius, center).uniform(generator(0)).norm(dim=1)
    assert lengths.max() <= 3 * (1 + 1e-12)
    # In a ball of 4 real dimensions the mean distance from the centre is 4/5 of the radius.
    assert lengths.mean().item() == pytest.approx(2.4, rel=0.02)


def test_gaussian_noise_has_the_size_of_the_ball():
    center = torch.zeros(2, 64, 64, dtype=torch.complex64)
    support = torch.zeros(1, 1, 64, dtype=torch.bool)
    support[..., :8] = True
    noise = Ball("linf", torch.tensor([0.1, 0.2]), center, support).gaussian(generator(0))
    assert (noise[..., 8:] == 0).all()
    deviations = parts(noise[..., :8]).flatten(1).std(1)
    torch.testing.assert_close(deviations, torch.tensor([0.1, 0.2]), rtol=0.1, atol=0)
    noise = Ball("l2", torch.tensor([0.1, 0.2]), center, support).gaussian(generator(0))
    torch.testing.assert_close(noise.flatten(1).norm(dim=1), torch.tensor([0.1, 0.2]))
