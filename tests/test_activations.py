"""The activation is torch's PReLU in value and gradients, and overwrites only what it may."""

import pytest
import torch
from torch import nn

from smuglib.activations import SlopedReLU
from smuglib.random import generator

SLOPES = [-0.5, 0.0, 0.25, 1.5]


def pair(slope, *, learned=True):
    ours, torchs = SlopedReLU().double(), nn.PReLU().double()
    with torch.no_grad():
        for module in (ours, torchs):
            module.weight.fill_(slope)
            module.weight.requires_grad_(learned)
    return ours, torchs


def draw():
    return torch.randn(2, 3, 4, 5, generator=generator(0, "activation"), dtype=torch.float64)


@pytest.mark.parametrize("slope", SLOPES)
@pytest.mark.parametrize("learned", [True, False])
def test_value_and_gradients_are_those_of_torch(slope, learned):
    results = []
    for module in pair(slope, learned=learned):
        x = draw().requires_grad_(True)
        y = module(2 * x)
        wanted = [x, module.weight] if learned else [x]
        results.append((y, *torch.autograd.grad(y.pow(3).sum(), wanted)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("slope", [0.25, -0.5])
def test_gradcheck(slope):
    module, _ = pair(slope)
    x = draw().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x, _: module(x), (x, module.weight))
    assert torch.autograd.gradgradcheck(lambda x, _: module(x * x), (x, module.weight))
    module.weight.requires_grad_(False)
    assert torch.autograd.gradgradcheck(lambda x: module(x * x), (x,))


@pytest.mark.parametrize("slope", SLOPES)
def test_leaves_are_not_overwritten(slope):
    module, _ = pair(slope, learned=False)
    leaf = draw().requires_grad_(True)
    module(leaf).sum().backward()
    assert torch.equal(leaf.detach(), draw())


def test_results_of_others_are_overwritten_where_the_slope_allows():
    for slope, overwritten in ((0.25, True), (-0.5, False)):
        module, _ = pair(slope, learned=False)
        x = draw() * 1.0
        assert (module(x).data_ptr() == x.data_ptr()) == overwritten


def test_state_is_that_of_torch():
    ours, torchs = pair(0.3)
    torchs.load_state_dict(ours.state_dict())
    assert list(ours.state_dict()) == ["weight"]


def test_bfloat16_keeps_its_dtype_and_the_slope_its_own():
    module, _ = pair(0.25)
    module = module.float()
    x = draw().bfloat16().requires_grad_(True)
    y = module(x * 1)
    y.float().sum().backward()
    assert y.dtype == x.grad.dtype == torch.bfloat16
    expected = draw().bfloat16().float().clamp(max=0).sum()
    torch.testing.assert_close(module.weight.grad.squeeze(), expected, rtol=1e-2, atol=1e-2)
