"""Whether the strong attack has reached its plateau: what longer and other searches find beyond."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pandas as pd

from smugbook.experiments.protocol import THREATS, strongest_rows
from smuglib.evaluation import PAIR, Interval, Scenario, compare
from smuglib.evaluation.bootstrap import TRAINING_SEED
from smuglib.evaluation.comparisons import with_partner

LIMIT = 0.1
"""Decibels below which what a longer search finds is nothing."""

CHECKS = {
    "plateau": "twice the steps and one more run",
    "independent": "an independent search",
}
"""Searches that check the columns', by the first word of their scenarios' names."""


class Shortfall(NamedTuple):
    """By how much a check did more damage than the attack that it checks, PSNR in dB."""

    method: str
    threat: str
    check: str
    found: Interval
    n_slices: int

    @property
    def is_plateau(self) -> bool:
        """Whether it found less than `LIMIT` more."""
        return self.found.mean < LIMIT


def check_plateaus(rows: pd.DataFrame, columns: Mapping[str, Scenario]) -> list[Shortfall]:
    """Compare the columns of a table of records with their checks, slice by slice."""
    keys = [*PAIR, TRAINING_SEED] if TRAINING_SEED in rows else PAIR
    found = []
    for threat, how in THREATS.items():
        for check in CHECKS:
            scenario = Scenario(f"{check}_{threat}", "adaptive_strong", **how)
            checks_, strong = strongest_rows(rows, scenario), strongest_rows(rows, columns[threat])
            for method, longer in checks_.groupby("method", sort=False):
                own = strong[strong["method"] == method]
                own, longer = with_partner(own, longer, keys), with_partner(longer, own, keys)
                if len(own):
                    more = compare(own, longer)
                    found.append(Shortfall(str(method), threat, check, more, len(own)))
    return found


def compare_samples(rows: pd.DataFrame) -> pd.DataFrame:
    """Return PSNR under the attack by the noise samples of its gradient, less that of the most.

    One row per method and number: ``mean``, ``low`` and ``high`` in dB; above zero, fewer samples
    leave the attack weaker.
    """
    swept = rows[rows["scenario"] == "eot_image"]
    most, lines = swept["attack_samples"].max(), {}
    for key, own in swept.groupby(["method", "attack_samples"], sort=False):
        full = swept[(swept["method"] == key[0]) & (swept["attack_samples"] == most)]
        lines[key] = compare(own, with_partner(full, own))
    index = pd.MultiIndex.from_tuples(lines, names=["method", "attack_samples"])
    return pd.DataFrame(list(lines.values()), index=index, columns=["mean", "low", "high"])
