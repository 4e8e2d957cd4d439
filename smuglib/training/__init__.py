"""Training: the loop, and checkpoints that no kill and no damage turns into other weights."""

from smuglib.budget import Budget, BudgetSpentError
from smuglib.training.checkpoints import Checkpoints
from smuglib.training.loop import Training
from smuglib.training.plan import Plan, one_cycle

__all__ = ["Budget", "BudgetSpentError", "Checkpoints", "Plan", "Training", "one_cycle"]
