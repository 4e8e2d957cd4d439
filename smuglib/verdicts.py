"""Conclusions in words, each worded from its interval and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from smuglib.bootstrap import Interval
from smuglib.comparisons import compare, with_partner
from smuglib.readable import number
from smuglib.scenarios import Scenario
from smuglib.table_html import signed
from smuglib.tables import select

RANKING = ("smug", "smug_v0", "rs_e2e", "modl")
"""Methods by the poster's robust PSNR, best first."""


def worded(interval: Interval, unit: str = "dB", *, digits: int = 2, sign: bool = True) -> str:
    """Write an interval as text.

    Parameters
    ----------
    interval
        Mean and ends.
    unit
        Unit, may be empty.
    digits
        Decimals.
    sign
        Write the plus of positive numbers.

    Returns
    -------
    str
        Such as ``"+3.70 dB [+3.21, +4.10]"``.
    """
    write = signed if sign else number
    mean, low, high = (write(value, digits) for value in interval)
    text = f"{mean} {unit}".rstrip()
    return text if math.isnan(interval.low) else f"{text} [{low}, {high}]"


def judged(interval: Interval, *, above: str, below: str, between: str) -> str:
    """Choose the word for an interval: above zero, below it, or around it.

    Parameters
    ----------
    interval
        Mean and ends.
    above, below, between
        The words.

    Returns
    -------
    str
        One of them; ``between`` also where there is no interval.
    """
    if interval.low > 0:
        return above
    return below if interval.high < 0 else between


def fragility(
    block: pd.DataFrame, scenarios: Sequence[Scenario], method: str
) -> dict[str, Interval]:
    """Return clean minus attacked PSNR of a method (dB), by name of the scenario."""
    own = block[block["method"] == method]
    clean = select(own, Scenario("clean"))
    found = {}
    for scenario in scenarios:
        if scenario.rung != "clean":
            rows = select(own, scenario)
            found[scenario.name] = compare(with_partner(clean, rows), rows)
    return found
