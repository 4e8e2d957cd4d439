"""Jacobian norms: against closed forms and dense SVDs."""

import pytest
import torch

from smuglib import DataConsistency, UnrolledNetwork
from smuglib.analysis import Spectrum, jacobian_norm, local_lipschitz
from smuglib.analysis.linearization import reconstruction
from smuglib.analysis.spectrum import gain
from smuglib.consistency import ConvergenceWarning
from tests import scans
from tests.jacobians import TIGHT, Scaled, problem, toy
from tests.scans import measurement
from tests.unrolled import LAM

PLACEMENTS = ["none", "end_to_end", "step", "denoiser"]


def dense_jacobian(function, point):
    """Return the real Jacobian of one scan, column by column, by central differences."""
    units = torch.eye(2 * point.numel(), dtype=torch.float64).reshape(-1, *point.shape, 2)
    h, columns = 1e-6, []
    for unit in map(torch.view_as_complex, units):
        change = (function(point + h * unit) - function(point - h * unit)) / (2 * h)
        columns.append(torch.view_as_real(change).flatten())
    return torch.stack(columns, 1)


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


class Poisoned(torch.nn.Module):
    """Finite values with an infinite slope."""

    def forward(self, x):
        return torch.view_as_complex(torch.view_as_real(x - x.detach()).abs().sqrt()) + x


def test_a_jacobian_that_is_not_finite_is_refused():
    point, A = problem(batch=2)
    with pytest.raises(RuntimeError, match=r"not finite for scans \[0, 1\]"):
        jacobian_norm(UnrolledNetwork(Poisoned(), n_steps=1), point, A)
