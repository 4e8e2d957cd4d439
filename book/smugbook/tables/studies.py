"""Tables of studies: means with intervals over subjects in the cells, in columns or in rows."""

from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.words.labels import METHOD_LABELS
from smugbook.words.verdicts import format_interval
from smuglib.evaluation import averages
from smuglib.evaluation.comparisons import paired_differences


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
    """Lay out the means of a quantity as text: one row per scenario, one column per method."""
    chosen = frame[frame["quantity"] == quantity]
    means = averages(chosen, root_mean_square=root_mean_square)
    texts = format_means(means, digits, sign=sign).unstack("method")
    laid = texts.reindex(index=list(scenarios), columns=list(methods))
    laid = laid.rename(index=dict(scenarios), columns=METHOD_LABELS).fillna("")
    return laid.rename_axis(index=None, columns=None)


def format_means(means: pd.DataFrame, digits: int = 2, *, sign: bool = False) -> pd.Series:
    """Write the rows of `smuglib.evaluation.averages`; see `format_interval`."""
    ends = means[["mean", "low", "high"]].itertuples(index=False)
    texts = [format_interval(row, "", digits, sign=sign, collapse=True) for row in ends]
    return pd.Series(texts, index=means.index, dtype=object)


def format_differences(
    frame: pd.DataFrame, quantity: str, scenarios: Mapping[str, str], methods: Sequence[str],
    *, reference: str = "modl", ratio: bool = False, digits: int = 2,
) -> pd.DataFrame:  # fmt: skip
    """Lay out the mean paired differences, or quotients, to a reference, which has no column."""
    others = [name for name in methods if name != reference]
    chosen = frame[(frame["quantity"] == quantity) & frame["scenario"].isin(list(scenarios))]
    parts = [paired_differences(chosen, "method", name, reference, ratio=ratio) for name in others]
    laid = pd.concat(parts)
    return by_method(laid, quantity, scenarios, others, digits=digits, sign=not ratio)


def stack_tables(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Lay out several quantities for a narrow page: their tables' columns become rows."""
    columns = {heading: table.stack() for heading, table in tables.items()}
    return pd.concat(columns, axis=1, sort=False).fillna("")
