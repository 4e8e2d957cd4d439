"""Perturbations that maximize the error of a reconstruction, within a ball."""

from smuglib.attacks.ladder import LADDER, Attack
from smuglib.attacks.pgd import Objective, pgd, pgd_kspace, run

__all__ = ["Attack", "LADDER", "Objective", "pgd", "pgd_kspace", "run"]
