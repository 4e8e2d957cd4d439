"""The ascent finds maxima that are known in closed form, and judges what is random fairly."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smuglib.attacks import Attack
from smuglib.attacks.ascent import StepLengths, checkpoints, climb
from smuglib.attacks.balls import Ball
from smuglib.random import complex_normal, generator

FIXED = Attack(keep="best", n_steps=20)
ADAPTIVE = replace(FIXED, step_rule="adaptive", step_fraction=2.0)
N = 24


def parts(x):
    return torch.view_as_real(x)


def ball(norm, *radii):
    center = torch.zeros(len(radii), N, dtype=torch.complex128)
    return Ball(norm, torch.tensor(radii, dtype=torch.float64), center)


def draw(key, batch=2):
    return complex_normal((batch, N), 1.0, generator(0, key), torch.zeros(1, dtype=torch.cdouble))


def reached(errors, where, attack, seed=0):
    delta = climb(errors, where, attack, generator(seed))
    assert torch.equal(where.project(delta), delta) or where.norm == "l2"
    return errors(delta, generator(0))


def dot(a, b):
    return (a.conj() * b).real.sum(1)


# --- known maxima -------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("attack", [FIXED, ADAPTIVE], ids=["fixed", "adaptive"])
def test_maximum_of_a_linear_error_is_the_dual_norm(norm, attack):
    slope = draw("slope")
    radii = torch.tensor([0.1, 3.0]).double()
    dual = parts(slope).abs().sum((1, 2)) if norm == "linf" else slope.norm(dim=1)
    found = reached(lambda delta, _: dot(slope, delta), ball(norm, *radii), attack)
    # In the l2 ball a fixed step turns the angle to the slope by a quarter of itself: 0.75^20 of
    # it is left, whose cosine falls short of 1 by less than 1e-5 of a start at a right angle.
    torch.testing.assert_close(found, radii * dual, rtol=1e-4, atol=0)


def trust_region_maximum(eigenvalues, b, radius):
    """Maximum of ``sum g |x|^2 + 2 Re <b, x>`` in an l2 ball, by bisection of its secular equation.

    At the maximum ``(mu - g) x = b`` with a multiplier mu > max g and ``||x|| = radius``.
    """
    low, high = eigenvalues.max(), eigenvalues.max() + b.norm() / radius + 1
    for _ in range(200):
        mu = (low + high) / 2
        too_long = (b / (mu - eigenvalues)).norm() > radius
        low, high = (mu, high) if too_long else (low, mu)
    x = b / (high - eigenvalues)
    return (eigenvalues * x.abs().square()).sum() + 2 * (b.conj() * x).real.sum()


@pytest.mark.parametrize("condition", [1e1, 1e3])
def test_maximum_of_a_quadratic_in_an_l2_ball(condition):
    """An error as that of a linear network: convex, with eigenvalues over decades."""
    eigenvalues = torch.logspace(0, -torch.log10(torch.tensor(condition)).item(), N).double()
    b, radii = 0.3 * draw("b"), (0.5, 2.0)

    def errors(delta, _):
        return (eigenvalues * delta.abs().square()).sum(1) + 2 * dot(b, delta)

    known = torch.stack(
        [trust_region_maximum(eigenvalues, v, r) for v, r in zip(b, radii, strict=True)]
    )
    found = reached(errors, ball("l2", *radii), replace(ADAPTIVE, n_steps=40))
    torch.testing.assert_close(found, known, rtol=1e-4, atol=0)
    assert (found <= known * (1 + 1e-9)).all()


@pytest.mark.parametrize("norm", ["linf", "l2"])
@pytest.mark.parametrize("n_steps", [10, 20, 40])
def test_adaptive_steps_beat_fixed_ones_where_the_problem_is_ill_conditioned(norm, n_steps):
    """A narrow ridge: the maximum lies in the ball and is 0, and long steps jump over it."""
    stiffness = torch.logspace(0, 2, N).double()
    peak = 0.3 * ball(norm, 1.0, 2.0).uniform(generator(0, "peak"))

    def errors(delta, _):
        return -(stiffness * (delta - peak).abs().square()).sum(1)

    gaps = [
        -reached(errors, ball(norm, 1.0, 2.0), replace(attack, n_steps=n_steps))
        for attack in (FIXED, ADAPTIVE)
    ]
    assert (gaps[1] < 0.5 * gaps[0]).all()


def test_a_better_start_is_never_lost():
    slope = draw("slope")
    where = ball("linf", 1.0, 1.0)
    vertex = torch.view_as_complex(parts(slope).sign())

    def errors(delta, _):
        # Every step away from the vertex falls.
        return -(delta - vertex).abs().square().sum(1) + 1e-3 * dot(slope, delta)

    found = climb(errors, where, replace(ADAPTIVE, n_steps=5), generator(0), start=vertex)
    assert torch.equal(found, vertex)


# --- step lengths -------------------------------------------------------------------------------


def test_checkpoints_are_those_of_the_paper():
    assert checkpoints(100) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert checkpoints(20) == [5, 9, 12, 14, 16, 18, 19, 20]
    assert checkpoints(1) == [1]
    with pytest.raises(ValueError, match="n_steps must be an integer >= 1"):
        checkpoints(0)


def reviews(curves, n_steps):
    """Return the lengths after every review of given error curves, ``[n_steps, batch]``."""
    steps = StepLengths(torch.ones(curves.shape[1]), n_steps)
    lengths = []
    for n_done, error in enumerate(curves):
        steps.review(n_done, error, curves[: n_done + 1].amax(0))
        lengths.append(steps.length)
    return torch.stack(lengths)


def test_lengths_are_halved_where_and_only_where_progress_stops():
    n = 100
    rising = torch.arange(n + 1.0)
    falling = -rising
    # Three steps of four improve, 17 of the first 22, which is enough; two of three are not.
    enough = torch.tensor([1.0, 1, 1, -2]).repeat(n)[:n].cumsum(0)
    scarce = torch.tensor([1.0, 1, -1]).repeat(n)[:n].cumsum(0)
    pad = torch.zeros(1)
    curves = torch.stack([rising, falling, torch.cat([pad, enough]), torch.cat([pad, scarce])], 1)
    lengths = reviews(curves, n)
    assert (lengths[:, 0] == 1).all()
    for column in (1, 3):
        assert [lengths[k, column].item() for k in (21, 22, 40, 41)] == [1, 0.5, 0.5, 0.25]
    assert (lengths[:41, 2] == 1).all()


def test_an_error_that_stands_still_is_no_progress():
    lengths = reviews(torch.ones(101, 1), 100)[:, 0]
    assert [lengths[k].item() for k in (21, 22, 41)] == [1, 0.5, 0.25]


def test_a_length_is_halved_when_the_best_error_stands_still():
    """Steps that improve on one another below an old best are no progress, two periods long."""
    curve = torch.cat([torch.arange(23.0), torch.tensor([-100.0]), torch.arange(-99.0, -22.0)])
    lengths = reviews(curve[:, None], 100)[:, 0]
    assert lengths[22] == 1
    # 18 of 19 steps improve up to the next checkpoint, but none exceeds the best of the first.
    assert lengths[40] == 1 and lengths[41] == 0.5


# --- noise --------------------------------------------------------------------------------------


def recorded_draws(attack, n_steps):
    """Run an attack on a random error; return the noise of its gradients and its judgements."""
    draws = {True: [], False: []}

    def errors(delta, noise):
        value = torch.randn((), generator=noise, dtype=torch.float64)
        draws[delta.requires_grad].append(value.item())
        return (1 + 0.1 * value) * parts(delta).sum((1, 2))

    climb(errors, ball("linf", 1.0, 1.0), replace(attack, n_steps=n_steps), generator(0))
    return draws[True], draws[False]


def test_gradients_see_fresh_noise_and_iterates_are_judged_under_one():
    gradients, judged = recorded_draws(replace(ADAPTIVE, n_restarts=2), 5)
    assert len(set(gradients)) == 10
    assert len(judged) == 2 * (5 + 2)
    first, second = judged[:5], judged[7:12]
    final = judged[5:7] + judged[12:]
    assert [len(set(values)) for values in (first, second, final)] == [1, 1, 1]
    assert len({first[0], second[0], final[0]} | set(gradients)) == 13


def test_without_noise_no_iterate_is_judged_twice():
    calls = []

    def errors(delta, _):
        calls.append(delta.requires_grad)
        return parts(delta).sum((1, 2))

    climb(errors, ball("l2", 1.0), replace(ADAPTIVE, n_steps=5), generator(0))
    assert (calls.count(True), calls.count(False)) == (5, 2)


def test_luck_does_not_win():
    """The judge's noise is common: of candidates with equal true errors none is preferred by noise.

    Each error is ``slope * delta`` plus noise a hundred times as large; a judge that redrew it
    would pick at random, and the true maximum would be missed in about half of the runs.
    """

    def errors(delta, noise):
        luck = torch.randn(delta.shape[0], generator=noise, dtype=torch.float64)
        return parts(delta).sum((1, 2)) + 100 * luck

    where = ball("linf", *[1.0] * 8)
    for attack in (replace(FIXED, n_restarts=3, n_steps=7), replace(ADAPTIVE, n_steps=7)):
        delta = climb(errors, where, attack, generator(0))
        assert torch.equal(parts(delta), torch.ones_like(parts(delta)))
