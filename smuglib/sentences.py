"""Intervals and names as parts of a sentence or cells of a table."""

from __future__ import annotations

import math
from collections.abc import Iterable

from smuglib.numerals import NO_BREAK, number, signed
from smuglib.statistics import Interval


def join_names(names: Iterable[str]) -> str:
    """Write names as part of a sentence: ``"MoDL, RS-E2E and SMUG"``; empty for none."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def format_interval(
    interval: Iterable[float],
    unit: str = "dB",
    digits: int = 2,
    *,
    sign: bool = True,
    collapse: bool = False,
) -> str:
    """Write a mean and the ends of its interval: ``"+3.70 dB [+3.21, +4.10]"``.

    The mean stands alone where the ends are NaN (fewer than two subjects), and with ``collapse``,
    for quantities that may not vary at all, also where both ends are written like it.
    """
    mean, low, high = map(float, interval)
    if math.isnan(mean):
        return "–"
    texts = [(signed if sign else number)(value, digits) for value in (mean, low, high)]
    text = f"{texts[0]}{NO_BREAK}{unit}" if unit else texts[0]
    if math.isnan(low) or (collapse and len(set(texts)) == 1):
        return text
    return f"{text} [{texts[1]}, {texts[2]}]"


def choose_word(
    interval: Interval, *, above: str, below: str, between: str, alone: str | None = None
) -> str:
    """Choose the word for an interval: above zero, below it, or around it.

    Without an interval, which takes two subjects, it is ``alone`` or else ``between``.
    """
    if alone is not None and math.isnan(interval.low):
        return alone
    if interval.low > 0:
        return above
    return below if interval.high < 0 else between
