"""Conclusions in words, each worded from its interval and from nothing else."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from smuglib.bootstrap import Interval
from smuglib.comparisons import compare, with_partner
from smuglib.scenarios import Scenario
from smuglib.tables import select

RANKING = ("smug", "smug_v0", "rs_e2e", "modl")
"""Methods by the poster's robust PSNR, best first."""


def fragility(
    block: pd.DataFrame, scenarios: Sequence[Scenario], method: str
) -> dict[str, Interval]:
    """Return clean minus attacked PSNR of a method (dB), by name of the scenario."""
    own = block[block["method"] == method]
    clean = select(own, Scenario("clean"))
    found = {}
    for scenario in scenarios:
        if scenario.rung != "clean":
            rows = select(own, scenario)
            found[scenario.name] = compare(with_partner(clean, rows), rows)
    return found
