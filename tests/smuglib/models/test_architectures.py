"""The layers are torch's in value and gradients; they keep and overwrite only what they may."""

import pytest
import torch
from torch import nn

from smuglib.models import architectures
from smuglib.models.architectures import Conv2d, SlopedReLU
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


CONVOLUTIONS = [(3, 1, (6, 5)), (3, 2, (6, 5)), (3, 2, (5, 6)), (1, 1, (4, 4))]


def convolutions(size, stride, *, learned):
    """Our convolution and torch's with the same weights."""
    ours = Conv2d(2, 3, size, stride=stride, padding=size // 2).double()
    torchs = nn.Conv2d(2, 3, size, stride=stride, padding=size // 2).double()
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator(1, "weights")))
    torchs.load_state_dict(ours.state_dict())
    return ours.requires_grad_(learned), torchs.requires_grad_(learned)


@pytest.mark.parametrize("learned", [True, False])
@pytest.mark.parametrize(("size", "stride", "shape"), CONVOLUTIONS)
def test_convolution_and_its_gradients_are_torchs(size, stride, shape, learned):
    results = []
    for module in convolutions(size, stride, learned=learned):
        x = torch.randn(2, 2, *shape, generator=generator(0, "x"), dtype=torch.float64)
        x.requires_grad_(True)
        y = module(x)
        wanted = [x, *(module.parameters() if learned else ())]
        results.append((y, *torch.autograd.grad(y.pow(3).sum(), wanted)))
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("size", "stride", "shape"), CONVOLUTIONS)
def test_frozen_convolution_can_be_differentiated_twice(size, stride, shape):
    module, _ = convolutions(size, stride, learned=False)
    x = torch.randn(1, 2, *shape, generator=generator(0, "x"), dtype=torch.float64)
    x.requires_grad_(True)
    assert torch.autograd.gradcheck(module, (x,))
    assert torch.autograd.gradgradcheck(lambda x: module(x * x), (x,), fast_mode=True)


def test_frozen_convolution_keeps_no_image():
    for learned, kept in ((True, True), (False, False)):
        module, _ = convolutions(3, 1, learned=learned)
        x = torch.ones(1, 2, 6, 6, dtype=torch.float64, requires_grad=True)
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(
            lambda tensor, saved=saved: saved.append(tensor.shape) or tensor, lambda tensor: tensor
        ):
            module(x)
        assert (x.shape in saved) == kept


def test_frozen_convolution_follows_autocast():
    ours, torchs = (module.float() for module in convolutions(3, 2, learned=False))
    gradients = []
    for module in (ours, torchs):
        x = torch.ones(1, 2, 6, 6, requires_grad=True)
        with torch.autocast("cpu", torch.bfloat16):
            y = module(x)
        assert y.dtype == torch.bfloat16
        gradients.append(torch.autograd.grad(y.float().sum(), x)[0])
    assert gradients[0].dtype == torch.float32
    torch.testing.assert_close(*gradients, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("learned", [False, True])
@pytest.mark.parametrize(("size", "stride", "shape"), CONVOLUTIONS)
def test_a_processor_without_bfloat16_rounds_the_same(size, stride, shape, learned, monkeypatch):
    """Expected: rounded operands multiplied in float64, and the sum rounded once."""
    monkeypatch.setattr(architectures, "_emulates", lambda x: torch.is_autocast_enabled("cpu"))
    module, _ = convolutions(size, stride, learned=learned)
    module.float()
    exact, _ = convolutions(size, stride, learned=learned)
    with torch.no_grad():
        for parameter in exact.parameters():
            parameter.copy_(parameter.float().bfloat16())
    x = torch.randn(2, 2, *shape, generator=generator(0, "x"))
    results = []
    for network, image in ((module, x), (exact, x.bfloat16().double())):
        image = image.requires_grad_(True)
        with torch.autocast("cpu", torch.bfloat16, enabled=network is module):
            y = network(image)
        results.append((y.double(), torch.autograd.grad(y.float().sum(), image)[0].double()))
    assert y.dtype == torch.float64 and results[0][0].isfinite().all()
    # A bfloat16 has 8 bits: half a unit of its last place, and float32's error of the sum.
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=2**-8, atol=1e-6)


def test_only_a_processor_without_bfloat16_rounds_by_itself():
    x = torch.ones(1)
    assert not architectures._emulates(x)
    with torch.autocast("cpu", torch.float16):
        assert not architectures._emulates(x)
    with torch.autocast("cpu", torch.bfloat16):
        native = torch.ops.mkldnn._is_mkldnn_bf16_supported()
        assert architectures._emulates(x) != native
