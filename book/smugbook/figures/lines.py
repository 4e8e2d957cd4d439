"""Lines and points with intervals, one style per method."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from smugbook.figures.style import method_style, new, style_or_label
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.methods import METHODS


def method_lines(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    low: str | None = None,
    high: str | None = None,
) -> None:
    """Draw one line per method, with a band where the columns ``low`` and ``high`` are given."""
    for method in (name for name in METHOD_LABELS if name in set(table["method"])):
        rows = table[table["method"] == method].sort_values(x)
        style = method_style(method)
        ax.plot(rows[x], rows[y], **style)
        if low is not None and high is not None:
            ax.fill_between(rows[x], rows[low], rows[high], color=style["color"], alpha=0.15, lw=0)
    ax.legend()


def swept_axis(
    ax: Axes,
    values: Sequence[float],
    texts: Sequence[str],
    *,
    log: bool = False,
    trained: float | None = None,
) -> None:
    """Mark the values of a sweep on the axis they lie on, and the setting of the training."""
    if log:
        ax.set_xscale("log")
    ax.set_xticks(values, texts)
    ax.xaxis.minorticks_off()
    if trained is not None:
        ax.axvline(trained, color="gray", lw=1, ls="--", zorder=0)


def draw_differences(
    table: pd.DataFrame,
    sigmas: Sequence[float],
    *,
    printed: pd.DataFrame | None = None,
    printed_sigma: float | None = None,
) -> Figure:
    """Draw each method's difference to the reference by scenario, with its interval."""
    figure, axes = new(1, len(sigmas), width=5, height=4.2, sharex=True, sharey=True, squeeze=False)
    scenarios = [name for name in SCENARIO_LABELS if name in set(table["scenario"])]
    methods = [name for name in METHODS if name in set(table["method"]) and name != "modl"]
    shifts = np.linspace(-0.22, 0.22, len(methods)) if len(methods) > 1 else [0.0]
    for ax, sigma in zip(axes[0], sigmas, strict=True):
        for shift, method in zip(shifts, methods, strict=True):
            chosen = (table["method"] == method) & (table["training_sigma"] == sigma)
            rows = table[chosen].set_index("scenario").reindex(scenarios)
            style = {**method_style(method), "linestyle": "none"}
            heights = np.arange(len(scenarios)) + shift
            ends = [rows["difference"] - rows["low"], rows["high"] - rows["difference"]]
            ax.errorbar(rows["difference"], heights, xerr=ends, capsize=2, **style)
            if printed is not None and sigma == printed_sigma and method in printed.index:
                ticks = printed.loc[method].reindex(scenarios)
                ax.plot(ticks, heights, "|", color=style["color"], ms=14, mew=3)
        ax.axvline(0, color="black", lw=1)
        ax.set(title=f"σ = {sigma:g}", xlabel="PSNR minus that of MoDL (dB)")
    axes[0, 0].set_yticks(range(len(scenarios)), [SCENARIO_LABELS[name] for name in scenarios])
    axes[0, 0].invert_yaxis()
    handles, names = axes[0, 0].get_legend_handles_labels()
    if printed is not None and printed_sigma in sigmas:
        handles.append(Line2D([], [], color="grey", marker="|", ms=14, mew=3, ls="none"))
        names.append(f"as the poster prints it (σ = {printed_sigma:g})")
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure


def training_curves(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw mean loss and validation PSNR of trainings against their updates."""
    figure, axes = new(1, 2, height=3.6)
    for method, log in logs.items():
        style = style_or_label(method)
        axes[0].plot(log["update"], log["loss"], **style)
        axes[1].plot(log["update"], log["validation_psnr"], **style)
    axes[0].set(xlabel="update", ylabel="mean training loss (squared units of the scale)")
    axes[0].set_yscale("log")
    axes[1].set(xlabel="update", ylabel="validation PSNR (dB)")
    for ax in axes:
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins="auto"))
    handles, names = axes[1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    return figure
