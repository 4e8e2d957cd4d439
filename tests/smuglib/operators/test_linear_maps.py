"""What every linear map must satisfy, on the one list of them."""

import pytest
import torch

from tests.helpers import assert_adjoint, draw, relative_difference
from tests.linear_maps import LINEAR_MAPS

pytestmark = pytest.mark.parametrize("linear", LINEAR_MAPS, ids=lambda entry: entry.name)


def test_shape_and_dtype(linear):
    image = linear.forward(draw(*linear.domain))
    assert image.shape == linear.codomain
    assert image.dtype == torch.complex128


def test_linear(linear):
    x, y = draw(*linear.domain, key="x"), draw(*linear.domain, key="y")
    combined = linear.forward(2j * x - y)
    assert relative_difference(combined, 2j * linear.forward(x) - linear.forward(y)) < 1e-12


def test_adjoint(linear):
    x, y = draw(*linear.domain, key="x"), draw(*linear.codomain, key="y")
    assert_adjoint(linear.forward, linear.adjoint, x, y)


def test_norm_is_bounded(linear):
    x = draw(*linear.domain)
    for _ in range(4):
        x = linear.adjoint(linear.forward(x / x.norm()))
    assert x.norm().item() <= linear.bound**2 * (1 + 1e-12)


def test_gradient_and_its_gradient(linear):
    # Fast mode compares random projections of the Jacobian; the adjoint test covers all of it.
    x = draw(*linear.domain).requires_grad_()
    assert torch.autograd.gradcheck(linear.forward, x, fast_mode=True)
    assert torch.autograd.gradgradcheck(linear.forward, x, fast_mode=True)


def test_gradient_is_the_adjoint(linear):
    x, y = draw(*linear.domain).requires_grad_(), draw(*linear.codomain, key="y")
    (gradient,) = torch.autograd.grad(linear.forward(x), x, y)
    assert relative_difference(gradient, linear.adjoint(y)) < 1e-12
