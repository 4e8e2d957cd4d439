"""Training: the loop, and checkpoints that no kill and no damage turns into other weights."""

from smuglib.training.checkpoints import Checkpoints
from smuglib.training.loop import Plan, Training, one_cycle

__all__ = ["Checkpoints", "Plan", "Training", "one_cycle"]
