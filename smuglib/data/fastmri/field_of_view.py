"""Complete k-space cropped to a smaller field of view, and which of its columns were measured."""

import torch
from torch import Tensor

from smuglib.operators.fourier import fftc, ifftc


def crop_field_of_view(kspace: Tensor, size: int | None, axis: int) -> Tensor:
    """Return the k-space of the images cropped to their central ``size`` pixels along an axis.

    k-space must be complete along the axis; with ``size=None`` it stays as it is. The result covers
    the same range of frequencies, and the centre ``n // 2`` stays the centre.
    """
    if size is None or size == kspace.shape[axis]:
        return kspace
    first = kspace.shape[axis] // 2 - size // 2
    return fftc(ifftc(kspace, axis).narrow(axis, first, size), axis)


def acquired_band(columns: Tensor, width: int) -> Tensor:
    """Return which of ``width`` columns lie between the outermost measured ones, after a crop.

    ``columns`` are the measured ones before it, boolean, over the same range of frequencies.
    """
    # Integer cross products compare the frequencies (i - W // 2) / W and (j - w // 2) / w exactly.
    measured = (columns.nonzero().flatten() - len(columns) // 2) * width
    frequency = (torch.arange(width, device="cpu") - width // 2) * len(columns)
    return (frequency >= measured.min()) & (frequency <= measured.max())


def is_band(columns: Tensor) -> bool:
    """Return whether the measured columns, boolean, ``[columns]``, have no gap between them."""
    measured = columns.nonzero().flatten()
    return int(measured.max() - measured.min()) + 1 == len(measured)
