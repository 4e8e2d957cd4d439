"""Centred, orthonormal discrete Fourier transforms of complex images.

The zero frequency sits at index ``n // 2`` of each transformed axis, and adjoint and inverse are
the same.
"""

import torch
from torch import Tensor

from smuglib import checks


def _centred(transform: str, name: str, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    n_axes = checks.complex_tensor(name, x).ndim
    if n_axes < len(axes):
        raise ValueError(f"{name} must have {len(axes)} axes or more, got shape {tuple(x.shape)}")
    axes = tuple(checks.integer("axis", axis, minimum=-checks.LARGEST) for axis in axes)
    if not all(-n_axes <= axis < n_axes for axis in axes):
        raise ValueError(f"axis must be one of the {n_axes} axes of {name}, got {axes[0]}")
    shifted = torch.fft.ifftshift(x, dim=axes)
    transformed = getattr(torch.fft, transform)(shifted, dim=axes, norm="ortho")
    return torch.fft.fftshift(transformed, dim=axes)


def fft2c(x: Tensor) -> Tensor:
    """Transform images ``[..., height, width]`` to k-space over the last two axes.

    Examples
    --------
    >>> fft2c(torch.ones(4, 4) + 0j)[2, 2].item()  # all energy in the zero frequency
    (4+0j)
    """
    return _centred("fftn", "x", x, (-2, -1))


def ifft2c(kspace: Tensor) -> Tensor:
    """Transform k-space to images over the last two axes: inverse and adjoint of `fft2c`.

    Examples
    --------
    >>> x = torch.arange(16.0).reshape(4, 4) + 0j
    >>> torch.allclose(ifft2c(fft2c(x)), x, atol=1e-5)
    True
    """
    return _centred("ifftn", "kspace", kspace, (-2, -1))


def fftc(x: Tensor, axis: int) -> Tensor:
    """Transform one axis of a complex tensor from image space to k-space.

    Examples
    --------
    >>> fftc(torch.ones(1, 4) + 0j, -1).real
    tensor([[0., 0., 2., 0.]])
    """
    return _centred("fftn", "x", x, (axis,))


def ifftc(x: Tensor, axis: int) -> Tensor:
    """Transform one axis from k-space to image space: inverse and adjoint of `fftc`.

    Examples
    --------
    >>> ifftc(torch.tensor([[0, 0, 2, 0]]) + 0j, -1).real
    tensor([[1., 1., 1., 1.]])
    """
    return _centred("ifftn", "x", x, (axis,))
