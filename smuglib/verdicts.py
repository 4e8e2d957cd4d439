"""Conclusions in words, each worded from its interval and from nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.readable import number
from smuglib.scenarios import Scenario
from smuglib.statistics import PAIR, Interval, over_subjects
from smuglib.table_html import signed
from smuglib.tables import POSTER, select

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


def ranking(block: pd.DataFrame, scenario: Scenario) -> str:
    """Say whether the poster's robust ranking holds in a scenario.

    Parameters
    ----------
    block
        Records of one block.
    scenario
        The scenario.

    Returns
    -------
    str
        A sentence: holds if every neighbour's paired interval lies above zero, is contradicted if
        one lies below, and is not decided otherwise.
    """
    chosen = select(block, scenario)
    rows = {name: chosen[chosen["method"] == name] for name in RANKING}
    order = sorted(RANKING, key=lambda name: -rows[name]["psnr"].mean())
    pairs = list(zip(RANKING, RANKING[1:], strict=False))
    intervals = [paired(rows[a], rows[b]) for a, b in pairs]
    words = {"above": "holds", "below": "is contradicted", "between": "is not decided"}
    verdicts = [judged(interval, **words) for interval in intervals]
    verdict = next((w for w in ("is contradicted", "is not decided") if w in verdicts), "holds")
    steps = ", ".join(
        f"{METHOD_LABELS[a]} − {METHOD_LABELS[b]} {worded(interval)}"
        for (a, b), interval in zip(pairs, intervals, strict=True)
    )
    observed = " > ".join(METHOD_LABELS[name] for name in order)
    return f"the poster's ranking **{verdict}** (means: {observed}; {steps})"


def headline(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Say what SMUG costs on clean scans, and what it and MoDL lose in every other scenario.

    Parameters
    ----------
    blocks
        Records by the noise level of the block.
    scenarios
        Columns of the table; ``"clean"`` must be one.

    Returns
    -------
    str
        A Markdown list for every block.
    """
    lines = []
    for sigma, block in blocks.items():
        clean = next(scenario for scenario in scenarios if scenario.rung == "clean")
        price = _change(block, clean, "smug")
        lines += ["", f"**σ = {sigma:g}.** On clean scans, SMUG against MoDL: {price}.", ""]
        losses = [fragility(block, scenarios, method) for method in ("modl", "smug")]
        for scenario in scenarios:
            if scenario.rung != "clean":
                modl, smug = (worded(loss[scenario.name], sign=False) for loss in losses)
                lines.append(
                    f"- {_label(scenario.name)}: MoDL loses {modl}, SMUG {smug}; SMUG then stands "
                    f"against MoDL: {_change(block, scenario, 'smug')}"
                )
    return "\n".join(lines)


def others(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Say how the other smoothed methods stand against MoDL, and whether the ranking holds.

    Parameters
    ----------
    blocks, scenarios
        As for `headline`.

    Returns
    -------
    str
        A Markdown list for every block.
    """
    lines = []
    for sigma, block in blocks.items():
        lines += ["", f"**σ = {sigma:g}.** PSNR against MoDL:", ""]
        for method in ("smug_v0", "rs_e2e"):
            changes = [f"{_label(s.name)} {_change(block, s, method)}" for s in scenarios]
            lines.append(f"- {METHOD_LABELS[method]}: {'; '.join(changes)}")
        for scenario in scenarios:
            if scenario.attack is not None and scenario.attack.kind == "pgd":
                lines.append(f"- Under the {_label(scenario.name)}, {ranking(block, scenario)}.")
    return "\n".join(lines)


def _change(block: pd.DataFrame, scenario: Scenario, method: str) -> str:
    """Return a verdict on a method against MoDL, with the poster's number where it has one."""
    chosen = select(block, scenario)
    own, modl = (chosen[chosen["method"] == name] for name in (method, "modl"))
    change = paired(own, modl)
    word = judged(change, above="better", below="worse", between="not told apart")
    poster = POSTER[method].get(scenario.name)
    printed = f" (poster: {signed(poster['psnr'][0])})" if poster else ""
    return f"**{word}**, {worded(change)}{printed}"


def _label(name: str) -> str:
    return SCENARIO_LABELS.get(name, name)
