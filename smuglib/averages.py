"""Means of tidy tables with bootstrap intervals over subjects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from smuglib import checks, statistics


def averages(
    rows: pd.DataFrame,
    value: str = "value",
    *,
    by: Sequence[str] = ("scenario", "method"),
    root_mean_square: bool = False,
) -> pd.DataFrame:
    """Average a column with its bootstrap interval over subjects.

    Parameters
    ----------
    rows
        Rows with ``split``, ``subject``, the columns of ``by``, and numbers to average.
    value
        Which numbers.
    by
        Columns that hold apart what must not be averaged.
    root_mean_square
        Return the root of the mean square, and the roots of its interval's ends, instead of the
        mean: for errors of either sign.

    Returns
    -------
    pandas.DataFrame
        One row per group, in the order of the rows: ``mean``, ``low`` and ``high`` (NaN for fewer
        than two subjects), ``n`` values and ``n_subjects``, indexed by group.

    Raises
    ------
    ValueError
        If a column is unknown or a value not finite.
    """
    for name in (value, *by):
        checks.one_of("column", name, map(str, rows.columns))
    lines = {}
    for group, part in rows.groupby(list(by), sort=False):
        values = part[value].to_numpy(dtype=float)
        values = values**2 if root_mean_square else values
        subjects = [f"{s} {n}" for s, n in zip(part["split"], part["subject"], strict=True)]
        interval = statistics.Interval(float(values.mean()), np.nan, np.nan)
        if len(set(subjects)) > 1:
            interval = statistics.bootstrap(values, subjects)
        ends = [float(np.sqrt(end)) if root_mean_square else end for end in interval]
        lines[group] = [*ends, len(values), len(set(subjects))]
    index = pd.MultiIndex.from_tuples(lines, names=list(by))
    if len(by) == 1:
        index = index.get_level_values(0)  # type: ignore[assignment]
    columns = ["mean", "low", "high", "n", "n_subjects"]
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)


def paired(
    rows: pd.DataFrame, column: str, first: str, second: str, *, ratio: bool = False
) -> pd.DataFrame:
    """Return the difference, or quotient, of two groups of rows, pair by pair.

    Parameters
    ----------
    rows
        Rows with ``value``; all columns but it and ``column`` make a pair.
    column
        The column that tells the two apart, such as ``"method"``.
    first, second
        Its values: the result is ``first - second``.
    ratio
        Return ``first / second``.

    Returns
    -------
    pandas.DataFrame
        The rows of ``first`` with ``value`` replaced.

    Raises
    ------
    ValueError
        If rows lack a partner, or share one.
    """
    keys = [name for name in rows.columns if name not in ("value", column)]
    one, other = (rows[rows[column] == name].set_index(keys)["value"] for name in (first, second))
    if one.index.has_duplicates or not one.index.sort_values().equals(other.index.sort_values()):
        raise ValueError(
            f"rows of {column} {first!r} and {second!r} must be pairs: got {len(one)} and "
            f"{len(other)}"
        )
    partner = other.reindex(one.index)
    found = one / partner if ratio else one - partner
    return found.reset_index().assign(**{column: first})


def intervals(means: pd.DataFrame) -> dict[object, statistics.Interval]:
    """Return the rows of `averages` as intervals.

    Parameters
    ----------
    means
        What `averages` returned.

    Returns
    -------
    dict
        Intervals by group; their ends are NaN for fewer than two subjects.
    """
    ends = means[["mean", "low", "high"]].itertuples(index=False, name=None)
    return dict(
        zip(means.index, (statistics.Interval(*map(float, row)) for row in ends), strict=True)
    )
