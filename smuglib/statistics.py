"""Statistics of records: means over slices, and paired differences with bootstrap intervals.

Slices of one subject are alike, so subjects are the unit that is resampled: an interval over
slices would be too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from smuglib import checks

PAIR = ["split", "subject", "slice", "seed"]
"""Columns that make rows of two methods a pair."""

VARIANT = ["method", "training_sigma", "placement"]
"""Columns that name what is compared."""


class Interval(NamedTuple):
    """A mean and the ends of its interval."""

    mean: float
    low: float
    high: float


def bootstrap(
    values: ArrayLike,
    subjects: ArrayLike,
    *,
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> Interval:
    """Return the mean of per-slice values with a percentile bootstrap interval over subjects.

    Of paired differences it is a paired bootstrap: both members of a pair come and go together.
    A resample draws subjects with replacement and takes all their slices (Davison and Hinkley,
    "Bootstrap Methods and their Application", section 3.8).

    Parameters
    ----------
    values
        One number a slice, ``[n]``, finite.
    subjects
        The subject of each slice, ``[n]``, of at least two different ones.
    level
        Confidence level, in (0, 1).
    n_resamples
        Number of bootstrap resamples.
    seed
        Seed of the resampling.

    Returns
    -------
    Interval
        Mean over slices, lower and upper end.

    Raises
    ------
    ValueError
        If shapes differ, a value is not finite, fewer than two subjects are given, or a setting
        is out of range.
    """
    numbers, labels = np.asarray(values, dtype=float), np.asarray(subjects)
    if numbers.ndim != 1 or numbers.shape != labels.shape or not numbers.size:
        raise ValueError(
            "values and subjects must be lists of one length >= 1, "
            f"got shapes {numbers.shape} and {labels.shape}"
        )
    if not np.isfinite(numbers).all():
        raise ValueError("values must be finite: a bootstrap interval needs numbers")
    checks.integer("n_resamples", n_resamples)
    if not 0 < checks.real_number("level", level) < 1:
        raise ValueError(f"level must lie in (0, 1), got {level!r}")
    _, group = np.unique(labels, return_inverse=True)
    counts = np.bincount(group)
    if counts.size < 2:
        raise ValueError("subjects must be at least two different ones: they are what is resampled")
    sums = np.bincount(group, weights=numbers)
    rng = np.random.default_rng(checks.integer("seed", seed, minimum=0))
    drawn = rng.integers(counts.size, size=(n_resamples, counts.size))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(numbers.mean()), float(low), float(high))


def over_subjects(
    differences: pd.Series[float],
    *,
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> tuple[Interval, int]:
    """Return the interval of paired differences, and the number of subjects behind it.

    Parameters
    ----------
    differences
        One number a slice, indexed by `PAIR`.
    level, n_resamples, seed
        See `bootstrap`.

    Returns
    -------
    Interval
        See `bootstrap`; NaN at both ends for fewer than two subjects.
    int
        Number of subjects.

    Raises
    ------
    ValueError
        As `bootstrap`.
    """
    subjects = [f"{split} {subject}" for split, subject, *_ in differences.index]
    n_subjects = len(set(subjects))
    if n_subjects < 2:
        return Interval(float(differences.mean()), np.nan, np.nan), n_subjects
    interval = bootstrap(
        differences.to_numpy(), subjects, level=level, n_resamples=n_resamples, seed=seed
    )
    return interval, n_subjects


def summary(
    records: pd.DataFrame,
    metric: str = "psnr",
    *,
    reference: str = "modl",
    reference_sigma: float | None = None,
    by: Sequence[str] = ("scenario", "epsilon", "sampling_rate"),
    level: float = 0.95,
    n_resamples: int = 10_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare methods with a reference method, slice by slice.

    Parameters
    ----------
    records
        What `smuglib.records.read` returns; files may be concatenated.
    metric
        A column of results.
    reference
        The method that differences are taken to.
    reference_sigma
        Its training noise. By default that of the method it is compared with, where the
        reference has it, or the only one that it has.
    by
        Columns that hold apart what must not be averaged.
    level, n_resamples, seed
        See `bootstrap`.

    Returns
    -------
    pandas.DataFrame
        For every group and every variant (method, training noise, placement): mean and standard
        deviation over slices (population, as the poster's ±), mean paired difference to the
        reference with its interval (NaN for fewer than two subjects), number of slices and
        subjects. The reference's own difference is 0.

    Raises
    ------
    ValueError
        If a column is unknown, the reference is missing or ambiguous, rows of one variant share
        a slice, or a method lacks slices of the reference.
    """
    for name in (metric, *by):
        checks.one_of("column", name, map(str, records.columns))
    lines = []
    for group, rows in records.groupby(list(by), sort=False):
        variants = _variants(rows, metric, by)
        chosen = {key: values for key, values in variants.items() if key[0] == reference}
        for key, values in variants.items():
            other = _reference(chosen, key, reference, reference_sigma)
            difference = _difference(values, other, key)
            interval, n_subjects = over_subjects(
                difference, level=level, n_resamples=n_resamples, seed=seed
            )
            lines.append(
                {
                    **dict(zip(by, group, strict=True)),
                    **dict(zip(VARIANT, key, strict=True)),
                    "mean": values.mean(),
                    "std": values.std(ddof=0),
                    "difference": interval.mean,
                    "low": interval.low,
                    "high": interval.high,
                    "n_slices": len(difference),
                    "n_subjects": n_subjects,
                }
            )
    return pd.DataFrame(lines)


Variants = dict[tuple[str, float, str], "pd.Series[float]"]


def _variants(rows: pd.DataFrame, metric: str, by: Sequence[str]) -> Variants:
    """Return the metric of every variant, indexed by the columns that make a pair."""
    variants: Variants = {}
    for key, part in rows.groupby(VARIANT, sort=False):
        series = part.set_index(PAIR)[metric].sort_index()
        if series.index.has_duplicates:
            raise ValueError(
                f"{key[0]} has several rows for one slice: add the column that tells them apart "
                f"to by={tuple(by)}, or select rows"
            )
        variants[key] = series  # type: ignore[index]
    return variants


def _reference(
    chosen: Variants, key: tuple[str, float, str], name: str, sigma: float | None
) -> pd.Series[float]:
    """Return the values of the reference that a variant is compared with."""
    wanted = key[1] if sigma is None else sigma
    matching = [values for (_, found, _), values in chosen.items() if found == wanted]
    if not matching and sigma is None:
        matching = list(chosen.values())
    if key in chosen and sigma is None:
        matching = [chosen[key]]
    if len(matching) != 1:
        available = [f"{found:g} ({placement})" for _, found, placement in chosen]
        raise ValueError(
            f"reference {name!r} for {key} must be one set of rows, got {len(matching)}; "
            f"its training noises are {available}: give reference_sigma or select rows"
        )
    return matching[0]


def _difference(
    values: pd.Series[float], other: pd.Series[float], key: tuple[str, float, str]
) -> pd.Series[float]:
    if not values.index.equals(other.index):
        lacking = other.index.symmetric_difference(values.index)
        raise ValueError(
            f"{key} and the reference must cover the same slices: {len(lacking)} differ, first "
            f"{dict(zip(PAIR, lacking[0], strict=True))}"
        )
    return values - other
