"""Images with stated grey values, and their errors."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Circle
from torch import Tensor

from smugbook.figures.style import OKABE_ITO, new

PANEL_WIDTH = 2.1
"""Width in inches of one panel of a comparison, where there are few."""

FIGURE_WIDTH = 8.0
"""Width in inches that many panels share; a page shows them so wide that text stays legible."""


def show_image(
    ax: Axes,
    image: Tensor,
    *,
    title: str = "",
    note: str = "",
    peak: float | None = None,
    floor: float = 0.0,
    exponent: float = 1.0,
) -> ScalarMappable:
    """Draw the magnitude of an image in grey."""
    norm = PowerNorm(exponent, vmin=floor, vmax=peak)
    drawn = ax.imshow(_array(image), cmap="gray", norm=norm, interpolation="nearest")
    _frame(ax, title, note)
    return drawn


def outline(ax: Axes, image: Tensor, *, level: float = 0.1) -> None:
    """Draw the border of an object over another image."""
    magnitude = _array(image)
    border = [level * magnitude.max()]
    ax.contour(magnitude, levels=border, colors=OKABE_ITO["orange"], linewidths=0.7)


def ring(ax: Axes, x: float, y: float, *, radius: float) -> None:
    """Draw a ring around a place of an image, which it leaves free."""
    edge = {"facecolor": "none", "edgecolor": OKABE_ITO["orange"], "linewidth": 1.2}
    ax.add_patch(Circle((x, y), radius, **edge))


def show_error(
    ax: Axes, error: Tensor, *, limit: float, title: str = "", note: str = ""
) -> ScalarMappable:
    """Draw the magnitude of an error on a colour scale from 0 to ``limit``."""
    drawn = ax.imshow(_array(error), cmap="inferno", vmin=0, vmax=limit, interpolation="nearest")
    _frame(ax, title, note)
    return drawn


def show_kspace(
    ax: Axes, kspace: Tensor, *, title: str = "", decades: float = 4.0
) -> ScalarMappable:
    """Draw the logarithm of k-space magnitudes, relative to the largest."""
    magnitude = _array(kspace)
    floor = 10.0**-decades
    relative = np.log10(np.maximum(magnitude / magnitude.max(), floor))
    drawn = ax.imshow(relative, cmap="gray", vmin=-decades, vmax=0, interpolation="nearest")
    _frame(ax, title, "")
    return drawn


def gallery(
    images: Mapping[str, Tensor],
    *,
    n_columns: int | None = None,
    peak: float | None = None,
    exponent: float = 1.0,
    object_: Tensor | None = None,
    label: str = "magnitude (units of the scale)",
) -> Figure:
    """Draw images beside each other in one grey scale."""
    columns = n_columns or len(images)
    rows = len(images) // columns
    figure, axes = new(rows, columns, width=2.4, height=2.6, squeeze=False)
    figure.set_layout_engine("compressed")
    peak = max(float(_array(image).max()) for image in images.values()) if peak is None else peak
    for ax, (title, image) in zip(axes.flat, images.items(), strict=True):
        drawn = show_image(ax, image, title=title, peak=peak, exponent=exponent)
        if object_ is not None:
            outline(ax, object_)
    colour_bar(figure, drawn, axes, label)
    return figure


def comparison(
    images: Mapping[str, Tensor],
    target: Tensor,
    *,
    notes: Sequence[str] = (),
    limit: float | None = None,
) -> Figure:
    """Draw reconstructions above their error maps, the ground truth first."""
    width = min(PANEL_WIDTH, FIGURE_WIDTH / (len(images) + 1))
    figure, axes = new(2, len(images) + 1, width=width, height=width + 0.3, squeeze=False)
    figure.set_dpi(figure.get_dpi() * PANEL_WIDTH / width)
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


def colour_bar(figure: Figure, drawn: ScalarMappable, axes: Any, label: str) -> Colorbar:  # noqa: ANN401
    """Add a thin, labelled colour bar beside some panels."""
    bar = figure.colorbar(drawn, ax=axes, shrink=0.8, aspect=25, pad=0.01)
    bar.set_label(label)
    bar.ax.grid(visible=False)
    return bar


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
