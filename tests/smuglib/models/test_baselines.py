"""Total variation: the minimum it claims, gradients through the iterations, attacks, refusals."""

import numpy as np
import pytest
import torch

from smuglib import attacks, data, metrics
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.models import TotalVariation, Trace
from smuglib.models.baselines import total_variation
from smuglib.operators import SenseOperator
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from tests.helpers import draw, line_mask, normal_matrix, plane_mask, relative_difference, sense
from tests.scans import measurement

A = sense(line_mask("01101101"), height=5)
Y = A.forward(draw(1, 5, 8, key="image")) + 0.1 * A.mask * draw(1, 3, 5, 8, key="noise")
Z = A.adjoint(Y)
WEIGHT = 0.3


@pytest.fixture(scope="module")
def brain():
    return data.brain("val", 0)


# --- the minimum --------------------------------------------------------------------------------


def objective(x, y, A, weight):
    """What total variation minimizes."""
    misfit = torch.view_as_real(A.forward(x) - y).square().sum((-4, -3, -2, -1))
    return misfit + weight * total_variation(x)


def differences(height, width):
    """The gradient of an image as a matrix, a pair of rows a pixel, from its definition."""
    rows = np.zeros((height, width, 2, height, width))
    for i in range(height):
        for j in range(width):
            for axis, (k, m) in enumerate([(i + 1, j), (i, j + 1)]):
                if k < height and m < width:
                    rows[i, j, axis, k, m], rows[i, j, axis, i, j] = 1, -1
    return rows.reshape(height * width, 2, -1)


def by_admm(A, z, weight, n_iterations=20_000, rho=1.0):
    """Another algorithm, in dense matrices: alternating directions on ``v = ∇x``."""
    D = differences(*z.shape[-2:])
    flat = D.reshape(-1, D.shape[-1])
    step = np.linalg.inv(2 * normal_matrix(A) + rho * flat.T @ flat)
    v = u = np.zeros(D.shape[:2], complex)
    for _ in range(n_iterations):
        x = step @ (2 * z.numpy().ravel() + rho * flat.T @ (v - u).ravel())
        moved = D @ x + u
        length = np.linalg.norm(moved, axis=1, keepdims=True)
        v = moved * np.maximum(0, 1 - weight / rho / np.maximum(length, 1e-300))
        u = moved - v
    return torch.from_numpy(x.reshape(z.shape))


def test_total_variation_is_that_of_the_definition():
    x = draw(2, 5, 8)
    pairs = np.einsum("pax,bx->bpa", differences(5, 8), x.numpy().reshape(2, -1))
    assert total_variation(x).tolist() == pytest.approx(np.linalg.norm(pairs, axis=2).sum(1))
    edge = torch.zeros(4, 6, dtype=torch.complex128)
    edge[:, 3:] = 2j
    assert total_variation(edge).item() == 8


def test_objective_is_misfit_and_weighted_variation():
    x = draw(1, 5, 8)
    misfit = (A.forward(x) - Y).abs().square().sum()
    assert objective(x, Y, A, 0.7).item() == pytest.approx(
        (misfit + 0.7 * total_variation(x)).item()
    )


@pytest.mark.parametrize(("weight", "lam"), [(0.05, 0.05), (WEIGHT, 0.3), (1.5, 1.0)])
def test_the_minimum_is_that_of_another_algorithm(weight, lam):
    expected = by_admm(A, Z, weight)
    found = TotalVariation(weight, n_steps=3000, lam=lam)(Z, A)
    least = objective(expected, Y, A, weight).item()
    assert objective(found, Y, A, weight).item() == pytest.approx(least, rel=1e-9)
    assert relative_difference(found, expected) < 1e-6
    assert objective(Z, Y, A, weight).item() > 1.01 * least


def test_a_plane_mask_has_its_minimum_too():
    plane = sense(plane_mask(5, 6))
    z = plane.adjoint(plane.forward(draw(1, 5, 6)))
    found = TotalVariation(WEIGHT, n_steps=400)(z, DataConsistency(plane, 0.3, tol=1e-12))
    assert relative_difference(found, by_admm(plane, z, WEIGHT)) < 1e-5


def test_the_consistency_weight_sets_the_pace_and_not_the_goal():
    first, second = (TotalVariation(WEIGHT, n_steps=4000, lam=lam)(Z, A) for lam in (0.05, 1.0))
    assert relative_difference(first, second) < 1e-6
    few = [TotalVariation(WEIGHT, n_steps=3, lam=lam)(Z, A) for lam in (0.05, 1.0)]
    assert relative_difference(*few) > 1e-3


@pytest.mark.parametrize("attacked", [False, True])
def test_default_iterations_have_converged(brain, attacked):
    A, net, y = brain.operator, TotalVariation(), brain.kspace
    if attacked:
        settings = {"epsilon": 0.02, "n_steps": 2, "generator": generator(0)}
        y = attacks.pgd_kspace(net, y, A, brain.target, **settings)
    values, images = [], []
    with torch.no_grad():
        for n_steps in (2, 10, net.n_steps, 500):
            images.append(net(A.adjoint(y), A, n_steps=n_steps))
            values.append(objective(images[-1], y, A, net.weight).item())
    assert values == sorted(values, reverse=True)
    assert values[1] > 1.002 * values[-1]
    assert values[2] < 1.0005 * values[-1]
    assert relative_difference(images[1], images[-1]) > 1e-2
    assert relative_difference(images[2], images[-1]) < 1e-3


@pytest.mark.parametrize(("weight", "grows"), [(0.1, True), (10.0, False)])
def test_an_image_that_no_measurement_gives_needs_a_large_weight(weight, grows):
    single = sense(line_mask("01101101"), n_coils=1, height=5)
    z = draw(1, 5, 8, key="no measurement")
    few, many = (TotalVariation(weight, n_steps=n, lam=1.0)(z, single).norm() for n in (300, 600))
    assert (many > 1.8 * few) == grows
    realizable = single.normal(z)
    few, many = (TotalVariation(weight, n_steps=n)(realizable, single).norm() for n in (300, 600))
    assert many < 1.1 * few


def test_a_large_weight_leaves_the_mean():
    full = sense(line_mask("1" * 8), height=8)
    z = draw(1, 8, 8)
    found = TotalVariation(100.0, n_steps=500, lam=3.0)(z, full)
    assert relative_difference(found, z.mean().expand_as(z)) < 1e-9


def test_a_vanishing_weight_leaves_the_least_squares_solution():
    expected = np.linalg.solve(normal_matrix(A), Z.numpy().ravel()).reshape(Z.shape)
    found = TotalVariation(1e-9, n_steps=3000, lam=0.01)(Z, A)
    assert relative_difference(found, torch.from_numpy(expected)) < 1e-6
    assert relative_difference(Z, torch.from_numpy(expected)) > 0.1


# --- one of the networks ------------------------------------------------------------------------


def test_gradients_are_those_of_finite_differences():
    net = TotalVariation(0.1, n_steps=6, lam=0.3)
    z = Z.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: net(z, A), z)
    y = Y.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda y: net(A.adjoint(y), A), y, fast_mode=True)


def test_gradients_are_finite_where_the_image_is_flat():
    z = torch.zeros(1, 5, 8, dtype=torch.complex128, requires_grad=True)
    (gradient,) = torch.autograd.grad(TotalVariation(n_steps=3)(z, A).real.sum(), z)
    assert gradient.isfinite().all()
    assert gradient.abs().max() > 0


def test_a_result_does_not_depend_on_its_batch():
    y, both, _ = measurement(batch=2)
    z, net = both.adjoint(y), TotalVariation(WEIGHT, n_steps=10)
    for index, x in enumerate(net(z, both)):
        own = slice(index, index + 1)
        alone = net(z[own], SenseOperator(both.maps[own], both.mask))
        assert relative_difference(x[None], alone) < 1e-6


def test_settings_of_a_call():
    net = TotalVariation(WEIGHT, n_steps=4)
    assert list(net.parameters()) == []
    assert torch.equal(net(Z, A, n_steps=7), TotalVariation(WEIGHT, n_steps=7)(Z, A))
    assert not torch.allclose(net(Z, A, n_steps=7), net(Z, A))
    other = TotalVariation(WEIGHT, n_steps=4, lam=0.6)
    assert torch.equal(net(Z, DataConsistency(A, 0.6)), other(Z, A))
    assert not torch.allclose(TotalVariation(0.1, n_steps=4)(Z, A), net(Z, A))


def test_the_trace_holds_every_iteration():
    trace, net = Trace(), TotalVariation(WEIGHT, n_steps=3)
    x = net(Z, A, trace=trace)
    assert len(trace.inputs) == len(trace.denoised) == 3
    assert torch.equal(trace.inputs[0], Z)
    assert torch.equal(DataConsistency(A, net.lam)(Z, trace.denoised[-1]), x)


@pytest.mark.parametrize(("rung", "epsilon"), [("adaptive", 0.02), ("kspace", 0.05)])
def test_attacks_do_more_harm_than_noise(rung, epsilon):
    y, A, target = measurement(size=32)
    net = TotalVariation(n_steps=20)

    def error(z):
        return metrics.nmse(net(z, A), target).item()

    z = attacks.run(rung, net, y, A, target, epsilon=epsilon, generator=generator(0))
    delta = z - A.adjoint(y)
    noise = draw(*delta.shape, key="noise", dtype=delta.dtype)
    if rung == "kspace":
        noise = A.adjoint(A.forward(noise))
    random = A.adjoint(y) + noise * delta.norm() / noise.norm()
    assert error(z) > 1.5 * error(random) > error(A.adjoint(y))


# --- the weight ---------------------------------------------------------------------------------


def scan(index):
    y, A, target = measurement(seed=index)
    y = y + 0.05 * A.mask * draw(*y.shape, key=index, dtype=y.dtype)
    return Scan(y, A.maps, A.mask, target, 1.0, index, index, "val")


def psnr_by_weight(scans, weights):
    """Mean PSNR in dB over validation scans: the default must not be chosen on the test slices."""
    assert {scan.split for scan in scans} == {"val"}
    images = [(scan.operator.adjoint(scan.kspace), scan.operator, scan.target) for scan in scans]
    return {
        weight: sum(metrics.psnr(TotalVariation(weight)(z, A), t).item() for z, A, t in images)
        / len(scans)
        for weight in weights
    }


def test_the_best_weight_lies_between_no_prior_and_too_much():
    found = psnr_by_weight([scan(0), scan(1)], [1e-6, 0.05, 10.0])
    assert max(found, key=found.get) == 0.05


def test_the_default_weight_is_better_than_its_neighbours():
    default = TotalVariation().weight
    scans = [data.brain("val", index) for index in (0, 1)]
    found = psnr_by_weight(scans, [default / 2, default, default * 2])
    assert max(found, key=found.get) == default


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"weight": 0.0}, "weight must be > 0"),
        ({"weight": float("nan")}, "weight must be a finite real number"),
        ({"n_steps": 0}, "n_steps must be an integer >= 1"),
        ({"lam": -1.0}, "lam must be > 0"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises(ValueError, match=message):
        TotalVariation(**settings)


def test_bad_calls():
    net = TotalVariation()
    with pytest.raises(ValueError, match="n_steps must be an integer >= 1"):
        net(Z, A, n_steps=0)
    with pytest.raises(TypeError, match="smoothing"):
        net(Z, A, smoothing=Smoothing("denoiser"))
    with pytest.raises(TypeError, match="z must be complex"):
        net(Z.real, A)
    with pytest.raises(ValueError, match="z must have"):
        net(Z[:, :-1], A)
