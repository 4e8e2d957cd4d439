"""Which method leads along a curve, where the lead passes on, and which do worse than nothing."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from smugbook.experiments.curves import ANCHORS
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import strength
from smugbook.words.verdicts import join_names
from smuglib import checks
from smuglib.evaluation import PAIR, Interval
from smuglib.evaluation.bootstrap import over_subjects

Words = Callable[[float], str]
"""Writes a value of the axis."""


def find_leaders(
    points: pd.DataFrame, metric: str = "psnr", *, method: str = "smug"
) -> pd.DataFrame:
    """Find who leads at every point of a curve, on slices that all methods have.

    ``tied`` are not told apart from the ``best``, those in ``nothing`` are worse than the
    zero-filled image beyond chance, and ``behind`` is ``method`` minus the best of the others.
    """
    checks.one_of("metric", metric, map(str, points.columns))
    sign = -1.0 if metric == "nmse" else 1.0
    lines = {}
    for value, rows in points.groupby("value"):
        scores = sign * rows.pivot(index=PAIR, columns="method", values=metric).dropna()
        if scores.empty:
            continue
        names = [name for name in METHOD_LABELS if name in scores]
        best = str(scores[names].mean().idxmax())
        tied = [m for m in names if m != best and not _apart(scores[best] - scores[m])]
        nothing = [
            m for m in names if "zero_filled" in names and _apart(scores["zero_filled"] - scores[m])
        ]
        others = [name for name in names if name != method]
        behind = Interval(*[float("nan")] * 3)
        if method in names and others:
            rival = scores[others].mean().idxmax()
            behind = over_subjects(scores[method] - scores[rival])
        lines[value] = [best, tuple(tied), tuple(nothing), behind]
    columns = ["best", "tied", "nothing", "behind"]
    return pd.DataFrame(lines.values(), index=pd.Index(lines, name="value"), columns=columns)


def describe_lead(table: pd.DataFrame, words: Words, *, method: str = "smug") -> str:
    """Say where a method leads."""
    leads = [row["best"] == method and not row["tied"] for _, row in table.iterrows()]
    shares = any(method in (row["best"], *row["tied"]) for _, row in table.iterrows())
    places = (
        join_names(words(float(str(value))) for value in table.index[leads]) if any(leads) else ""
    )
    where = "everywhere" if all(leads) else f"at {places}" if any(leads) else "nowhere"
    alone = " alone" if shares and not any(leads) else ""
    return f"{METHOD_LABELS[method]} leads {where}{alone}"


def describe_leaders(table: pd.DataFrame, words: Words, *, besides: str | None = None) -> str:
    """Name the best methods and where the order changes."""
    held: dict[tuple[str, ...], list[str]] = {}
    for value, row in table.iterrows():
        held.setdefault((row["best"], *row["tied"]), []).append(words(float(str(value))))
    parts: list[str] = []
    held.pop((besides or "",), None)
    for methods, values in held.items():
        verb = "" if parts else " is best" if len(methods) == 1 else " are best"
        names = join_names(METHOD_LABELS[method] for method in methods)
        joint = ", not told apart," if len(methods) > 1 else ""
        parts.append(f"{names}{joint}{verb} at {join_names(values)}")
    return "; ".join(parts)


def describe_failures(table: pd.DataFrame, words: Words) -> str:
    """Name the methods that do worse than no reconstruction, and where."""
    places: dict[str, list[str]] = {}
    for value, row in table.iterrows():
        for method in row["nothing"]:
            places.setdefault(method, []).append(words(float(str(value))))
    held: dict[str, list[str]] = {}
    for method in (name for name in METHOD_LABELS if name in places):
        held.setdefault(join_names(places[method]), []).append(METHOD_LABELS[method])
    return "; ".join(f"{join_names(names)} at {values}" for values, names in held.items())


def largest_deficit(table: pd.DataFrame) -> tuple[float, str, Interval] | None:
    """Return where the method is furthest behind the leader."""
    late = table[[span.high < 0 for span in table["behind"]]]
    if late.empty:
        return None
    value = min(late.index, key=lambda place: late.loc[place, "behind"].mean)
    return float(value), str(late.loc[value, "best"]), late.loc[value, "behind"]


def find_shortfalls(order: pd.DataFrame, rung: str = "adaptive") -> dict[str, float]:
    """Find by how much (dB) the search of a rung falls short in an `ordering`, beyond chance.

    By rung that did more damage although it knows no more: the largest mean difference. A longer
    search counts for its level too, for it knows the same.
    """
    found: dict[str, float] = {}
    for weaker in order.loc[(order["stronger"] == rung) & order["broken"], "weaker"].unique():
        chosen = (order["stronger"] == rung) & (order["weaker"] == weaker) & order["broken"]
        found[str(weaker)] = float(-order.loc[chosen, "difference"].min())
    longer = (order["weaker"] == rung) & (order["stronger"] == f"{rung}_strong")
    more = order.loc[longer & (order["low"] > 0), "difference"]
    return found if more.empty else {**found, f"{rung}_strong": float(more.max())}


def _apart(difference: pd.Series[float]) -> bool:
    return over_subjects(difference).low > 0


def format_axis_value(name: str, value: float) -> str:
    """Write a value of a curve's axis: ``0.5/255``, ``2 % of ‖y‖₂``, or ``ε = 0`` without any."""
    if ANCHORS[checks.one_of("curve", name, ANCHORS)][1] != "epsilon":
        return f"{value:g}"
    domain = "kspace" if name.startswith("kspace") else "image"
    return strength(value, domain) if value else "ε = 0"
