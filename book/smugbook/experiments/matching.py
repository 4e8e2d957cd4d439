"""Differences at equal clean PSNR, along the curve that a family of trainings has in the plane."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from smuglib.evaluation import Interval
from smuglib.evaluation.bootstrap import TRAINING_SEED, resample
from smuglib.evaluation.comparisons import PAIR

N_RESAMPLES = 2000

KEYS = [*PAIR, TRAINING_SEED]
"""Columns that make rows of two trainings a pair."""


def matched_difference(
    own: pd.DataFrame,
    family: Sequence[pd.DataFrame],
    *,
    level: float = 0.95,
    n_resamples: int = N_RESAMPLES,
    seed: int = 0,
) -> Interval | None:
    """Return a training's level minus that of a family at the same clean PSNR, with its interval.

    Tables have `KEYS`, ``clean`` and ``level``, in dB, one row a slice and training seed. The
    family's level is interpolated between the two members whose mean clean PSNR is next above and
    below; None where there are none. Each resample of seeds and subjects, common to all trainings,
    has its own clean PSNRs, and its own interpolation.
    """
    joined = own[[*KEYS, "clean", "level"]]
    for number, member in enumerate(family):
        found = member[[*KEYS, "clean", "level"]]
        joined = joined.merge(found, on=KEYS, suffixes=("", f"_{number}"))
    if joined.empty or len(family) < 2:
        return None
    values = joined.drop(columns=KEYS).to_numpy(dtype=float)
    means = values.mean(0)
    if not means[2::2].min() <= means[0] <= means[2::2].max():
        return None
    subjects = joined["split"] + " " + joined["subject"].astype(str)
    if subjects.nunique() < 2:
        return Interval(_gap(means), np.nan, np.nan)
    draws = resample(values, subjects, joined[TRAINING_SEED], n_resamples=n_resamples, seed=seed)
    ends = np.quantile([_gap(draw) for draw in draws], [(1 - level) / 2, (1 + level) / 2])
    return Interval(_gap(means), *map(float, ends))


def _gap(means: NDArray[np.float64]) -> float:
    """Return a level minus the family's; a resample beyond its ends goes on along the last line."""
    clean, own, family = means[0], means[1], means[2:].reshape(-1, 2)
    family = family[np.argsort(family[:, 0], kind="stable")]
    place = int(np.clip(np.searchsorted(family[:, 0], clean), 1, len(family) - 1))
    (x0, y0), (x1, y1) = family[place - 1], family[place]
    share = (clean - x0) / (x1 - x0) if x1 > x0 else 0.5
    return float(own - (y0 + share * (y1 - y0)))
