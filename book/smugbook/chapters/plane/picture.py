"""The accuracy-robustness plane, one panel for each threat model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse
from numpy.typing import NDArray

from smugbook.chapters.plane.trainings import Training, pareto_front
from smugbook.figures.style import method_style, new
from smuglib.evaluation.bootstrap import TRAINING_SEED
from smuglib.methods import METHODS

PANELS = {
    "image": "image ball",
    "range": "within reach of a measurement",
    "kspace": "on the samples",
}
"""Titles, by threat model."""

MARGIN = 1.0
"""Decibels below the lowest network at which a panel ends."""

Numbered = Mapping[int, tuple[Training, pd.DataFrame]]
"""Trainings and their `level_table`, by the number that stands beside the dot."""


def draw_plane(panels: Mapping[str, Numbered]) -> Figure:
    """Draw every training as a dot: clean PSNR across, level under attack upwards."""
    figure, axes = new(1, len(panels), width=3.9, height=4.2, squeeze=False)
    named: dict[str, Line2D] = {}
    for ax, (threat, dots) in zip(axes.flat, panels.items(), strict=True):
        means = {number: rows[["clean", "level"]].mean() for number, (_, rows) in dots.items()}
        own = [means[k]["level"] for k, (one, _) in dots.items() if one.method in METHODS]
        floor = min(own, default=0.0) - MARGIN
        for number, (training, rows) in dots.items():
            mark = _draw_dot(ax, number, training, means[number], floor)
            named.setdefault(method_style(training.method)["label"], mark)
            if rows[TRAINING_SEED].nunique() > 1:
                ax.add_patch(seed_ellipse(rows, method_style(training.method)["color"]))
        front = pareto_front((mean["clean"], mean["level"]) for mean in means.values())
        ax.step(*zip(*front, strict=True), where="pre", color="grey", lw=1, zorder=0)
        ax.set(title=PANELS[threat], xlabel="clean PSNR (dB)", ylim=(floor, None))
    axes[0, 0].set_ylabel("PSNR under attack (dB)")
    figure.legend([*named.values()], [*named], loc="outside lower center", ncols=len(named))
    return figure


def _draw_dot(ax: Axes, number: int, training: Training, mean: pd.Series, floor: float) -> Line2D:
    """Draw a training: filled as the profile has it, hollow with a change; below the panel, ▽."""
    style = {**method_style(training.method), "linestyle": "none"}
    below = mean["level"] < floor
    fill = "none" if training.settings else style["color"]
    place = mean["clean"], max(float(mean["level"]), floor + 0.1)
    (mark,) = ax.plot(*place, **{**style, "marker": 7 if below else style["marker"]}, mfc=fill)
    ax.annotate(str(number), place, xytext=(4, 3), textcoords="offset points", fontsize=7)
    return mark


def seed_ellipse(rows: pd.DataFrame, color: str) -> Ellipse:
    """Return the ellipse of one standard deviation of the seeds' means."""
    means = rows.groupby(TRAINING_SEED)[["clean", "level"]].mean().to_numpy()
    centre, width, height, angle = ellipse_axes(means)
    return Ellipse(centre, width, height, angle=angle, fc=color, ec=color, alpha=0.25, lw=1)


def ellipse_axes(points: NDArray[np.float64]) -> tuple[tuple[float, float], float, float, float]:
    """Return centre, both diameters and angle (degrees) of the standard ellipse of points."""
    values, vectors = np.linalg.eigh(np.cov(points, rowvar=False))
    # Two seeds lie on a line, which would be drawn with no width.
    sizes = 2 * np.sqrt(values.clip(1e-4))
    x, y = points.mean(0)
    angle = float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
    return (float(x), float(y)), float(sizes[1]), float(sizes[0]), angle


def number_trainings(trainings: Sequence[Training]) -> dict[int, Training]:
    """Give numbers to baselines, methods as the profile has them, and those with a change."""
    order = list(METHODS)

    def place(one: Training) -> tuple[object, ...]:
        is_baseline = one.method not in METHODS
        rank = -1 if is_baseline else order.index(one.method)
        return (not is_baseline, bool(one.settings), -one.sigma, rank, one.settings)

    return dict(enumerate(sorted(trainings, key=place), start=1))
