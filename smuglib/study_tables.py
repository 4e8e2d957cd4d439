"""Tables of studies: means with intervals over subjects in the cells, in columns or in rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

from smuglib.averages import cell
from smuglib.comparisons import averages, paired_differences
from smuglib.labels import METHOD_LABELS
from smuglib.readable import NO_BREAK


def by_method(
    frame: pd.DataFrame,
    quantity: str,
    scenarios: Mapping[str, str],
    methods: Sequence[str],
    *,
    root_mean_square: bool = False,
    digits: int = 2,
    sign: bool = False,
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
        See `smuglib.comparisons.averages`.
    digits, sign
        See `smuglib.averages.cell`.

    Returns
    -------
    pandas.DataFrame
        Text, one row per scenario, one column per method.
    """
    chosen = frame[frame["quantity"] == quantity]
    means = averages(chosen, root_mean_square=root_mean_square)
    texts = means.apply(cell, axis=1, digits=digits, sign=sign).unstack("method")
    laid = texts.reindex(index=list(scenarios), columns=list(methods))
    laid = laid.rename(index=dict(scenarios), columns=METHOD_LABELS).fillna("")
    return laid.rename_axis(index=None, columns=None)


def against(
    frame: pd.DataFrame, quantity: str, scenarios: Mapping[str, str], methods: Sequence[str],
    *, reference: str = "modl", ratio: bool = False, digits: int = 2,
) -> pd.DataFrame:  # fmt: skip
    """Lay out the mean paired differences, with their signs, or quotients to a reference.

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
    parts = [paired_differences(chosen, "method", name, reference, ratio=ratio) for name in others]
    laid = pd.concat(parts)
    return by_method(laid, quantity, scenarios, others, digits=digits, sign=not ratio)


def side_by_side(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Lay out several quantities for a narrow page: their tables' columns become rows.

    Parameters
    ----------
    tables
        Tables such as those of `by_method`, by the heading of their quantity.

    Returns
    -------
    pandas.DataFrame
        Text, one column a quantity, indexed by row and column of the tables; ``""`` where one
        lacks them.
    """
    columns = {heading: table.stack() for heading, table in tables.items()}
    return pd.concat(columns, axis=1, sort=False).fillna("")


def narrow(frame: pd.DataFrame) -> str:
    """Write a table of text as HTML that a narrow page can hold.

    Parameters
    ----------
    frame
        Text, with intervals in square brackets, such as `side_by_side` returns. Of two levels of
        its index the first one gives titles across the table.

    Returns
    -------
    str
        The table, with intervals in small type under their means.
    """
    names = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in frame.columns)
    titled = isinstance(frame.index, pd.MultiIndex)
    groups = frame.groupby(level=0, sort=False) if titled else [("", frame)]
    lines = [f"<thead><tr><td></td>{names}</tr></thead><tbody>"]
    for title, rows in groups:
        if title:
            across = f'colspan="{len(frame.columns) + 1}" scope="rowgroup"'
            lines.append(f"<tr><th {across}><em>{escape(str(title))}</em></th></tr>")
        for name, row in (rows.droplevel(0) if titled else rows).iterrows():
            cells = "".join(f"<td>{_stacked(str(text))}</td>" for text in row)
            lines.append(f'<tr><th scope="row">{escape(str(name))}</th>{cells}</tr>')
    return "\n".join(['<table border="1" class="dataframe">', *lines, "</tbody></table>"])


def _stacked(text: str) -> str:
    """Put the interval of a cell under its mean, in one piece."""
    mean, bracket, interval = escape(text).partition(" [")
    if not bracket:
        return mean
    return f"{mean}<br><small>[{interval.replace(' ', NO_BREAK)}</small>"
