"""Differences between trainings, and whether they are larger than what a training's seed changes.

An interval over subjects says nothing about what another run of a training would give. Where the
methods were trained with two seeds, what changed between them is a yardstick for that: a rough one,
because two seeds give no distribution.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from smuglib import tables
from smuglib.bootstrap import Interval
from smuglib.comparisons import compare
from smuglib.labels import SCENARIO_LABELS
from smuglib.numerals import number, signed
from smuglib.scenarios import Scenario
from smuglib.sentences import format_interval

Changes = dict[str, Interval]
"""Paired differences of PSNR in dB, by name of the scenario."""

REFERENCE = "MoDL"
"""What methods are compared with."""


def changes(first: pd.DataFrame, second: pd.DataFrame, scenarios: Sequence[Scenario]) -> Changes:
    """Return what one set of records has more than another, slice by slice."""
    found = {}
    for scenario in scenarios:
        one, other = tables.select(first, scenario), tables.select(second, scenario)
        if len(one) and len(one) == len(other):
            found[scenario.name] = compare(one, other)
    return found


def compared(
    frames: Mapping[str, pd.DataFrame],
    scenarios: Sequence[Scenario],
    references: str | Mapping[str, str] = "",
) -> pd.DataFrame:
    """Tabulate mean PSNR, with paired differences in brackets."""
    one = references if isinstance(references, str) else ""
    wanted = dict.fromkeys(frames, one) if isinstance(references, str) else references
    lines: dict[str, dict[str, str]] = {}
    for name, frame in frames.items():
        reference = wanted.get(name, "")
        differ = reference in frames and reference != name
        change = changes(frame, frames[reference], scenarios) if differ else {}
        lines[name] = {}
        for scenario in scenarios:
            rows = tables.select(frame, scenario)
            text = number(rows["psnr"].mean())
            if scenario.name in change:
                text += f" ({format_interval(change[scenario.name], '')})"
            lines[name][SCENARIO_LABELS[scenario.name]] = text
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("PSNR (dB)")


def listed(pairs: Mapping[str, Changes]) -> pd.DataFrame:
    """Tabulate differences with their intervals."""
    lines = {
        name: {SCENARIO_LABELS[key]: format_interval(value, "") for key, value in found.items()}
        for name, found in pairs.items()
    }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    return frame.fillna("–").rename_axis("difference of PSNR (dB)")


def seed_changes(
    first: Mapping[str, pd.DataFrame],
    second: Mapping[str, pd.DataFrame],
    scenarios: Sequence[Scenario],
) -> dict[str, float]:
    """Return what the training's seed changes of a difference between methods."""
    one, other = (differences(frames, scenarios) for frames in (first, second))
    found = {}
    for name in (scenario.name for scenario in scenarios):
        sizes = [
            abs(one[title][name].mean - other[title][name].mean)
            for title in one.keys() & other.keys()
            if name in one[title] and name in other[title]
        ]
        if sizes:
            found[name] = max(sizes)
    return found


def differences(
    frames: Mapping[str, pd.DataFrame], scenarios: Sequence[Scenario], reference: str = REFERENCE
) -> dict[str, Changes]:
    """Return the differences of all records to those of a reference."""
    if reference not in frames:
        return {}
    return {
        f"{name} − {reference}": changes(frame, frames[reference], scenarios)
        for name, frame in frames.items()
        if name != reference
    }


def seeds(
    first: Mapping[str, pd.DataFrame],
    second: Mapping[str, pd.DataFrame],
    scenarios: Sequence[Scenario],
) -> pd.DataFrame:
    """Tabulate each method's mean difference to the reference with both seeds."""
    one, other = (differences(frames, scenarios) for frames in (first, second))
    lines = {
        title: {
            SCENARIO_LABELS[name]: f"{signed(change.mean)} → {signed(other[title][name].mean)}"
            for name, change in one[title].items()
            if name in other[title]
        }
        for title in one
        if title in other
    }
    largest = seed_changes(first, second, scenarios)
    if largest:
        lines["largest change"] = {
            SCENARIO_LABELS[name]: number(size) for name, size in largest.items()
        }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    return frame.fillna("–").rename_axis("seed 0 → seed 1 (dB)")


def counts(change: Interval, seed_change: float) -> int:
    """Return 1 or -1, the sign of a difference that is larger than the seed's change, or else 0."""
    if abs(change.mean) <= seed_change:
        return 0
    return int(change.low > 0) - int(change.high < 0)


def against_seed(pairs: Mapping[str, Changes], seed_change: Mapping[str, float]) -> pd.DataFrame:
    """Tabulate which differences are larger than what the seed changes."""
    headings = {
        name: f"{SCENARIO_LABELS[name]}, beyond {number(seed_change[name])}?"
        for name in SCENARIO_LABELS
        if name in seed_change
    }
    lines = {
        title: {
            heading: f"{signed(found[name].mean)}, "
            + ("yes" if counts(found[name], seed_change[name]) else "no")
            for name, heading in headings.items()
            if name in found
        }
        for title, found in pairs.items()
    }
    frame = pd.DataFrame.from_dict(lines, orient="index", columns=list(headings.values()))
    return frame.fillna("–").rename_axis("difference of PSNR (dB)")
