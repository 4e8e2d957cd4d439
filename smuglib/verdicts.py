"""Conclusions in words, each worded from its interval and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from smuglib.scenarios import Scenario
from smuglib.statistics import PAIR, Interval, over_subjects
from smuglib.tables import select

RANKING = ("smug", "smug_v0", "rs_e2e", "modl")
"""Methods by the poster's robust PSNR, best first."""


def paired(
    first: pd.DataFrame, second: pd.DataFrame, metric: str = "psnr", *, level: float = 0.95
) -> Interval:
    """Return the mean of ``first - second``, slice by slice, with its interval over subjects.

    Parameters
    ----------
    first, second
        Records of the same slices and seeds, one row each.
    metric
        A column of results.
    level
        Confidence level.

    Returns
    -------
    Interval
        NaN at both ends for fewer than two subjects.

    Raises
    ------
    ValueError
        If the slices differ, or one has several rows.
    """
    a, b = (frame.set_index(PAIR)[metric].sort_index() for frame in (first, second))
    if a.index.has_duplicates or not a.index.equals(b.index):
        raise ValueError(
            "records to compare must be of the same slices, one row each: got "
            f"{len(a)} and {len(b)} rows"
        )
    interval, _ = over_subjects(a - b, level=level)
    return interval


def fragility(
    block: pd.DataFrame, scenarios: Sequence[Scenario], method: str
) -> dict[str, Interval]:
    """Return what a method loses from clean to each other scenario, PSNR in dB.

    Parameters
    ----------
    block
        Records of one block.
    scenarios
        Those to compare with ``"clean"``, which the block must hold.
    method
        The method.

    Returns
    -------
    dict of str to Interval
        Clean minus attacked, by name of the scenario.
    """
    own = block[block["method"] == method]
    clean = select(own, Scenario("clean"))
    found = {}
    for scenario in scenarios:
        if scenario.rung != "clean":
            rows = select(own, scenario)
            same = clean.set_index(PAIR).index.isin(rows.set_index(PAIR).index)
            found[scenario.name] = paired(clean[same], rows)
    return found
