"""Centred, orthonormal discrete Fourier transforms of complex images.

The zero frequency sits at index ``n // 2`` of each transformed axis, and both directions are
unitary, so that adjoint and inverse coincide.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _centred(transform: str, x: Tensor, axes: tuple[int, ...]) -> Tensor:
    shifted = torch.fft.ifftshift(x, dim=axes)
    transformed = getattr(torch.fft, transform)(shifted, dim=axes, norm="ortho")
    return torch.fft.fftshift(transformed, dim=axes)


def fft2c(x: Tensor) -> Tensor:
    """Transform images to k-space over the last two axes.

    Parameters
    ----------
    x
        Complex images, ``[..., height, width]``.

    Returns
    -------
    Tensor
        k-space of the same shape and dtype, zero frequency at the centre.
    """
    return _centred("fftn", x, (-2, -1))


def ifft2c(kspace: Tensor) -> Tensor:
    """Transform k-space to images over the last two axes: inverse and adjoint of `fft2c`.

    Parameters
    ----------
    kspace
        Complex k-space, ``[..., height, width]``, zero frequency at the centre.

    Returns
    -------
    Tensor
        Images of the same shape and dtype.
    """
    return _centred("ifftn", kspace, (-2, -1))


def fftc(x: Tensor, axis: int) -> Tensor:
    """Transform one axis from image space to k-space.

    Parameters
    ----------
    x
        Complex tensor of any shape.
    axis
        The axis to transform.

    Returns
    -------
    Tensor
        Tensor of the same shape and dtype.
    """
    return _centred("fftn", x, (axis,))


def ifftc(x: Tensor, axis: int) -> Tensor:
    """Transform one axis from k-space to image space: inverse and adjoint of `fftc`.

    Parameters
    ----------
    x
        Complex tensor of any shape.
    axis
        The axis to transform.

    Returns
    -------
    Tensor
        Tensor of the same shape and dtype.
    """
    return _centred("ifftn", x, (axis,))
