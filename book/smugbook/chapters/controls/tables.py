"""Differences between trainings, and whether they are larger than what a training's seed changes.

An interval over subjects says nothing about what another run of a training would give. Where the
methods were trained with two seeds, what changed between them is a yardstick for that: a rough one,
because two seeds give no distribution.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.experiments.seeds import (
    Changes,
    counts,
    method_differences,
    scenario_changes,
    seed_changes,
)
from smugbook.words.labels import ATTACK_LABELS
from smugbook.words.numbers import number, signed
from smugbook.words.verdicts import format_interval
from smuglib import evaluation
from smuglib.evaluation import Scenario


def tabulate_means(
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
        change = scenario_changes(frame, frames[reference], scenarios) if differ else {}
        lines[name] = {}
        for scenario in scenarios:
            rows = evaluation.select(frame, scenario)
            text = number(rows["psnr"].mean())
            if scenario.name in change:
                text += f" ({format_interval(change[scenario.name], '')})"
            lines[name][ATTACK_LABELS[scenario.name]] = text
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("PSNR (dB)")


def tabulate_differences(pairs: Mapping[str, Changes]) -> pd.DataFrame:
    """Tabulate differences with their intervals."""
    lines = {
        name: {ATTACK_LABELS[key]: format_interval(value, "") for key, value in found.items()}
        for name, found in pairs.items()
    }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    return frame.fillna("–").rename_axis("difference of PSNR (dB)")


def tabulate_seeds(
    first: Mapping[str, pd.DataFrame],
    second: Mapping[str, pd.DataFrame],
    scenarios: Sequence[Scenario],
) -> pd.DataFrame:
    """Tabulate each method's mean difference to the reference with both seeds."""
    one, other = (method_differences(frames, scenarios) for frames in (first, second))
    lines = {
        title: {
            ATTACK_LABELS[name]: f"{signed(change.mean)} → {signed(other[title][name].mean)}"
            for name, change in one[title].items()
            if name in other[title]
        }
        for title in one
        if title in other
    }
    largest = seed_changes(first, second, scenarios)
    if largest:
        lines["largest change"] = {
            ATTACK_LABELS[name]: number(size) for name, size in largest.items()
        }
    frame = pd.DataFrame.from_dict(lines, orient="index")
    return frame.fillna("–").rename_axis("seed 0 → seed 1 (dB)")


def against_seed(pairs: Mapping[str, Changes], seed_change: Mapping[str, float]) -> pd.DataFrame:
    """Tabulate which differences are larger than what the seed changes."""
    headings = {
        name: f"{ATTACK_LABELS[name]}, beyond {number(seed_change[name])}?"
        for name in ATTACK_LABELS
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
