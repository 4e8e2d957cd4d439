"""Means with bootstrap intervals over subjects.

Slices of one subject are alike, so subjects are the unit that is resampled: an interval over
slices would be too narrow.
"""

from __future__ import annotations

from typing import NamedTuple, TypedDict, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from smuglib import checks

TRAINING_SEED = "training_seed"
"""Column that names the training of a row, where several are joined."""


class Interval(NamedTuple):
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


class Options(TypedDict, total=False):
    """Settings of `bootstrap`, handed on by what calls it."""

    level: float
    n_resamples: int
    seed: int


def bootstrap(
    values: ArrayLike,
    subjects: ArrayLike,
    *,
    seeds: ArrayLike | None = None,
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the mean of per-slice values with a percentile bootstrap interval over subjects.

    A resample draws subjects with replacement and takes all their slices (Davison and Hinkley,
    "Bootstrap Methods and their Application", section 3.8); of paired differences, whole pairs.

    Parameters
    ----------
    values, subjects
        One finite number per slice, and its subject, ``[n]``; at least two different subjects.
    seeds
        The training's seed of each number, ``[n]``: seeds are resampled, too (see `resample`).
        With one seed, or none named, the interval says nothing of what another training gives.
    level
        Confidence level, in (0, 1).

    Examples
    --------
    >>> bootstrap([1.0, 3.0], ["a", "b"]).mean
    2.0
    """
    try:
        numbers, labels = np.asarray(values, dtype=float), np.asarray(subjects)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"values must be numbers, and subjects their names: {error}") from error
    if numbers.ndim != 1 or numbers.shape != labels.shape or not numbers.size:
        raise ValueError(
            "values and subjects must be lists of one length >= 1, "
            f"got shapes {numbers.shape} and {labels.shape}"
        )
    if not np.isfinite(numbers).all():
        raise ValueError("values must be finite: a bootstrap interval needs numbers")
    n_resamples = checks.integer("n_resamples", n_resamples, minimum=2)
    seed = checks.integer("seed", seed, minimum=0)
    level = checks.real_number("level", level)
    if not 0 < level < 1:
        raise ValueError(f"level must lie in (0, 1), got {level!r}")
    _, group = np.unique(labels, return_inverse=True)
    counts = np.bincount(group)
    if counts.size < 2:
        raise ValueError("subjects must be at least two different ones: they are what is resampled")
    if seeds is not None and np.shape(seeds) != numbers.shape:
        raise ValueError(f"seeds must be a list of {numbers.size}, got shape {np.shape(seeds)}")
    if seeds is not None and len(set(np.asarray(seeds).tolist())) > 1:
        means = resample(numbers, labels, seeds, n_resamples=n_resamples, seed=seed)
        ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
        return Interval(float(numbers.mean()), *map(float, ends))
    found = stats.bootstrap(
        (np.bincount(group, weights=numbers), counts),
        _mean_over_slices,
        paired=True,
        method="percentile",
        confidence_level=level,
        n_resamples=n_resamples,
        batch=1000,  # bounds the memory
        rng=np.random.default_rng(seed),
    )
    return Interval(float(numbers.mean()), *map(float, found.confidence_interval))


def resample(
    values: ArrayLike,
    subjects: ArrayLike,
    seeds: ArrayLike,
    *,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> NDArray[np.float64]:
    """Return means of values, ``[n]`` or columns ``[n, k]``, over draws of seeds and of subjects.

    All seeds are evaluated at the same subjects, so that one draw of subjects serves all seeds
    (crossed, not nested; Owen, Ann Appl Stat 1, 2007), and all columns share every draw. Of n seeds
    n - 1 are drawn, with which the variance of a mean is not underestimated (Rao and Wu, J Am Stat
    Assoc 83, 1988): n of n would give (n - 1) / n of it, half with two seeds. Subjects, which are
    many, are drawn n of n, as in `bootstrap`.

    Returns
    -------
    numpy.ndarray
        ``[n_resamples]`` or ``[n_resamples, k]``; fewer where a seed lacks subjects, for draws
        that hold no value are left out.
    """
    numbers = np.asarray(values, dtype=float)
    rng, shape = np.random.default_rng(seed), []
    places, draws = [], []
    for labels, spared in ((seeds, 1), (subjects, 0)):
        _, place = np.unique(np.asarray(labels), return_inverse=True)
        size = int(place.max()) + 1
        n_drawn = max(size - spared, 1)
        draws.append(rng.multinomial(n_drawn, np.full(size, 1 / size), n_resamples))
        places.append(place)
        shape.append(size)
    cells = np.zeros((*shape, *numbers.shape[1:])), np.zeros(shape)
    np.add.at(cells[0], tuple(places), numbers)
    np.add.at(cells[1], tuple(places), 1)
    sums, counts = (np.einsum("rs,rj,sj...->r...", *draws, cell, optimize=True) for cell in cells)
    held = counts > 0
    return sums[held] / counts[held].reshape(-1, *[1] * (sums.ndim - 1))


def _mean_over_slices(
    sums: NDArray[np.float64], counts: NDArray[np.int64], axis: int = -1
) -> NDArray[np.float64]:
    return sums.sum(axis) / counts.sum(axis)


def over_subjects(values: pd.Series[float], **options: Unpack[Options]) -> Interval:
    """Return `bootstrap` over the index (split, subject, ...), or NaN ends for one subject.

    A level `TRAINING_SEED` of the index names the seeds.
    """
    subjects = [f"{split} {subject}" for split, subject, *_ in values.index]
    if len(set(subjects)) < 2:
        return Interval(float(values.mean()), np.nan, np.nan)
    named = TRAINING_SEED in values.index.names
    seeds = values.index.get_level_values(TRAINING_SEED) if named else None
    return bootstrap(values.to_numpy(), subjects, seeds=seeds, **options)
