"""Table 1 as HTML that fits a page of the book and reads well aloud, in light and in dark."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from smugbook.tables.html import write_html
from smugbook.words.labels import ATTACK_LABELS, METHOD_LABELS
from smugbook.words.markup import in_html
from smugbook.words.numbers import NO_BREAK, number, signed, strength
from smugbook.words.poster import POSTER, POSTER_CITATION
from smugbook.words.verdicts import format_interval
from smuglib.evaluation import Scenario
from smuglib.methods import METHODS

DIGITS = {"psnr": 2, "ssim": 3, "ssim_published": 3}
"""Decimals of each metric."""

BASELINES = {
    "zero_filled": "Zero-filled",
    "tv": "Total variation (TV)",
    "tv_tuned": "TV, tuned by attack",
}
"""What the first block calls the methods that were not trained."""

NOT_TOLD_APART = "†"
"""Stands behind a difference whose interval holds zero."""


def render_table1(
    summary: pd.DataFrame, scenarios: Sequence[Scenario], *, metric: str, label: str
) -> str:
    """Lay a metric of a `table1_summary` out for a page.

    A column per scenario, a row per method: first the baselines, then a block per noise level, then
    the poster's numbers. Readers aloud hear ``label``; a page has its caption above the table.
    """
    digits = DIGITS[metric]
    chosen = summary[summary["metric"] == metric]
    lines = _baseline_lines(chosen, scenarios, digits)
    for sigma, block in chosen.groupby("block", sort=False):
        for method in (name for name in METHOD_LABELS if name in METHODS):
            rows = block[block["method"] == method]
            if len(rows):
                place = f"Pre-trained and smoothed with σ = {sigma:g}", METHOD_LABELS[method]
                lines[place] = _cells(rows, scenarios, digits, changes=method != "modl")
    for method in POSTER:
        place = in_html(POSTER_CITATION), METHOD_LABELS[method]
        lines[place] = _poster_cells(method, scenarios, metric)
    counts = summary.groupby("scenario")[["n_slices", "n_seeds"]].max()
    heads = pd.Index([_heading(s, *counts.loc[s.name]) for s in scenarios], name="Method")
    cells = pd.DataFrame(list(lines.values()), pd.MultiIndex.from_tuples(lines), heads)
    return write_html(cells, f'class="table1" aria-label="{in_html(label)}"', titled=True)


def _heading(scenario: Scenario, n_slices: int, n_seeds: int) -> str:
    label = in_html(ATTACK_LABELS.get(scenario.name, scenario.name))
    notes = [*_strength(scenario), f"{n_slices} slices"]
    notes += [f"{n_seeds} training seeds"] if n_seeds > 1 else []
    return f"{label}<br><small>{'<br>'.join(notes)}</small>"


def _strength(scenario: Scenario) -> list[str]:
    attack = scenario.attack
    if attack is None:
        return []
    if attack.domain == "kspace" and attack.norm == "l2":
        return [strength(scenario.epsilon, "kspace")]
    symbol = "σ" if attack.kind == "gaussian" else "ε"
    return [f"{symbol} = {strength(scenario.epsilon)}".replace(" ", NO_BREAK)]


def _baseline_lines(
    rows: pd.DataFrame, scenarios: Sequence[Scenario], digits: int
) -> dict[tuple[str, str], list[str]]:
    """Return the methods without weights, each as the first block that has it says."""
    lines = {}
    for method, label in BASELINES.items():
        own = rows[rows["method"] == method]
        if len(own):
            own = own[own["block"] == own["block"].iloc[0]]
            place = "Baselines: nothing trained, nothing smoothed", label
            lines[place] = _cells(own, scenarios, digits, changes=False)
    return lines


def _cells(
    rows: pd.DataFrame, scenarios: Sequence[Scenario], digits: int, *, changes: bool
) -> list[str]:
    """Return mean and spread in every scenario, and where wanted the difference to MoDL."""
    found = {row["scenario"]: row for row in rows.to_dict("records")}
    texts = []
    for scenario in scenarios:
        row = found[scenario.name]
        text = _mean(row["mean"], number(row["std"], digits), digits)
        texts.append(text + (f"<br><small>{_change(row, digits)}</small>" if changes else ""))
    return texts


def _mean(mean: float, spread: str, digits: int) -> str:
    return f"{number(mean, digits)} <small>± {spread}</small>"


def _change(row: Mapping[Any, Any], digits: int) -> str:
    text = format_interval((row["difference"], row["low"], row["high"]), "", digits)
    change, _, ends = text.partition(" ")
    ends = ends.replace(" ", NO_BREAK)
    if not ends:
        return change
    if row["low"] * row["high"] > 0:
        return f"{change}<br>{ends}"
    return f"<em>{change}{NO_BREAK}{NOT_TOLD_APART}<br>{ends}</em>"


def _poster_cells(method: str, scenarios: Sequence[Scenario], metric: str) -> list[str]:
    cells = []
    for scenario in scenarios:
        if scenario.name not in POSTER[method]:
            cells.append("–")
            continue
        name = metric.removesuffix("_published")
        mean, spread = POSTER[method][scenario.name][name]
        base = POSTER["modl"][scenario.name][name][0]
        value = mean if method == "modl" else base + mean
        text = _mean(value, f"{spread:.2f}", DIGITS[metric])
        change = f"<br><small>{signed(mean, DIGITS[metric])}</small>"
        cells.append(text if method == "modl" else text + change)
    return cells
