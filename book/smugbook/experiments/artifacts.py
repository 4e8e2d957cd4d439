"""What an error looks like in numbers: streaks in one direction, detail lost, detail made up."""

from typing import NamedTuple

import torch
from torch import Tensor

from smuglib import checks
from smuglib.operators.fourier import fft2c

FINE = 0.25
"""Cycles a pixel from which on structure counts as fine, half of what the pixels can hold."""


class Detail(NamedTuple):
    """Fine structure of an image against the truth's, as shares of the latter's size."""

    kept: float
    invented: float


def streaks(error: Tensor) -> float:
    """Return the share of an error's variation that runs along the phase encoding, in [0, 1].

    It is 1 for vertical streaks, 0 for horizontal ones, about 0.5 without direction. The error is
    complex, ``[batch, height, width]``; columns of k-space, the last axis, are phase-encoded.
    """
    checks.complex_tensor("error", error, n_axes=(3,))
    across, down = (error.diff(dim=axis).abs().square().sum().item() for axis in (-1, -2))
    return across / (across + down) if across + down else 0.5


def detail(x: Tensor, target: Tensor) -> Detail:
    """Compare the fine structure of images, ``[batch, height, width]``, with the truth's.

    ``kept`` is the factor with which the truth's structure above `FINE` stands in the image (1 if
    nothing is lost, 0 if nothing is left), ``invented`` the norm of all other structure there over
    that of the truth's, which must have some.
    """
    checks.complex_tensor("target", target, n_axes=(3,))
    checks.same_shape("x", checks.complex_tensor("x", x), "target", target)
    high, truth = _fine(x), _fine(target)
    energy = truth.abs().square().sum()
    if not energy:
        raise ValueError("target has no fine structure to compare with")
    kept = (truth.conj() * high).real.sum() / energy
    rest = (high - kept * truth).abs().square().sum() / energy
    return Detail(kept.item(), rest.sqrt().item())


def _fine(x: Tensor) -> Tensor:
    """Return the part of the spectrum of images above `FINE`."""
    height, width = x.shape[-2:]
    rows, columns = (
        torch.fft.fftshift(torch.fft.fftfreq(size, dtype=torch.float32, device="cpu"))
        for size in (height, width)
    )
    radius = (rows[:, None].square() + columns.square()).sqrt()
    return fft2c(x) * (radius >= FINE).to(x.device)
