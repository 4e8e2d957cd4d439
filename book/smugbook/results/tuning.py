"""Weights of total variation by scenario, and the validation scores that chose them.

The table of candidates has one row per candidate, setting, scenario and slice, with its PSNR. A
scenario is named by its case: what is perturbed, and by how much.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from smuglib import files
from smuglib.evaluation import Scenario

COLUMNS = ("candidate", "setting", "scenario", "slice", "psnr")

TUNED = "tv_tuned"
"""The method: total variation with the weight of the scenario that it meets."""


def tuning_path(folder: Path) -> Path:
    """Return the path of the candidates in the folder of a store."""
    return folder / "tuning" / "tv.csv"


def case_of(scenario: Scenario) -> str:
    """Name what a scenario perturbs and by how much, such as ``"kspace 0.02"``, or ``"clean"``."""
    attack = scenario.attack
    if attack is None:
        return "clean"
    kind = attack.domain if attack.kind == "pgd" else "noise"
    return f"{kind} {scenario.epsilon:.4g}"


def read_candidates(path: Path) -> pd.DataFrame:
    """Read a table of candidates; an empty one if there is none."""
    if not path.is_file():
        return pd.DataFrame(columns=list(COLUMNS))
    with files.reading(path, "a table of candidates"):
        return pd.read_csv(path)[list(COLUMNS)]


def choose_weights(candidates: pd.DataFrame) -> dict[str, float]:
    """Return the weight of the best mean PSNR on validation slices, by case."""
    means = candidates.groupby(["scenario", "setting"], sort=False)["psnr"].mean()
    best = means.groupby(level="scenario", sort=False).idxmax()
    return {str(case): float(setting) for case, (_, setting) in best.items()}


def weight_for(weights: dict[str, float], scenario: Scenario | None) -> float:
    """Return the weight of a scenario's case, or of the nearest strength of its kind."""
    case = "clean" if scenario is None else case_of(scenario)
    kind, _, strength = case.partition(" ")
    known = {name: value for name, value in weights.items() if name.partition(" ")[0] == kind}
    if not known or not float(strength or 1):
        return weights["clean"]

    def distance(name: str) -> float:
        return abs(math.log(float(name.partition(" ")[2] or 1) / float(strength or 1)))

    return known[min(known, key=distance)]
