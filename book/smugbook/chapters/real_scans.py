"""Statistics of phantoms, heads and real scans side by side: table, figure, pictures, counts."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import torch
from matplotlib.figure import Figure

from smugbook import figures
from smugbook.experiments.scan_statistics import (
    SIMULATED,
    STATISTICS,
    ScanStatistic,
    kspace_statistics,
    simulated_statistics,
    volume_statistics,
)
from smugbook.profiles import Profile
from smuglib import data
from smuglib.evaluation import records
from smuglib.operators import fft2c

SHIPPED = Path(__file__).parents[2] / "shipped" / "real" / "statistics.csv"
"""Numbers of real scans, whose sources its provenance cites."""

PERCENT = ("fine_energy", "outside_energy", "noise", "noise_share")
"""Shares, told in per cent."""

RANGED = [name for name, (_, low, _) in STATISTICS.items() if low == low]
"""Statistics with a range that simulated heads are held to."""


def gather_statistics(profile: Profile, n_slices: int) -> pd.DataFrame:
    """Return the rows of phantoms and heads, of shipped numbers, and of a profile's own folder."""
    rows = [row for kind in SIMULATED for row in simulated_statistics(kind, n_slices)]
    rows += records.rows_of(records.read(SHIPPED, ScanStatistic), ScanStatistic)
    kind, folder = profile.source
    if folder:
        measure = volume_statistics if kind == "volumes" else kspace_statistics
        own = (vars(row) for row in measure(folder))
        rows += [ScanStatistic(**{**row, "source": f"yours: {row['source']}"}) for row in own]
    return pd.DataFrame([vars(row) for row in rows])


def tabulate_statistics(frame: pd.DataFrame) -> pd.DataFrame:
    """Return medians with the span from the 5th to the 95th percentile, a column a source."""
    cells: dict[str, dict[str, str]] = {}
    for row in records.rows_of(frame, ScanStatistic):
        name = row.statistic
        median, low, high = (_told(name, value) for value in (row.median, row.low, row.high))
        several = f" [{low}, {high}]" if row.n_slices > 1 else ""
        cells.setdefault(f"{row.source} ({row.n_slices})", {})[name] = median + several
    cells["asked of heads"] = {
        name: f"{_told(name, STATISTICS[name][1])} to {_told(name, STATISTICS[name][2])}"
        for name in RANGED
    }
    table = pd.DataFrame(cells).reindex(list(STATISTICS)).fillna("–")
    units = {name: " (%)" if name in PERCENT else "" for name in STATISTICS}
    heads = {name: words + units[name] for name, (words, *_) in STATISTICS.items()}
    return table.rename(index=heads).rename_axis(columns="source (slices)")


def _told(name: str, value: float) -> str:
    return f"{100 * value:.1f}" if name in PERCENT else f"{value:.{0 if name == 'snr' else 2}f}"


def medians_within(frame: pd.DataFrame, source: str) -> list[str]:
    """Return the names of the statistics whose median lies in the range asked of heads."""
    medians = frame[frame["source"] == source].set_index("statistic")["median"]
    return [n for n in RANGED if STATISTICS[n][1] <= medians[n] <= STATISTICS[n][2]]


def draw_statistics(frame: pd.DataFrame) -> Figure:
    """Draw the span of each statistic in each source, and the range asked of heads."""
    figure, axes = figures.new(2, 4, width=2.3, height=2.5, sharey=True)
    sources = list(dict.fromkeys(frame["source"]))[::-1]
    for ax, name in zip(axes.flat, [*RANGED, "noise_share"], strict=True):
        words, low, high = STATISTICS[name]
        if low == low:
            ax.axvspan(low, high, color=figures.OKABE_ITO["green"], alpha=0.2, lw=0)
        part = frame[frame["statistic"] == name].set_index("source")
        for place, source in enumerate(sources):
            if source in part.index:
                row, style = part.loc[source], {"color": _colour(source)}
                ax.plot([row["low"], row["high"]], [place, place], lw=2, **style)
                ax.plot(row["median"], place, "o", **style)
        ax.set_title(words, fontsize=8)
        ax.set_yticks(range(len(sources)), sources, fontsize=8)
    return figure


def _colour(source: str) -> str:
    named = {"phantom": "vermilion", "head": "blue"}
    return figures.OKABE_ITO[named.get(source, "black")]


def draw_slices(indices: Sequence[int]) -> Figure:
    """Draw phantoms above heads of the test split, each beside its spectrum."""
    figure, axes = figures.new(2, 2 * len(indices), width=1.5, height=1.7)
    for row, (kind, (height, width, _)) in zip(axes, SIMULATED.items(), strict=True):
        simulate = {"phantom": data.brain, "head": data.head}[kind]
        for place, index in enumerate(indices):
            scan = simulate("test", index, 1.0, height=height, width=width)
            image = scan.target / torch.quantile(scan.target.abs(), 0.995)
            figures.show_image(row[2 * place], image, title=f"{kind} {index}", peak=1.0)
            figures.show_kspace(row[2 * place + 1], fft2c(scan.target)[0], title="spectrum")
    return figure
