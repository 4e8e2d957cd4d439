"""The bound of a gradient."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from smuglib.random import generator
from smuglib.training.plan import NORM_MEMORY, clip


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_a_gradient_is_bounded_as_torch_bounds_it_bit_by_bit(scale):
    noise = generator(0, "gradients")
    parameters = [nn.Parameter(torch.zeros(5, 7)), nn.Parameter(torch.zeros(3))]
    for parameter in parameters:
        parameter.grad = scale * torch.randn(parameter.shape, generator=noise)
    gradients = [copy.deepcopy(parameter.grad) for parameter in parameters]
    norm, mean = nn.utils.get_total_norm(gradients), 0.7123
    nn.utils.clip_grads_with_norm_(parameters, 2.0 * mean, norm)
    past = torch.tensor(mean, dtype=torch.float64)
    found = clip(gradients, norm, 2.0, past)
    for gradient, parameter in zip(gradients, parameters, strict=True):
        assert torch.equal(gradient, parameter.grad)
    bounded = min(norm.item(), 2.0 * mean)
    assert found.item() == NORM_MEMORY * mean + (1 - NORM_MEMORY) * bounded


def test_the_first_gradient_is_not_bounded():
    gradient = torch.tensor([3e5, 4e5])
    mean = clip([gradient], torch.tensor(5e5), 2.0, None)
    assert gradient.tolist() == [3e5, 4e5]
    assert mean.item() == pytest.approx(5e5)
