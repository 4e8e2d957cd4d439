"""Explorers for Jupyter: sliders before engines that know nothing of widgets.

::

    from smugbook.explorers import live
    live.robustness()     # methods and perturbations, on a test slice
    live.forward()        # masks, coils and k-space
"""

from smugbook.explorers.live.forward import ForwardExplorer, forward
from smugbook.explorers.live.robustness import RobustnessExplorer, robustness

__all__ = [
    "ForwardExplorer",
    "RobustnessExplorer",
    "forward",
    "robustness",
]
