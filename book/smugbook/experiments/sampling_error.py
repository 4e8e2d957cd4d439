"""How far a finite number of noise samples leaves a reconstruction from its expectation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from smuglib import checks, random
from smuglib.checks import require
from smuglib.consistency.step import DataConsistency
from smuglib.models.unrolled import UnrolledNetwork

if TYPE_CHECKING:
    import pandas as pd

SCHEMES = {"independent": False, "antithetic": True}
"""Ways of drawing the samples, and their setting of `smuglib.Smoothing.antithetic`."""


@torch.no_grad()
def sampling_errors(
    net: UnrolledNetwork,
    z: Tensor,
    consistency: DataConsistency,
    counts: Sequence[int],
    *,
    n_repeats: int = 4,
    n_reference: int = 160,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure the error of estimating the expectations of a smoothed network by samples.

    The reference is one reconstruction with ``n_reference`` antithetic samples. The error is the
    root mean square of the difference to it, over pixels and repeats, on each part.

    Parameters
    ----------
    z
        Zero-filled images, complex, ``[batch, height, width]``.
    counts
        Numbers of samples, each >= 1. Antithetic pairs are measured for the even ones.
    n_repeats
        Independent reconstructions that each error is measured on.
    n_reference
        Samples of the reference, even; its own error is added to every result.

    Returns
    -------
    pandas.DataFrame
        Errors in units of the scan's scale; one row per count, one column per scheme, NaN for odd
        counts of antithetic samples.
    """
    if not net.smoothing.is_active:
        raise ValueError("net must be smoothed: its reconstruction has no expectation to estimate")
    counts = [checks.integer("counts", count) for count in checks.members("counts", counts)]
    n_repeats = checks.integer("n_repeats", n_repeats)
    device = z.device

    def reconstruct(n_samples: int, scheme: str, *keys: int | str) -> Tensor:
        smoothing = replace(net.smoothing, n_samples=n_samples, antithetic=SCHEMES[scheme])
        noise = random.generator(seed, scheme, n_samples, *keys, device=device)
        return net(z, consistency, generator=noise, smoothing=smoothing)

    reference = reconstruct(n_reference, "antithetic", "reference")

    def error(count: int, scheme: str) -> float:
        if SCHEMES[scheme] and count % 2:
            return float("nan")
        draws = torch.stack([reconstruct(count, scheme, repeat) for repeat in range(n_repeats)])
        return torch.view_as_real(draws - reference).square().mean().sqrt().item()

    pandas = require("pandas", extra="evaluation", what="tables")
    table: pd.DataFrame = pandas.DataFrame(
        {scheme: [error(count, scheme) for count in counts] for scheme in SCHEMES},
        index=pandas.Index(counts, name="samples"),
    )
    return table
