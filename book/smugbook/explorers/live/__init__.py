"""Explorers for Jupyter: sliders before the engines of `smuglib.interactive`.

::

    from smuglib import widgets
    widgets.robustness()     # methods and perturbations, on a test slice
    widgets.forward()        # masks, coils and k-space

They need ipywidgets, which the ``book`` extra installs.
"""

from smugbook.explorers.live.forward import ForwardExplorer, forward
from smugbook.explorers.live.robustness import RobustnessExplorer, robustness

__all__ = [
    "ForwardExplorer",
    "RobustnessExplorer",
    "forward",
    "robustness",
]
