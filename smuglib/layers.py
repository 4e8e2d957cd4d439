"""Layers of a denoiser whose backward passes compute and keep only what is wanted.

They hold the parameters of torch's own layers and compute the same. torch's backward pass of PReLU
on a CPU writes the slope's gradient out pixel by pixel, wanted or not, with code that is not
vectorized: it takes about as long as all convolutions of a denoiser together. Its convolution
keeps its input for the gradient of the weights even where they are frozen, as under an attack.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class Conv2d(nn.Conv2d):
    """A convolution that keeps no input where only the input's gradient is wanted."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a real tensor, ``[n, in_channels, height, width]``."""
        learns = any(parameter.requires_grad for parameter in self.parameters())
        wanted = torch.is_grad_enabled() and x.requires_grad and not learns
        if not wanted or torch.compiler.is_compiling():
            return super().forward(x)
        stride, padding = self.stride[0], int(self.padding[0])
        return _FrozenConvolution.apply(x, self.weight, self.bias, stride, padding)


class _FrozenConvolution(torch.autograd.Function):
    """The convolution with a gradient for its input alone: the transposed convolution."""

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        padding: int,
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.stride, ctx.padding, ctx.shape, ctx.dtype = stride, padding, x.shape, x.dtype
        return functional.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        (weight,) = ctx.saved_tensors
        reached = [
            (size - 1) * ctx.stride - 2 * ctx.padding + kernel
            for size, kernel in zip(grad.shape[-2:], weight.shape[-2:], strict=True)
        ]
        rest = [size - short for size, short in zip(ctx.shape[-2:], reached, strict=True)]
        grad_x = functional.conv_transpose2d(
            grad, weight.to(grad.dtype), None, ctx.stride, ctx.padding, rest
        )
        return grad_x.to(ctx.dtype), None, None, None, None


class SlopedReLU(nn.PReLU):
    """``max(x, 0) + a min(x, 0)`` with one slope ``a``: `torch.nn.PReLU`, and its parameters.

    The input is overwritten where that is possible: use it on a tensor that nobody else reads,
    such as the output of a convolution.
    """

    def __init__(self) -> None:
        super().__init__(num_parameters=1)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the activation to a real tensor of any shape."""
        # On a GPU the slope's value would have to be waited for, and torch's kernel is fast.
        if x.is_cuda or torch.compiler.is_compiling():
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
