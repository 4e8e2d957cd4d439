"""Table 1 as HTML that fits a page of the book and reads well aloud, in light and in dark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd

from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.scenarios import Scenario
from smuglib.tables import METRICS, POSTER, POSTER_CITATION

ROWS = {"psnr": ("PSNR (dB)", 2), "ssim": ("SSIM", 3)}
"""Label and number of decimals of each metric."""


def to_html(summary: pd.DataFrame, scenarios: Sequence[Scenario], *, caption: str) -> str:
    """Lay the table out for a page: one column a scenario, two lines a method.

    Parameters
    ----------
    summary
        What `table` returned.
    scenarios
        Columns, in order.
    caption
        Text above the table, plain.

    Returns
    -------
    str
        An HTML table without colours of its own, legible in light and dark themes.
    """
    counts = summary.groupby("scenario")["n_slices"].max()
    head = "".join(f'<th scope="col">{_heading(s, counts[s.name])}</th>' for s in scenarios)
    lines = [
        '<table class="table1" style="font-size: 0.72em">',
        f"<caption>{escape(caption)}</caption>",
        f'<thead><tr><th scope="col">Method</th><th scope="col"></th>{head}</tr></thead>',
    ]
    for sigma, block in summary.groupby("block", sort=False):
        lines += [_title(f"Pre-trained and smoothed with σ = {sigma:g}", len(scenarios))]
        for method in (name for name in METHOD_LABELS if name in set(block["method"])):
            lines += _method_lines(method, block[block["method"] == method], scenarios)
    lines += [_title(POSTER_CITATION, len(scenarios))]
    for method in POSTER:
        lines += _poster_lines(method, scenarios)
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
        return [f"{100 * scenario.epsilon:g} % of ‖y‖₂"]
    return [f"{'σ' if attack.kind == 'gaussian' else 'ε'} = {scenario.epsilon:.3g}"]


def _title(text: str, n_columns: int) -> str:
    """Return the line that opens a block; a ``tbody`` each keeps blocks apart for readers aloud."""
    return (
        f'<tbody><tr><th colspan="{n_columns + 2}" scope="rowgroup" style="text-align: left">'
        f"{escape(text)}</th></tr>"
    )


def _method_lines(method: str, rows: pd.DataFrame, scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for metric in METRICS:
        label, digits = ROWS[metric]
        chosen = rows[rows["metric"] == metric]
        found = {row["scenario"]: row for row in chosen.to_dict("records")}
        cells = [_cell(found[scenario.name], method, digits) for scenario in scenarios]
        lines.append(_line(method, metric, label, cells))
    return lines


def _cell(row: Mapping[Any, Any], method: str, digits: int) -> str:
    text = f"{row['mean']:.{digits}f} ± {row['std']:.{digits}f}".replace("-", "−")
    if method == "modl":
        return text
    change = signed(row["difference"], digits)
    if not math.isnan(row["low"]):
        change += f"<br>[{signed(row['low'], digits)}, {signed(row['high'], digits)}]"
        # Bold marks an interval that does not hold zero, in either direction.
        change = f"<strong>{change}</strong>" if row["low"] * row["high"] > 0 else change
    return f"{text}<br><small>{change}</small>"


def _poster_lines(method: str, scenarios: Sequence[Scenario]) -> list[str]:
    lines = []
    for metric in METRICS:
        label, digits = ROWS[metric]
        cells = []
        for scenario in scenarios:
            if scenario.name not in POSTER[method]:
                cells.append("—")
                continue
            mean, spread = POSTER[method][scenario.name][metric]
            base = POSTER["modl"][scenario.name][metric][0]
            value = mean if method == "modl" else base + mean
            change = "" if method == "modl" else f"<br><small>{signed(mean, digits)}</small>"
            cells.append(f"{value:.{digits}f} ± {spread:.2f}{change}")
        lines.append(_line(method, metric, label, cells))
    return lines


def _line(method: str, metric: str, label: str, cells: Sequence[str]) -> str:
    first = metric == METRICS[0]
    name = f'<th scope="row" rowspan="{len(METRICS)}">{METHOD_LABELS[method]}</th>' if first else ""
    values = "".join(f'<td style="white-space: nowrap">{cell}</td>' for cell in cells)
    return f'<tr>{name}<th scope="row">{label}</th>{values}</tr>'


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
    return f"{value:+.{digits}f}".replace("-", "−")
