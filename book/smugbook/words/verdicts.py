"""Intervals and names as parts of a sentence or cells of a table."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial

import pandas as pd

from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import NO_BREAK, number, signed
from smuglib.evaluation import Interval, averages
from smuglib.evaluation.comparisons import paired_differences


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


RANKING = ("smug", "smug_v0", "rs_e2e", "modl")
"""Methods by the poster's robust PSNR, best first."""


def intervals(
    frame: pd.DataFrame, quantity: str, scenario: str, methods: Sequence[str],
    *, minus: str | None = None, ratio: bool = False,
) -> dict[str, Interval]:  # fmt: skip
    """Return the mean of a quantity for every method, with its interval over subjects."""
    rows = frame[(frame["quantity"] == quantity) & (frame["scenario"] == scenario)]
    found = {}
    for method in methods:
        own = rows[rows["method"] == method]
        if minus is not None and method != minus:
            own = paired_differences(rows, "method", method, minus, ratio=ratio)
        if len(own) and method != minus:
            line = averages(own).iloc[0]
            found[METHOD_LABELS[method]] = Interval(line["mean"], line["low"], line["high"])
    return found


def shift_intervals(found: Mapping[str, Interval], value: float) -> dict[str, Interval]:
    """Return intervals minus a value, for verdicts on which side of it they lie."""
    return {
        name: Interval(*(float(end) - value for end in interval))
        for name, interval in found.items()
    }


def quantify_names(
    names: Collection[str], everyone: Collection[str], *, noun: str = "method"
) -> str:
    """Write names as part of a sentence, or ``"every method"`` and ``"no method"``."""
    if not names:
        return f"no {noun}"
    return f"every {noun}" if len(names) == len(everyone) else join_names(names)


def sort_methods(
    found: Mapping[str, Interval], *, above: str, below: str, between: str, every: str
) -> str:
    """Sort methods by what their intervals say of zero."""
    groups: dict[str, list[str]] = {word: [] for word in (above, below, between)}
    for name, interval in found.items():
        groups[choose_word(interval, above=above, below=below, between=between)].append(name)
    used = {word: names for word, names in groups.items() if names}
    if len(used) == 1:
        return f"{next(iter(used))} {every}"
    return ", ".join(f"{word} {join_names(names)}" for word, names in used.items())


def extreme_methods(found: Mapping[str, Interval], *, also: str | None = None) -> list[str]:
    """Return the methods of the largest and smallest mean, and one more if it is there."""
    order = sorted(found, key=lambda name: -found[name].mean)
    return [name for name in order if name in (order[0], order[-1], also)]


def format_intervals(
    found: Mapping[str, Interval], names: Sequence[str], *, digits: int = 2, sign: bool = False
) -> str:
    """Write some of the intervals: ``"MoDL 0.93 [0.91, 0.94], SMUG 0.86 [0.84, 0.88]"``."""
    write = partial(format_interval, unit="", digits=digits, sign=sign, collapse=True)
    return ", ".join(f"{name} {write(found[name])}" for name in names)
