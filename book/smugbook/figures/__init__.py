"""Figures of the book: one style, one name and line per method, images with stated grey values.

Every function returns or draws on a figure that pyplot no longer holds, so a notebook shows it
once, as the value of its cell.
"""

from smugbook.figures.images import (
    colour_bar,
    comparison,
    gallery,
    outline,
    ring,
    show_error,
    show_image,
    show_kspace,
)
from smugbook.figures.lines import draw_differences, method_lines, swept_axis, training_curves
from smugbook.figures.style import OKABE_ITO, SERIES, method_style, new

__all__ = [
    "OKABE_ITO",
    "SERIES",
    "colour_bar",
    "comparison",
    "draw_differences",
    "gallery",
    "method_lines",
    "method_style",
    "new",
    "outline",
    "ring",
    "show_error",
    "show_image",
    "show_kspace",
    "swept_axis",
    "training_curves",
]
