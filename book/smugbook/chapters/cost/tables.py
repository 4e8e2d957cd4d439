"""The benchmark's records as its chapter shows them: cells that hold one number, and sentences."""

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from smugbook.chapters.cost import peers
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import number
from smugbook.words.verdicts import join_names

AXES = {"n_samples": "samples", "n_steps": "steps", "size": "width", "n_coils": "coils"}
"""What the section on scaling varies, with the column of the records that holds it."""

GROWTH = (
    (0.25, "flat"),
    (0.75, "less than linear"),
    (1.25, "linear"),
    (1.75, "between linear and quadratic"),
    (2.25, "quadratic"),
    (math.inf, "more than quadratic"),
)
"""Words for slopes of a cost on logarithmic axes, each with the end of its range."""


def format_significant(value: float, digits: int = 2) -> str:
    """Write a number with so many significant digits and no exponent."""
    if math.isnan(value) or value == 0:
        return "–" if value else "0"
    rounded = float(f"{value:.{digits - 1}e}")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return number(rounded, decimals)


def format_times(rows: pd.DataFrame, reference: str) -> pd.DataFrame:
    """Return the cost of one work as text, one number per cell."""
    ratios = [number(r) if r < 2 else format_significant(r) for r in rows["ratio"]]
    ranges = [
        f"{format_significant(low)} to {format_significant(high)}"
        for low, high in zip(rows["fastest"], rows["slowest"], strict=True)
    ]
    columns = {
        "time (ms)": rows["milliseconds"].map(format_significant),
        "range (ms)": pd.Series(ranges, index=rows.index, dtype=object),
        f"× {reference}": pd.Series(ratios, index=rows.index, dtype=object),
    }
    return pd.DataFrame(columns).rename_axis(None)


def format_works(
    frame: pd.DataFrame, section: str, works: Mapping[str, str], width: int, reference: str
) -> pd.DataFrame:
    """Return works beside one another, as text."""
    parts = {
        name: format_times(peers.compare_implementations(frame, section, work, width), reference)
        for name, work in works.items()
    }
    return pd.concat(parts, axis=1).fillna("–")


def format_targets(table: pd.DataFrame) -> pd.DataFrame:
    """Write the targets in words."""
    at_most = table["target"].str.startswith("≤")
    memory = table["cost"].str.contains("memory")
    measures = np.select([memory, at_most], ["our memory ÷ theirs", "our time ÷ theirs"], "")
    bounds = table["target"].str[1:]
    return pd.DataFrame(
        {
            "cost": table["cost"].str.replace(" x ", " × "),
            "compared with": table["compared with"],
            "what is compared": [measure or "their time ÷ ours" for measure in measures],
            "target": np.where(at_most, "at most " + bounds, "at least " + bounds),
            "measured": [number(v) if v < 2 else format_significant(v) for v in table["measured"]],
            "met": table["met"].map({True: "yes", False: "no"}),
        }
    )


def fit_slopes(frame: pd.DataFrame) -> pd.DataFrame:
    """Return how cost grows: slopes of straight lines through logarithms of both."""
    found: dict[str, dict[str, float]] = {}
    for name, column in AXES.items():
        rows = frame[(frame.section == "scaling") & frame.work.str.endswith(f"{name} varied")]
        for kind, line in peers.split_curves(rows, column):
            slope = np.polyfit(np.log(line.index.to_numpy(float)), np.log(line), 1)[0]
            found.setdefault(kind, {})[column] = float(slope)
    return pd.DataFrame(found).T


def describe_growth(frame: pd.DataFrame) -> str:
    """Say which cost is flat, linear or quadratic in what."""
    sentences = []
    for kind, row in fit_slopes(frame).iterrows():
        words: dict[str, list[str]] = {}
        for column, slope in row.dropna().items():
            word = next(word for end, word in GROWTH if slope < end)
            words.setdefault(word, []).append(f"{column} ({number(slope)})")
        parts = [f"{word} in {join_names(names)}" for word, names in words.items()]
        subject = in_markdown(f"{str(kind)[:1].upper()}{str(kind)[1:]}")
        sentences.append(f"{subject}: {', '.join(parts)}.")
    return " ".join(sentences)


def describe_memory(peaks: pd.DataFrame) -> str:
    """Say what checkpointing saves, and where the library uses more than the plain loop."""
    own, kept = peaks[peers.OWN], peaks[f"{peers.OWN}, checkpointed"]
    saved = [
        in_markdown(work)
        + f", {own[work]:.0f} to {kept[work]:.0f} MiB (1/{own[work] / kept[work]:.1f})"
        for work in peaks.index[own > kept]
    ]
    loop = peaks[peers.PEER_LOOP]
    more = [
        in_markdown(f"{work} ({str(name).partition(', ')[2] or 'float32'})")
        + f", {value:.0f} MiB against {base:.0f}"
        for work, base in loop.items()
        for name, value in peaks.loc[[work]].iloc[0].items()
        if value > base
    ]
    text = f"Checkpointing shrinks the peak of {'; '.join(saved)}. " if saved else ""
    held = f"more here: {'; '.join(more)}" if more else "nowhere more"
    return f"{text}Compared with the plain loop, smuglib uses {held}."
