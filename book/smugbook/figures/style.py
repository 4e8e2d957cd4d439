"""One style, and one name, colour and line a method.

Colours are those of Okabe and Ito, which stay distinct under all common kinds of colour blindness;
line style and marker tell the methods apart without colour.
"""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from smugbook.words.labels import METHOD_LABELS

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
    "tv_tuned": ("purple", (0, (5, 1)), "P"),
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
    """Return a method's label, colour, line style and marker."""
    colour, line, marker = _LINES[method]
    return {
        "label": METHOD_LABELS[method],
        "color": OKABE_ITO[colour],
        "linestyle": line,
        "marker": marker,
    }


def style_or_label(name: str) -> dict[str, Any]:
    """Return a method's style, or that of a line which stands for none."""
    return method_style(name) if name in _LINES else {"label": name, "marker": "o"}


def new(
    n_rows: int = 1,
    n_columns: int = 1,
    *,
    width: float = 4.2,
    height: float = 3.2,
    **options: Any,  # noqa: ANN401
) -> tuple[Figure, Any]:
    """Make a figure in the book's style."""
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
