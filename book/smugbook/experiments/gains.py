"""Gains of a network for changes of its zero-filled image, by the eigenvalue that they lie at."""

import pandas as pd
import torch
from torch import Tensor

from smuglib import random
from smuglib.analysis.spectrum import Spectrum
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.models import UnrolledNetwork

EDGES = (1e-4, 1e-3, 1e-2, 0.1, 0.4)
"""Borders of the ranges of eigenvalues that are probed: below the first, and between two."""

SIZE = 1e-3
"""Norm of a change, relative to that of the zero-filled image."""


@torch.no_grad()
def measure_gains(
    network: UnrolledNetwork, scan: Scan, lam: float, *, seed: int = 0
) -> pd.DataFrame:
    """Return the ``gain`` of a random change in each range of eigenvalues, at one λ.

    The index is the root mean square of the eigenvalues that the change lies at. The change of the
    reconstruction counts in the same range alone.
    """
    step, z = DataConsistency(scan.operator, lam), scan.operator.adjoint(scan.kspace)
    spectrum, borders = Spectrum.of(scan.operator), (-1.0, *EDGES, 2.0)
    before, rows = network(z, step), {}
    draw = random.complex_normal(z.shape, 1.0, random.generator(seed, "probe"), z)
    for low, high in zip(borders, borders[1:], strict=False):

        def inside(g: Tensor, low: float = low, high: float = high) -> Tensor:
            return ((g > low) & (g <= high)).to(g)

        part = spectrum.apply(inside, draw)
        change = part * (SIZE * z.norm() / part.norm())
        response = spectrum.apply(inside, network(z + change, step) - before)
        weights = spectrum.coefficients(part).abs().double().square()
        place = (weights * spectrum.values.double().square()).sum() / weights.sum()
        rows[place.sqrt().item()] = (response.norm() / change.norm()).item()
    return pd.DataFrame({"gain": rows})
