"""Comparisons of records: means, paired differences and quotients, and their intervals.

Methods are compared slice by slice: what two of them share, such as an easy slice or an unlucky
draw of noise, leaves their difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
import pandas as pd

from smuglib import checks
from smuglib.evaluation.bootstrap import TRAINING_SEED, Interval, Options, over_subjects

SLICE = ["split", "subject", "slice"]
"""Columns that name a slice."""

PAIR = [*SLICE, "seed"]
"""Columns that make rows of two methods a pair."""

VARIANT = ["method", "training_sigma", "placement"]
"""Columns that name what is compared."""

Variant = tuple[str, float, str]


def averages(
    rows: pd.DataFrame,
    value: str = "value",
    *,
    by: Sequence[str] = ("scenario", "method"),
    root_mean_square: bool = False,
) -> pd.DataFrame:
    """Average a column with its bootstrap interval over subjects.

    One row per group of ``by``, the columns that hold apart what must not be averaged, in the order
    of the rows: ``mean``, ``low`` and ``high`` (NaN for fewer than two subjects), ``n`` values and
    ``n_subjects``. ``root_mean_square`` returns roots, of the mean square and of its interval's
    ends: for errors of either sign.
    """
    by = checks.members("by", by)
    _check_columns("rows", rows, value=[value], by=by)
    root_mean_square = checks.boolean("root_mean_square", root_mean_square)
    lines = {}
    for group, part in rows.groupby(list(by), sort=False):
        values = part.set_index(_index(["split", "subject"], part))[value].astype(float)
        ends = over_subjects(values**2 if root_mean_square else values)
        if root_mean_square:
            ends = Interval(*map(float, np.sqrt(ends)))
        lines[group] = [*ends, len(values), part.groupby(["split", "subject"]).ngroups]
    index = pd.MultiIndex.from_tuples(lines, names=list(by))
    if len(by) == 1:
        index = index.get_level_values(0)  # type: ignore[assignment]
    columns = ["mean", "low", "high", "n", "n_subjects"]
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)


def _index(names: Sequence[str], *tables: pd.DataFrame) -> list[str]:
    """Return names of columns, and the training's seed where all tables have it."""
    seeded = all(TRAINING_SEED in table for table in tables) and TRAINING_SEED not in names
    return [*names, TRAINING_SEED] if seeded else [*names]


def _check_columns(name: str, rows: object, **columns: Sequence[object]) -> None:
    """Refuse what is no table, and arguments that name columns which it lacks."""
    held = list(map(str, checks.instance(name, rows, pd.DataFrame).columns))
    for argument, wanted in columns.items():
        for column in wanted or [None]:
            if not isinstance(column, str) or column not in held:
                raise ValueError(
                    f"{argument} must name columns of {name}, ({', '.join(held)}), "
                    f"got {checks.shown(column)}"
                )


def intervals(means: pd.DataFrame) -> dict[object, Interval]:
    """Return the rows of `averages` as intervals, by group."""
    ends = means[["mean", "low", "high"]].itertuples(index=False, name=None)
    return dict(zip(means.index, (Interval(*map(float, row)) for row in ends), strict=True))


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    value: str = "psnr",
    *,
    pair: Sequence[str] = PAIR,
    **options: Unpack[Options],
) -> Interval:
    """Return the mean of ``first - second``, slice by slice, with its interval over subjects.

    Both are records of the same slices and seeds, one row each; ``value`` is a column of results,
    ``pair`` those that make two rows a pair, ``split`` and ``subject`` first, and ``options`` are
    those of `bootstrap`. Fewer than two subjects: NaN at both ends. Where both have a column
    `TRAINING_SEED`, rows of one seed are pairs, and the interval is over seeds and subjects.
    """
    for name, rows in (("first", first), ("second", second)):
        checks.instance(name, rows, pd.DataFrame)
    pair = _index(checks.members("pair", pair), first, second)
    # Sorted, so that the order of rows changes no digit.
    return over_subjects(difference(first, second, value, pair=pair).sort_index(), **options)


def difference(
    first: pd.DataFrame,
    second: pd.DataFrame,
    value: str = "psnr",
    *,
    pair: Sequence[str] = PAIR,
    ratio: bool = False,
) -> pd.Series[float]:
    """Return ``first - second``, or their quotient, of each pair of rows: see `compare`."""
    pair = checks.members("pair", pair)
    for name, rows in (("first", first), ("second", second)):
        _check_columns(name, rows, value=[value], pair=pair)
    one, other = (rows.set_index(list(pair))[value] for rows in (first, second))
    for rows, index in ((first, one.index), (second, other.index)):
        if index.has_duplicates:
            raise ValueError(
                f"{_methods(rows)} has several rows for one slice, "
                f"{_named(index[index.duplicated()])}: select those to compare"
            )
    lacking = one.index.symmetric_difference(other.index)
    if len(lacking):
        raise ValueError(
            "records to compare must be of the same slices, one row each: got "
            f"{len(one)} of {_methods(first)} and {len(other)} of {_methods(second)}; no partner "
            f"has {_named(lacking)}"
        )
    partner = other.reindex(one.index)
    return one / partner if ratio else one - partner


def _methods(rows: pd.DataFrame) -> str:
    return ", ".join(map(str, pd.unique(rows["method"]))) if "method" in rows else "a method"


def _named(index: pd.Index) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(index.names, index[0], strict=True))


def with_partner(
    rows: pd.DataFrame, others: pd.DataFrame, pair: Sequence[str] = PAIR
) -> pd.DataFrame:
    """Return the rows that have a partner among others, of the same seed if both name it."""
    keys = _index(pair, rows, others)
    return rows[rows.set_index(keys).index.isin(others.set_index(keys).index)]


def paired_differences(
    rows: pd.DataFrame,
    column: str,
    first: str,
    second: str,
    value: str = "value",
    *,
    ratio: bool = False,
) -> pd.DataFrame:
    """Return the differences of two groups of rows as rows, to select from and to average.

    ``first`` and ``second`` are values of the ``column`` that tells the two apart, such as
    ``"method"``; all others but ``value`` make a pair. The rows of ``first`` return with
    ``first - second``, or with ``ratio`` their quotient, for ``value``.
    """
    _check_columns("rows", rows, value=[value], column=[column])
    for name, wanted in (("first", first), ("second", second)):
        if not pd.api.types.is_scalar(wanted) or wanted not in set(rows[column]):
            raise ValueError(f"{name} must be in column {column!r}, got {checks.shown(wanted)}")
    ratio = checks.boolean("ratio", ratio)
    pair = [name for name in rows.columns if name not in (value, column)]
    one, other = (rows[rows[column] == name] for name in (first, second))
    found = difference(one, other, value, pair=pair, ratio=ratio)
    return found.reset_index().assign(**{column: first})


def compare_methods(
    records: pd.DataFrame,
    value: str = "psnr",
    *,
    reference: str = "modl",
    reference_sigma: float | None = None,
    by: Sequence[str] = ("scenario", "epsilon", "sampling_rate"),
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Tabulate methods, each with its difference to a reference method.

    Parameters
    ----------
    records
        What `smuglib.evaluation.scores.read` returns; files may be concatenated.
    reference_sigma
        The reference's training noise. By default that of the method it is compared with, where the
        reference has it, or the only one that it has.
    value, by, options
        See `averages` and `compare`.

    Returns
    -------
    pandas.DataFrame
        For every group and every variant (method, training noise, placement): mean and standard
        deviation over slices (population, as the poster's ±), mean paired difference to the
        reference with its interval, number of slices and subjects.
    """
    by = checks.members("by", by)
    _check_columns("records", records, value=[value], by=by)
    checks.instance("reference", reference, str)
    reference_sigma = checks.optional(checks.real_number, "reference_sigma", reference_sigma)
    lines = []
    for group, rows in records.groupby(list(by), sort=False):
        variants: dict[Variant, pd.DataFrame] = {
            key: part.sort_values(PAIR)  # type: ignore[misc]
            for key, part in rows.groupby(VARIANT, sort=False)
        }
        chosen = {key: part for key, part in variants.items() if key[0] == reference}
        for key, own in variants.items():
            other = _reference(chosen, key, reference, reference_sigma)
            change = compare(own, other, value, **options)
            counts = (own.groupby(names).ngroups for names in (SLICE, ["split", "subject"]))
            spread = own[value].mean(), own[value].std(ddof=0)
            lines.append((*group, *key, *spread, *change, *counts))
    names = ["mean", "std", "difference", "low", "high", "n_slices", "n_subjects"]
    return pd.DataFrame(lines, columns=[*by, *VARIANT, *names])


def _reference(
    chosen: dict[Variant, pd.DataFrame], key: Variant, name: str, sigma: float | None
) -> pd.DataFrame:
    """Return the rows of the reference that a variant is compared with."""
    if key in chosen and sigma is None:
        return chosen[key]
    wanted = key[1] if sigma is None else sigma
    matching = [rows for (_, found, _), rows in chosen.items() if found == wanted]
    if not matching and sigma is None:
        matching = list(chosen.values())
    if len(matching) != 1:
        available = [f"{found:g} ({placement})" for _, found, placement in chosen]
        raise ValueError(
            f"reference {name!r} for {key} must be one set of rows, got {len(matching)}; "
            f"its training noises are {available}: give reference_sigma or select rows"
        )
    return matching[0]
