"""Table 1 as HTML that fits a page of the book and reads well aloud, in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.models import METHODS
from smuglib.readable import NO_BREAK, number, strength
from smuglib.scenarios import Scenario
from smuglib.tables import POSTER, POSTER_CITATION

DIGITS = {"psnr": 2, "ssim": 3}
"""Decimals of each metric."""

BASELINES = {"zero_filled": "Zero-filled", "tv": "Total variation (TV)"}
"""What the first block calls the methods that were not trained."""

NOT_TOLD_APART = "†"
"""Stands behind a difference whose interval holds zero."""


def to_html(
    summary: pd.DataFrame, scenarios: Sequence[Scenario], *, metric: str, label: str
) -> str:
    """Lay the table of one metric out for a page: a column a scenario, a row a method.

    Parameters
    ----------
    summary
        What `table` returned.
    scenarios
        Columns, in order.
    metric
        ``"psnr"`` or ``"ssim"``.
    label
        What the table is called by readers aloud; a page has its caption above it.

    Returns
    -------
    str
        An HTML table without colours of its own, legible in light and dark themes. First the
        baselines, then a block a noise level, then the poster's numbers.
    """
    counts = summary.groupby("scenario")["n_slices"].max()
    head = "".join(f'<th scope="col">{_heading(s, counts[s.name])}</th>' for s in scenarios)
    lines = [
        f'<table class="table1" aria-label="{escape(label)}">',
        f'<thead><tr><th scope="col">Method</th>{head}</tr></thead>',
    ]
    chosen = summary[summary["metric"] == metric]
    lines += _baseline_lines(chosen, scenarios, DIGITS[metric])
    for sigma, block in chosen.groupby("block", sort=False):
        lines += [_title(f"Pre-trained and smoothed with σ = {sigma:g}", len(scenarios))]
        for method in (name for name in METHOD_LABELS if name in METHODS):
            rows = block[block["method"] == method]
            if len(rows):
                cells = _cells(rows, scenarios, DIGITS[metric], changes=method != "modl")
                lines.append(_line(METHOD_LABELS[method], cells))
    lines += [_title(POSTER_CITATION, len(scenarios))]
    for method in POSTER:
        lines.append(_line(METHOD_LABELS[method], _poster_cells(method, scenarios, metric)))
    return "\n".join([*lines, "</tbody></table>"])


def _heading(scenario: Scenario, n_slices: int) -> str:
    label = escape(SCENARIO_LABELS.get(scenario.name, scenario.name))
    notes = [*_strength(scenario), f"{n_slices} slices"]
    return f"{label}<br><small>{'<br>'.join(notes)}</small>"


def _strength(scenario: Scenario) -> list[str]:
    attack = scenario.attack
    if attack is None:
        return []
    if attack.domain == "kspace" and attack.norm == "l2":
        return [strength(scenario.epsilon, "kspace")]
    symbol = "σ" if attack.kind == "gaussian" else "ε"
    return [f"{symbol} = {strength(scenario.epsilon)}".replace(" ", NO_BREAK)]


def _title(text: str, n_columns: int) -> str:
    """Return the line that opens a block; a ``tbody`` each keeps blocks apart for readers aloud."""
    return (
        f'<tbody><tr class="block"><th colspan="{n_columns + 1}" scope="rowgroup">'
        f"{escape(text)}</th></tr>"
    )


def _baseline_lines(rows: pd.DataFrame, scenarios: Sequence[Scenario], digits: int) -> list[str]:
    """Return the block of methods without weights, each as the first block that has it says."""
    lines = []
    for method, label in BASELINES.items():
        own = rows[rows["method"] == method]
        if len(own):
            own = own[own["block"] == own["block"].iloc[0]]
            lines.append(_line(label, _cells(own, scenarios, digits, changes=False)))
    title = _title("Baselines: nothing trained, nothing smoothed", len(scenarios))
    return [title, *lines] if lines else []


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
    change = signed(row["difference"], digits)
    if math.isnan(row["low"]):
        return change
    ends = f"[{signed(row['low'], digits)}, {signed(row['high'], digits)}]".replace(" ", NO_BREAK)
    if row["low"] * row["high"] > 0:
        return f"{change}<br>{ends}"
    return f"<em>{change}{NO_BREAK}{NOT_TOLD_APART}<br>{ends}</em>"


def _poster_cells(method: str, scenarios: Sequence[Scenario], metric: str) -> list[str]:
    cells = []
    for scenario in scenarios:
        if scenario.name not in POSTER[method]:
            cells.append("–")
            continue
        mean, spread = POSTER[method][scenario.name][metric]
        base = POSTER["modl"][scenario.name][metric][0]
        value = mean if method == "modl" else base + mean
        text = _mean(value, f"{spread:.2f}", DIGITS[metric])
        change = f"<br><small>{signed(mean, DIGITS[metric])}</small>"
        cells.append(text if method == "modl" else text + change)
    return cells


def _line(label: str, cells: Sequence[str]) -> str:
    values = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row">{label}</th>{values}</tr>'


def signed(value: float, digits: int = 2) -> str:
    """Return a number with its sign, minus as a minus sign.

    Parameters
    ----------
    value
        The number.
    digits
        Decimals.

    Returns
    -------
    str
        Such as ``"+0.53"``.
    """
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text.replace("−", "+") if not float(text[1:]) else text
