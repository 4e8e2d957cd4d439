"""Figures of the book: one style, one name and line a method, images with stated grey values.

Every function returns or draws on a figure that pyplot no longer holds, so a notebook shows it
once, as the value of its cell. Colours are those of Okabe and Ito, which stay distinct under all
common kinds of colour blindness; line style and marker tell the methods apart without colour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from torch import Tensor

from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.models import METHODS

OKABE_ITO = {
    "black": "#000000",
    "orange": "#E69F00",
    "sky blue": "#56B4E9",
    "green": "#009E73",
    "yellow": "#F0E442",
    "blue": "#0072B2",
    "vermilion": "#D55E00",
    "purple": "#CC79A7",
}

_LINES: dict[str, tuple[str, Any, str]] = {
    "zero_filled": ("black", ":", "x"),
    "tv": ("green", (0, (3, 1, 1, 1, 1, 1)), "v"),
    "modl": ("vermilion", "-", "o"),
    "rs_e2e": ("orange", "--", "s"),
    "smug_v0": ("sky blue", "-.", "^"),
    "smug": ("blue", "-", "D"),
}
SERIES: tuple[dict[str, Any], ...] = tuple(
    {"color": OKABE_ITO[colour], "linestyle": line, "marker": marker}
    for colour, line, marker in reversed(_LINES.values())
)
"""Styles of lines that stand for no method, to be used in order."""

_STYLE: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.alpha": 0.3,
}


def method_style(method: str) -> dict[str, Any]:
    """Return a method's label, colour, line style and marker.

    Parameters
    ----------
    method
        ``"zero_filled"``, ``"tv"`` or a name of `smuglib.models.METHODS`.

    Returns
    -------
    dict
        Keyword arguments of ``Axes.plot``.
    """
    colour, line, marker = _LINES[method]
    return {
        "label": METHOD_LABELS[method],
        "color": OKABE_ITO[colour],
        "linestyle": line,
        "marker": marker,
    }


def new(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 4.2,
    height: float = 3.2,
    **options: Any,  # noqa: ANN401
) -> tuple[Figure, Any]:
    """Make a figure in the book's style.

    Parameters
    ----------
    n_rows, n_columns
        Panels.
    width, height
        Size of one panel in inches.
    options
        More arguments of ``pyplot.subplots``.

    Returns
    -------
    Figure, Axes or array of Axes
        As ``pyplot.subplots``.
    """
    with plt.rc_context(_STYLE):
        figure, axes = plt.subplots(
            n_rows,
            n_columns,
            figsize=(width * n_columns, height * n_rows),
            layout="constrained",
            **options,
        )
    plt.close(figure)
    return figure, axes


def show_image(
    ax: Axes, image: Tensor, *, title: str = "", note: str = "", peak: float | None = None
) -> ScalarMappable:
    """Draw the magnitude of an image in grey.

    Parameters
    ----------
    ax
        Where to draw.
    image
        Complex or real, ``[height, width]`` or ``[1, height, width]``, in units of the scale.
    title, note
        Text above and below the image.
    peak
        The magnitude drawn white; the image's own maximum if left out.

    Returns
    -------
    ScalarMappable
        What a colour bar needs.
    """
    drawn = ax.imshow(_array(image), cmap="gray", vmin=0, vmax=peak, interpolation="nearest")
    _frame(ax, title, note)
    return drawn


def show_error(
    ax: Axes, error: Tensor, *, limit: float, title: str = "", note: str = ""
) -> ScalarMappable:
    """Draw the magnitude of an error on a colour scale from 0 to ``limit``.

    Parameters
    ----------
    ax
        Where to draw.
    error
        ``x - t``, ``[height, width]`` or ``[1, height, width]``, in units of the scale.
    limit
        The error drawn in the brightest colour, in the same units.
    title, note
        Text above and below.

    Returns
    -------
    ScalarMappable
        What a colour bar needs.
    """
    drawn = ax.imshow(_array(error), cmap="inferno", vmin=0, vmax=limit, interpolation="nearest")
    _frame(ax, title, note)
    return drawn


def show_kspace(
    ax: Axes, kspace: Tensor, *, title: str = "", decades: float = 4.0
) -> ScalarMappable:
    """Draw the logarithm of k-space magnitudes, relative to the largest.

    Parameters
    ----------
    ax
        Where to draw.
    kspace
        Complex k-space of one coil, ``[height, width]``.
    title
        Text above.
    decades
        Powers of ten below the largest that are told apart; weaker values are drawn black.

    Returns
    -------
    ScalarMappable
        What a colour bar needs; its values are log10 of the relative magnitude.
    """
    magnitude = _array(kspace)
    floor = 10.0**-decades
    relative = np.log10(np.maximum(magnitude / magnitude.max(), floor))
    drawn = ax.imshow(relative, cmap="gray", vmin=-decades, vmax=0, interpolation="nearest")
    _frame(ax, title, "")
    return drawn


def gallery(
    images: Mapping[str, Tensor], *, notes: Sequence[str] = (), peak: float | None = None
) -> Figure:
    """Draw images side by side in one grey scale.

    Parameters
    ----------
    images
        Images by title, each ``[height, width]`` or ``[1, height, width]``.
    notes
        Text below each, if any.
    peak
        The magnitude drawn white; the largest of all images if left out.

    Returns
    -------
    Figure
        The figure, with a labelled colour bar.
    """
    figure, axes = new(1, len(images), width=2.4, height=2.8, squeeze=False)
    peak = max(float(_array(image).max()) for image in images.values()) if peak is None else peak
    padded = [*notes, *[""] * (len(images) - len(notes))]
    for ax, (title, image), note in zip(axes[0], images.items(), padded, strict=True):
        drawn = show_image(ax, image, title=title, note=note, peak=peak)
    colour_bar(figure, drawn, axes, "magnitude (units of the scale)")
    return figure


def comparison(
    images: Mapping[str, Tensor],
    target: Tensor,
    *,
    notes: Sequence[str] = (),
    limit: float | None = None,
) -> Figure:
    """Draw reconstructions above their error maps, the ground truth first.

    Parameters
    ----------
    images
        Reconstructions by title, each ``[height, width]`` or ``[1, height, width]``.
    target
        The fully sampled image t, likewise.
    notes
        Text below each reconstruction, such as its PSNR.
    limit
        Error drawn in the brightest colour; a tenth of ``max |t|`` if left out.

    Returns
    -------
    Figure
        Two rows of panels with a labelled colour bar each.
    """
    figure, axes = new(2, len(images) + 1, width=2.1, height=2.3, squeeze=False)
    peak = float(_array(target).max())
    limit = 0.1 * peak if limit is None else limit
    drawn = show_image(axes[0, 0], target, title="Ground truth", peak=peak)
    axes[1, 0].set_axis_off()
    padded = [*notes, *[""] * (len(images) - len(notes))]
    for column, (title, image), note in zip(axes.T[1:], images.items(), padded, strict=True):
        show_image(column[0], image, title=title, note=note, peak=peak)
        error = show_error(column[1], image - target, limit=limit)
    colour_bar(figure, drawn, axes[0], "magnitude")
    colour_bar(figure, error, axes[1], "error |x − t|")
    return figure


def colour_bar(figure: Figure, drawn: ScalarMappable, axes: Any, label: str) -> None:  # noqa: ANN401
    """Add a thin, labelled colour bar beside some panels.

    Parameters
    ----------
    figure
        The figure.
    drawn
        What `show_image`, `show_error` or `show_kspace` returned.
    axes
        The panels it belongs to.
    label
        Quantity and unit.
    """
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, aspect=25, pad=0.01)
    bar.set_label(label)
    bar.ax.grid(visible=False)


def method_lines(
    ax: Axes,
    table: pd.DataFrame,
    x: str,
    y: str,
    *,
    low: str | None = None,
    high: str | None = None,
) -> None:
    """Draw one line a method, with a band where an interval is given.

    Parameters
    ----------
    ax
        Where to draw; the caller labels the axes with quantities and units.
    table
        One row a method and value of ``x``; column ``method`` holds the names.
    x, y
        Columns of the axes.
    low, high
        Columns of an interval's ends.
    """
    for method in (name for name in METHOD_LABELS if name in set(table["method"])):
        rows = table[table["method"] == method].sort_values(x)
        style = method_style(method)
        ax.plot(rows[x], rows[y], **style)
        if low is not None and high is not None:
            ax.fill_between(rows[x], rows[low], rows[high], color=style["color"], alpha=0.15, lw=0)
    ax.legend()


def differences(
    table: pd.DataFrame, sigmas: Sequence[float], *, printed: pd.DataFrame | None = None
) -> Figure:
    """Draw each method's difference to the reference, scenario by scenario, with its interval.

    Parameters
    ----------
    table
        What `smuglib.statistics.summary` returns for PSNR; one row a training noise, method and
        scenario of `SCENARIO_LABELS`.
    sigmas
        Training noises, one panel each.
    printed
        Differences to draw as ticks beside them, scenarios in columns, methods in rows.

    Returns
    -------
    Figure
        The figure.
    """
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
            if printed is not None and method in printed.index:
                ticks = printed.loc[method].reindex(scenarios)
                ax.plot(ticks, heights, "|", color=style["color"], ms=12, mew=2, alpha=0.5)
        ax.axvline(0, color="black", lw=1)
        ax.set(title=f"σ = {sigma:g}", xlabel="PSNR minus that of MoDL (dB)")
    axes[0, 0].set_yticks(range(len(scenarios)), [SCENARIO_LABELS[name] for name in scenarios])
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend()
    return figure


def training_curves(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Draw mean loss and validation PSNR of trainings against their updates.

    Parameters
    ----------
    logs
        Training logs, as `smuglib.store.Store.read_log` gives them, by method.

    Returns
    -------
    Figure
        Two panels.
    """
    figure, axes = new(1, 2)
    for method, log in logs.items():
        style = _style_or_label(method)
        axes[0].plot(log["update"], log["loss"], **style)
        axes[1].plot(log["update"], log["validation_psnr"], **style)
    axes[0].set(xlabel="update", ylabel="mean training loss (squared units of the scale)")
    axes[0].set_yscale("log")
    axes[1].set(xlabel="update", ylabel="validation PSNR (dB)")
    axes[1].legend()
    return figure


def _style_or_label(method: str) -> dict[str, Any]:
    return method_style(method) if method in _LINES else {"label": method, "marker": "o"}


def _array(image: Tensor) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return magnitudes ``[height, width]`` of an image or of a batch of one."""
    with torch.no_grad():
        magnitude: np.ndarray[Any, np.dtype[np.float64]] = image.abs().double().cpu().numpy()
    return magnitude[0] if magnitude.ndim == 3 else magnitude


def _frame(ax: Axes, title: str, note: str) -> None:
    ax.set_title(title)
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.set_xlabel(note)
    for spine in ax.spines.values():
        spine.set_visible(False)
