"""Controls of the explorers, all of one width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ipywidgets

_WIDE = {"style": {"description_width": "10em"}, "layout": {"width": "25em"}}


def choice(name: str, options: Sequence[Any], value: object) -> ipywidgets.Dropdown:
    """Return a list to choose from."""
    return ipywidgets.Dropdown(description=name, options=options, value=value, **_WIDE)


def slider(
    name: str, least: float, largest: float, value: float, *, step: float = 0.1
) -> ipywidgets.FloatSlider:
    """Return a slider of decimal numbers."""
    return ipywidgets.FloatSlider(
        description=name,
        min=least,
        max=largest,
        step=step,
        value=value,
        readout_format=".1f",
        **_WIDE,
    )


def count(name: str, least: int, largest: int, value: int) -> ipywidgets.IntSlider:
    """Return a slider of whole numbers."""
    return ipywidgets.IntSlider(description=name, min=least, max=largest, value=value, **_WIDE)


def decimal(value: float) -> float:
    """Return a slider's value without the dust of adding steps in floats."""
    return round(value, 3)
