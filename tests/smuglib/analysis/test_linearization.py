"""Jacobian norms and local Lipschitz estimates: against closed forms, dense SVDs, differences."""

import pytest
import torch

from smuglib import DataConsistency, UnrolledNetwork
from smuglib.analysis import Linearization, Spectrum, jacobian_norm, local_lipschitz
from smuglib.analysis.linearization import reconstruction
from smuglib.analysis.spectrum import gain
from smuglib.consistency import ConvergenceWarning
from smuglib.random import complex_normal, generator
from tests import scans, unrolled
from tests.scans import measurement
from tests.unrolled import LAM, STEPS

METHODS = ["modl", "rs_e2e", "smug_v0", "smug"]
PLACEMENTS = ["none", "end_to_end", "step", "denoiser"]
TIGHT = {"tol": 1e-9, "max_iter": 200}


class Scaled(torch.nn.Module):
    """A linear denoiser: the network's gain along each eigenvector of A^H A is known."""

    def __init__(self, slope=0.8):
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return self.slope * x


def problem(batch=1, domain="image", size=8):
    """Return a point of a domain and the operator, in double precision."""
    y, A, _ = measurement(batch=batch, size=size, dtype=torch.complex128)
    return (A.adjoint(y) if domain == "image" else y), A


def toy(placement="none"):
    return unrolled.network(placement)


def dense_jacobian(function, point):
    """Return the real Jacobian of one scan, column by column, by central differences."""
    units = torch.eye(2 * point.numel(), dtype=torch.float64).reshape(-1, *point.shape, 2)
    h, columns = 1e-6, []
    for unit in map(torch.view_as_complex, units):
        change = (function(point + h * unit) - function(point - h * unit)) / (2 * h)
        columns.append(torch.view_as_real(change).flatten())
    return torch.stack(columns, 1)


# --- products with the Jacobian -----------------------------------------------------------------


@pytest.mark.parametrize("domain", ["image", "kspace"])
@pytest.mark.parametrize("method", METHODS)
def test_products_are_those_of_finite_differences_and_adjoint(method, domain):
    point, A = problem(batch=2, domain=domain)
    net = scans.network(method, dtype=torch.complex128).requires_grad_(False)
    function = reconstruction(net, A, domain=domain)
    jacobian = Linearization(function, point)
    v, u = (complex_normal(x.shape, 1.0, generator(7), x) for x in (point, jacobian.value))
    h = 1e-7
    with torch.no_grad():
        differences = (function(point + h * v) - function(point - h * v)) / (2 * h)
        assert torch.equal(jacobian.value, function(point))
    pushed = jacobian.push(v)
    torch.testing.assert_close(pushed, differences, rtol=1e-5, atol=1e-7)
    forward, backward = (pushed.conj() * u).real.sum(), (v.conj() * jacobian.pull(u)).real.sum()
    torch.testing.assert_close(forward, backward, rtol=1e-12, atol=0)


def test_products_can_be_taken_where_gradients_are_off_and_more_than_once():
    point, A = problem()
    v = complex_normal(point.shape, 1.0, generator(0), point)
    with torch.no_grad():
        jacobian = Linearization(reconstruction(toy(), A), point)
        assert torch.equal(jacobian.push(v), jacobian.push(v))
        torch.testing.assert_close(jacobian.push(2 * v), 2 * jacobian.push(v))
    assert not point.requires_grad


def test_a_function_without_a_gradient_is_refused():
    point, _ = problem()
    with pytest.raises(RuntimeError, match="no gradient"):
        Linearization(lambda x: x.detach(), point)


# --- the largest singular value -----------------------------------------------------------------


@pytest.mark.parametrize("slope", [1.0, 0.5])
def test_norm_of_a_linear_network_is_its_largest_gain(slope):
    net = UnrolledNetwork(Scaled(slope), n_steps=4, lam=0.6)
    for domain in ("image", "kspace"):
        point, A = problem(batch=2, domain=domain)
        found = jacobian_norm(net, point, A, domain=domain, **TIGHT)
        g = Spectrum.of(A).values
        gains = gain(g, 4, lam=0.6, slope=slope) * (g.sqrt() if domain == "kspace" else 1)
        torch.testing.assert_close(found.value, gains.amax((1, 2)), rtol=1e-8, atol=0)


def test_the_direction_of_a_linear_network_is_its_eigenvector():
    point, A = problem()
    found = jacobian_norm(UnrolledNetwork(Scaled(), n_steps=4), point, A, **TIGHT)
    spectrum = Spectrum.of(A)
    energy = spectrum.coefficients(found.direction).abs().square()
    smallest = spectrum.values <= spectrum.values.min() + 1e-6
    assert energy[smallest].sum().item() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("domain", ["image", "kspace"])
@pytest.mark.parametrize("placement", PLACEMENTS)
def test_norm_is_that_of_the_dense_jacobian(placement, domain):
    """The toy denoiser is not holomorphic: a Jacobian of complex numbers would be another one."""
    point, A = problem(domain=domain)
    net = toy(placement)
    function = reconstruction(net, A, domain=domain, seed=3)
    with torch.no_grad():
        left, values, _ = torch.linalg.svd(dense_jacobian(function, point))
    found = jacobian_norm(net, point, A, domain=domain, seed=3, **TIGHT)
    assert found.value.item() == pytest.approx(values[0].item(), rel=1e-6)
    response = torch.view_as_real(found.response).flatten() / found.value
    assert abs(response @ left[:, 0]).item() == pytest.approx(1, abs=1e-5)
    assert torch.linalg.vector_norm(found.direction).item() == pytest.approx(1)


def test_a_loose_tolerance_stays_below_and_within_its_residual():
    point, A = problem(batch=2)
    exact = jacobian_norm(toy(), point, A, **TIGHT).value
    loose = jacobian_norm(toy(), point, A, tol=0.3)
    assert (loose.value <= exact * (1 + 1e-12)).all() and (loose.residual <= 0.3).all()
    assert (loose.value > 0.8 * exact).all()
    assert loose.n_iterations < jacobian_norm(toy(), point, A, tol=1e-3).n_iterations


def test_kspace_directions_stay_on_the_samples():
    point, A = problem(domain="kspace")
    found = jacobian_norm(toy(), point, A, domain="kspace")
    assert (found.direction[:, :, :, ~A.mask[0, 0, 0]] == 0).all()
    assert found.direction.shape == point.shape and found.response.shape == A.image_shape


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_a_scan_does_not_depend_on_its_batch(domain):
    y, A, _ = measurement(batch=2, size=8, dtype=torch.complex128)
    y = y * torch.tensor([1, 3])[:, None, None, None]
    net, alone = toy(), type(A)(A.maps[:1], A.mask)
    together, apart = (
        jacobian_norm(net, B.adjoint(k) if domain == "image" else k, B, domain=domain, tol=0.1)
        for k, B in ((y, A), (y[:1], alone))
    )
    torch.testing.assert_close(together.value[:1], apart.value, rtol=1e-10, atol=0)
    torch.testing.assert_close(together.direction[:1], apart.direction, rtol=0, atol=1e-10)
    assert (together.value[1] / together.value[0] - 1).abs() > 0.01


def test_conjugate_gradients_give_the_same_norm():
    point, A = problem()
    norms = [
        jacobian_norm(toy(), point, DataConsistency(A, LAM, solver, tol=1e-12), **TIGHT).value
        for solver in ("linewise", "cg")
    ]
    torch.testing.assert_close(*norms)


def test_the_seed_names_the_noise():
    point, A = problem()
    values = [jacobian_norm(toy("denoiser"), point, A, seed=s, **TIGHT).value for s in (0, 0, 1)]
    assert torch.equal(values[0], values[1])
    assert abs(values[0] / values[2] - 1) > 1e-4


@pytest.mark.parametrize("option", [{"n_samples": 1}, {"unrolling_steps": 1}])
def test_overrides_change_the_norm(option):
    point, A = problem()
    net = toy("denoiser")
    plain, changed = (jacobian_norm(net, point, A, **TIGHT, **given) for given in ({}, option))
    assert abs(plain.value / changed.value - 1) > 1e-3


def test_reaching_the_cap_warns():
    point, A = problem()
    with pytest.warns(ConvergenceWarning, match="max_iter=2"):
        jacobian_norm(toy(), point, A, tol=1e-6, max_iter=2)


def test_the_network_is_left_as_it_was():
    y, A, _ = measurement()
    net, z = scans.network("smug"), A.adjoint(y)
    jacobian_norm(net, z, A)
    local_lipschitz(net, z, A, radius=0.01, n_steps=2)
    assert all(p.grad is None and p.requires_grad for p in net.parameters())
    assert not z.requires_grad


# --- the largest ratio in a ball ----------------------------------------------------------------


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


# --- refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"domain": "wavelet"}, ValueError, "domain must be one of"),
        ({"tol": 0.0}, ValueError, "tol must be > 0"),
        ({"max_iter": 0}, ValueError, "max_iter must be an integer >= 1"),
        ({"seed": -1}, ValueError, "seed must be an integer >= 0"),
        ({"n_samples": 0}, ValueError, "n_samples must be an integer >= 1"),
        ({"unrolling_steps": 0}, ValueError, "unrolling_steps must be an integer >= 1"),
        ({"point": torch.zeros(1, 8, 8)}, TypeError, "point must be complex"),
        (
            {"point": torch.zeros(1, 4, 8, dtype=torch.complex128)},
            ValueError,
            "point must have shape",
        ),
        ({"domain": "kspace"}, ValueError, "point must have 4 axes"),
    ],
)
def test_impossible_norms_are_refused(options, error, message):
    point, A = problem()
    with pytest.raises(error, match=message):
        jacobian_norm(toy("denoiser"), **{"point": point, "A": A} | options)


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


class Poisoned(torch.nn.Module):
    """Finite values with an infinite slope."""

    def forward(self, x):
        return torch.view_as_complex(torch.view_as_real(x - x.detach()).abs().sqrt()) + x


def test_a_jacobian_that_is_not_finite_is_refused():
    point, A = problem(batch=2)
    with pytest.raises(RuntimeError, match=r"not finite for scans \[0, 1\]"):
        jacobian_norm(UnrolledNetwork(Poisoned(), n_steps=1), point, A)
