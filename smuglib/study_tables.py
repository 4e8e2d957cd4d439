"""Tables of studies: methods in columns, means with intervals over subjects in the cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from smuglib.averages import averages, cell, paired
from smuglib.labels import METHOD_LABELS


def by_method(
    frame: pd.DataFrame,
    quantity: str,
    scenarios: Mapping[str, str],
    methods: Sequence[str],
    *,
    root_mean_square: bool = False,
    digits: int = 2,
) -> pd.DataFrame:
    """Lay out the means of a quantity.

    Parameters
    ----------
    frame
        Rows of `smuglib.measurements.Measurement`.
    quantity
        What to average.
    scenarios
        Scenarios, and what to call them.
    methods
        The columns.
    root_mean_square
        See `smuglib.averages.averages`.
    digits
        Decimals.

    Returns
    -------
    pandas.DataFrame
        Text, one row per scenario, one column per method.
    """
    chosen = frame[frame["quantity"] == quantity]
    means = averages(chosen, root_mean_square=root_mean_square)
    texts = means.apply(cell, axis=1, digits=digits).unstack("method")
    laid = texts.reindex(index=list(scenarios), columns=list(methods))
    laid = laid.rename(index=dict(scenarios), columns=METHOD_LABELS).fillna("")
    return laid.rename_axis(index=None, columns=None)


def against(
    frame: pd.DataFrame, quantity: str, scenarios: Mapping[str, str], methods: Sequence[str],
    *, reference: str = "modl", ratio: bool = False, digits: int = 2,
) -> pd.DataFrame:  # fmt: skip
    """Lay out the mean paired differences, or quotients, of methods to a reference.

    Parameters
    ----------
    frame, quantity, scenarios, methods, digits
        See `by_method`; the reference has no column.
    reference
        The method that the others are compared with.
    ratio
        Quotients instead of differences.

    Returns
    -------
    pandas.DataFrame
        As `by_method`.
    """
    others = [name for name in methods if name != reference]
    chosen = frame[(frame["quantity"] == quantity) & frame["scenario"].isin(list(scenarios))]
    parts = [paired(chosen, "method", name, reference, ratio=ratio) for name in others]
    return by_method(pd.concat(parts), quantity, scenarios, others, digits=digits)


def listed(line: pd.Series[str]) -> str:
    """Write a row of a table as part of a sentence: ``"MoDL 0.95 [0.94, 0.96]; SMUG ..."``."""
    return "; ".join(f"{name} {text}" for name, text in line.items())
