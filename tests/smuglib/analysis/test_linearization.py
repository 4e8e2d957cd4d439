"""Products with the Jacobian: against differences and each other."""

import pytest
import torch

from smuglib.analysis import Linearization
from smuglib.analysis.linearization import reconstruction
from smuglib.random import complex_normal, generator
from tests import scans
from tests.jacobians import problem, toy

METHODS = ["modl", "rs_e2e", "smug_v0", "smug"]


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
