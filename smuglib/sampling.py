"""Undersampling masks: a Cartesian 1-D mask keeps or drops whole columns of k-space."""

import torch
from torch import Tensor

from smuglib import checks

DENSITIES = ("variable", "uniform", "equispaced")


def cartesian_mask(
    width: int,
    sampling_rate: float,
    center_fraction: float = 0.08,
    *,
    density: str = "variable",
    generator: torch.Generator,
) -> Tensor:
    """Draw a 1-D Cartesian mask with a fully sampled centre, boolean, ``[1, 1, 1, width]``.

    ``round(center_fraction * width)`` columns around the zero frequency are the autocalibration
    band (ACS); others are drawn without replacement until ``round(sampling_rate * width)`` are
    sampled. For one generator state, a lower rate's columns are a subset of a higher one's.

    Parameters
    ----------
    width, sampling_rate, center_fraction
        Number of columns, and the fractions that are sampled and that are in the ACS band.
    density
        ``"variable"``: the chance of a column falls as ``1 / (1 + (8 d)**2)`` with its distance
        ``d`` from the centre, in units of the width. ``"uniform"``: all columns alike.
        ``"equispaced"``: at rate 1/4 the columns of fastMRI's ``EquispacedMaskFractionFunc``, up
        to two to keep the rate exact; lower rates thin them out evenly, higher ones fill up.

    Examples
    --------
    >>> mask = cartesian_mask(64, 0.25, generator=torch.Generator().manual_seed(0))
    >>> tuple(mask.shape), sampling_rate(mask), mask[..., 30:34].all().item()
    ((1, 1, 1, 64), 0.25, True)
    """
    width = checks.integer("width", width)
    sampling_rate = checks.fraction("sampling_rate", sampling_rate)
    center_fraction = checks.fraction("center_fraction", center_fraction, allow_zero=True)
    checks.one_of("density", density, DENSITIES)
    checks.generator("generator", generator)
    n_sampled, n_center = round(sampling_rate * width), round(center_fraction * width)
    if n_sampled < 1:
        raise ValueError(f"sampling_rate {sampling_rate} samples no column of width {width}")
    if n_center > n_sampled:
        raise ValueError(
            f"center_fraction {center_fraction} asks for {n_center} ACS columns, but sampling_rate "
            f"{sampling_rate} allows {n_sampled} of {width}"
        )
    columns = torch.arange(width, dtype=torch.float64, device="cpu")
    distance = (columns - width // 2) / width
    decay = 8 if density == "variable" else 0
    chance = 1 / (1 + (decay * distance) ** 2)
    first = width // 2 - n_center // 2
    # Exponential clocks: keeping the columns that ring first is drawing without replacement with
    # these chances, and makes the masks of one seed nested over the sampling rate.
    if density == "equispaced":
        clocks = _equispaced_clocks(width, n_center, first, generator)
    else:
        clocks = torch.empty_like(columns).exponential_(generator=generator) / chance
    clocks[first : first + n_center] = -1.0
    mask = torch.zeros(width, dtype=torch.bool, device="cpu")
    mask[clocks.argsort(stable=True)[:n_sampled]] = True
    return mask.reshape(1, 1, 1, width)


def _equispaced_clocks(width: int, n_center: int, first: int, generator: torch.Generator) -> Tensor:
    """Let fastMRI's columns of rate 1/4 ring before the others, each group evenly from the start.

    Bit-reversed counting spreads any number of first columns over the group.
    """
    spacing = 4 * (width - n_center) / max(width - 4 * n_center, 1)
    offset = int(torch.randint(max(round(spacing), 1), (), generator=generator, device="cpu"))
    lattice = {
        round(offset + k * spacing) for k in range(width) if offset + k * spacing < width - 1
    }
    outside = [k for k in range(width) if not first <= k < first + n_center]
    clocks = torch.zeros(width, dtype=torch.float64, device="cpu")
    for late in (False, True):
        for rank, column in enumerate(k for k in outside if (k not in lattice) == late):
            clocks[column] = int(f"{rank:032b}"[::-1], 2) + late * 2**32
    return clocks


def sampling_rate(mask: Tensor) -> float:
    """Return the fraction of sampled k-space positions of a mask.

    Examples
    --------
    >>> sampling_rate(torch.tensor([True, False, False, False]))
    0.25
    """
    return checks.mask("mask", mask).double().mean().item()
