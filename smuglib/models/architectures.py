"""Real-valued convolutional networks: DIDN, U-Net and DnCNN, from two channels to two.

None has batch normalization or dropout: a sample's result must not depend on its batch.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

_device = ContextVar("device of new weights", default="cpu")


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Build networks without the memory of their weights, on torch's device ``meta``."""
    token = _device.set("meta")
    try:
        yield
    finally:
        _device.reset(token)


def _emulates(x: Tensor) -> bool:
    """Whether autocast asks for bfloat16 of a processor that cannot multiply it.

    torch's own loops are fifteen times slower there than float32. Products of two bfloat16 are
    exact in float32, so a float32 convolution of rounded values differs in the order of sums only.
    """
    asked = x.device.type == "cpu" and torch.is_autocast_enabled("cpu")
    if not asked or torch.get_autocast_dtype("cpu") != torch.bfloat16:
        return False
    library = torch.backends.mkldnn.is_available()
    return not (library and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def is_transformed() -> bool:
    """Whether `torch.compile` or `torch.func` looks into the layers: torch's are open to them."""
    return torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()


def _rounded(x: Tensor) -> Tensor:
    """Return the nearest bfloat16, in float32."""
    return x.bfloat16().float()


class Conv2d(nn.Conv2d):
    """A convolution that keeps no input where only the input's gradient is wanted."""

    def __init__(self, inputs: int, outputs: int, size: int, **settings: Any) -> None:  # noqa: ANN401
        # Whatever torch's defaults are set to, weights and their draws are the same.
        fixed = {"device": _device.get(), "dtype": torch.float32}
        super().__init__(inputs, outputs, size, **{**fixed, **settings})

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a real tensor, ``[n, in_channels, height, width]``."""
        learns = any(parameter.requires_grad for parameter in self.parameters())
        wanted = torch.is_grad_enabled() and x.requires_grad and not learns
        if is_transformed():
            return super().forward(x)
        if _emulates(x):
            bias = None if self.bias is None else _rounded(self.bias)
            with torch.autocast("cpu", enabled=False):
                return self._convolve(_rounded(x), _rounded(self.weight), bias, wanted).bfloat16()
        return self._convolve(x, self.weight, self.bias, wanted)

    def _convolve(self, x: Tensor, weight: Tensor, bias: Tensor | None, wanted: bool) -> Tensor:
        # torch pads in two ways more.
        if not wanted or self.padding_mode != "zeros" or isinstance(self.padding, str):
            return self._conv_forward(x, weight, bias)
        settings = self.stride, self.padding, self.dilation, self.groups
        return _FrozenConvolution.apply(x, weight, bias, *settings)


class _FrozenConvolution(torch.autograd.Function):
    """The convolution with a gradient for its input alone: the transposed convolution."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *settings: Any) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(weight)
        ctx.settings, ctx.shape, ctx.dtype = settings, x.shape, x.dtype
        return functional.conv2d(x, weight, bias, *settings)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (weight,) = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.settings
        # What torch asks of an input whose values it does not need: shape, and order in memory.
        x = torch.empty(
            ctx.shape, dtype=grad.dtype, device=grad.device, memory_format=torch.channels_last
        )
        grad_x, _, _ = torch.ops.aten.convolution_backward(
            *(grad, x, weight.to(grad.dtype), None, stride, padding, dilation),
            *(False, [0, 0], groups, (True, False, False)),
        )
        return grad_x.to(ctx.dtype), *(None,) * (2 + len(ctx.settings))


class SlopedReLU(nn.PReLU):
    """``max(x, 0) + a min(x, 0)`` with one slope ``a``: `torch.nn.PReLU`, and its parameters.

    The input is overwritten where that is possible: use it on a tensor that nobody else reads,
    such as the output of a convolution.
    """

    def __init__(self) -> None:
        super().__init__(num_parameters=1, device=_device.get(), dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a real tensor of any shape."""
        # On a GPU the slope's value would have to be waited for, and torch's kernel is fast.
        if x.is_cuda or is_transformed():
            return super().forward(x)
        if torch.is_grad_enabled() and self.weight.requires_grad:
            return _LearnedSlope.apply(x, self.weight)
        slope = self.weight.item()
        # A leaf cannot be overwritten, and a negative slope hides the sign that backward needs.
        in_place = slope >= 0 and not (x.is_leaf and x.requires_grad)
        return functional.leaky_relu(x, slope, inplace=in_place)


class _LearnedSlope(torch.autograd.Function):
    """The activation with a gradient for its slope."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:  # noqa: ANN401
        ctx.save_for_backward(x, weight)
        return functional.leaky_relu(x, weight.item())

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None]:  # noqa: ANN401
        x, weight = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted, in the slope too
            grad_x = torch.where(x > 0, grad, weight.to(grad.dtype) * grad)
        else:
            grad_x = torch.ops.aten.leaky_relu_backward(grad, x, weight.item(), False)
        if not ctx.needs_input_grad[1]:
            return grad_x, None
        slope = (x.clamp(max=0) * grad).sum(dtype=weight.dtype)
        return grad_x, slope.reshape(weight.shape)


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> Conv2d:
    return Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)


def _conv_prelu(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, size, stride), SlopedReLU())


class _Residual(nn.Module):
    """Convolutions with PReLU around a shortcut."""

    def __init__(self, channels: int, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_conv_prelu(channels, channels) for _ in range(layers)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Upsample(nn.Module):
    """Sub-pixel upsampling by 2: a 1 x 1 convolution, then channels become space."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.expand = _conv(inputs, 4 * outputs, size=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.expand(x), 2)


class _DownUpBlock(nn.Module):
    """DIDN's down-up block: two scales down, two scales up, with skips and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        fine, middle, coarse = channels, 2 * channels, 4 * channels
        self.fine_in, self.middle_in = _Residual(fine), _Residual(middle, layers=1)
        self.down_middle = _conv_prelu(fine, middle, stride=2)
        self.down_coarse = _conv_prelu(middle, coarse, stride=2)
        self.coarse = _Residual(coarse, layers=1)
        self.up_middle, self.up_fine = _Upsample(coarse, middle), _Upsample(middle, fine)
        self.merge_middle = _conv(2 * middle, middle, size=1)
        self.merge_fine = _conv(2 * fine, fine, size=1)
        self.middle_out, self.fine_out = _Residual(middle, layers=1), _Residual(fine)
        self.last = _conv(fine, fine)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine_in(x)
        middle = self.middle_in(self.down_middle(fine))
        up = self.up_middle(self.coarse(self.down_coarse(middle)))
        middle = self.middle_out(self.merge_middle(torch.cat((up, middle), 1)))
        fine = self.fine_out(self.merge_fine(torch.cat((self.up_fine(middle), fine), 1)))
        return x + self.last(fine)


class _DIDN(nn.Module):
    """Deep iterative down-up network: the finest features live at half resolution."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Sequential(
            _conv_prelu(2, channels), _conv_prelu(channels, channels, stride=2)
        )
        self.blocks = nn.ModuleList(_DownUpBlock(channels) for _ in range(blocks))
        self.reconstruct = nn.Sequential(_Residual(channels), _conv_prelu(channels, channels))
        self.gather = _conv_prelu(blocks * channels, channels, size=1)
        self.tail = nn.Sequential(
            _conv(channels, channels), _Upsample(channels, channels // 2 or 1)
        )
        self.out = _conv(channels // 2 or 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        features, collected = self.head(x), []
        for block in self.blocks:
            features = block(features)
            collected.append(self.reconstruct(features))
        return self.out(self.tail(self.gather(torch.cat(collected, 1))))


class _UNet(nn.Module):
    """U-Net with strided convolutions down, sub-pixel convolutions up and residual blocks."""

    def __init__(self, channels: int, poolings: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(poolings + 1)]
        steps = list(pairwise(widths))
        self.head = _conv_prelu(2, channels)
        self.encoders = nn.ModuleList(_Residual(width) for width in widths)
        self.downs = nn.ModuleList(_conv_prelu(fine, coarse, stride=2) for fine, coarse in steps)
        self.ups = nn.ModuleList(_Upsample(coarse, fine) for fine, coarse in steps)
        self.merges = nn.ModuleList(_conv(2 * fine, fine, size=1) for fine, _ in steps)
        self.decoders = nn.ModuleList(_Residual(fine) for fine, _ in steps)
        self.out = _conv(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.encoders[0](self.head(x)), []
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            skips.append(x)
            x = encoder(down(x))
        for level in reversed(range(len(skips))):
            x = torch.cat((self.ups[level](x), skips[level]), 1)
            x = self.decoders[level](self.merges[level](x))
        return self.out(x)


def _dncnn(channels: int, layers: int) -> nn.Sequential:
    inner = [_conv_prelu(channels, channels) for _ in range(layers)]
    return nn.Sequential(_conv_prelu(2, channels), *inner, _conv(channels, 2))


BODIES = {
    "didn": (_DIDN, lambda blocks: 8),
    "unet": (_UNet, lambda poolings: 2**poolings),
    "dncnn": (_dncnn, lambda layers: 1),
}
"""What builds a network from channels and blocks, and the stride its sizes must fit, by name."""
