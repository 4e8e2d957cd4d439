"""Departures of the poster's published code, each an option with a name, and what it changes.

A departure changes one thing of what is evaluated: the smoothing's noise, the solver, the scan's
scale or the seed. Its records carry its name behind the scenario's, such as
``"clean start_only"``, and pair slice by slice with those of the scenario itself. Departures of
the gradient and of the attacked network are rungs of the ladder already, those of the training
are parameters of the trainings.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook.profiles import Profile
from smugbook.results import recheck, scans
from smugbook.results.recheck import Recompute
from smugbook.results.store import Store, weights_hash
from smuglib import checks
from smuglib.consistency.step import SOLVERS, SolverName
from smuglib.data import Scan
from smuglib.evaluation import Scenario, Score, evaluate, scores
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork

UNITS = ("zero_filled", "target")


@dataclass(frozen=True)
class Departure:
    """One change of what is evaluated; records have its name behind that of the scenario.

    ``smoothing`` holds fields of `smuglib.Smoothing` that it changes, and ``units`` what a scan is
    scaled by: its ``"zero_filled"`` image, or its ``"target"``.
    """

    name: str
    methods: tuple[str, ...]
    scenarios: tuple[str, ...]
    smoothing: Mapping[str, Any] = field(default_factory=dict)
    units: str = "zero_filled"
    solver: SolverName = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        for method in self.methods:
            checks.one_of("methods", method, METHODS)
        checks.one_of("units", self.units, UNITS)
        checks.one_of("solver", self.solver, SOLVERS)
        checks.integer("seed", self.seed, minimum=0)

    def network(self, net: UnrolledNetwork) -> UnrolledNetwork:
        """Return a network with the same weights and this departure's smoothing."""
        changed = copy.copy(net)
        changed.smoothing = replace(net.smoothing, **self.smoothing)
        return changed

    def scan(self, scan: Scan) -> Scan:
        """Return a scan in this departure's units."""
        return scan.scaled_by_target() if self.units == "target" else scan

    def scenario(self, scenario: Scenario) -> Scenario:
        """Return a scenario with this departure's name."""
        return replace(scenario, name=f"{scenario.name} {self.name}")


_BOTH = ("clean", "transfer")

DEPARTURES = {
    departure.name: departure
    for departure in (
        Departure("start_only", ("rs_e2e",), _BOTH, {"start_only": True}),
        Departure("share_noise", ("smug",), _BOTH, {"share_noise": True}),
        Departure("target_units", ("modl", "smug"), _BOTH, units="target"),
        Departure("cg_coupled", ("smug_v0",), ("clean",), solver="cg_coupled"),
        Departure("seed=1", ("modl", "smug"), _BOTH, seed=1),
    )
}
"""All of them by name. ``seed=1`` is the other way round, a second run, which nobody made."""


def evaluate_departure(
    departure: Departure,
    net: UnrolledNetwork,
    scans: Sequence[Scan],
    scenarios: Sequence[Scenario],
    *,
    method: str,
    training_sigma: float,
    weights_sha256: str,
    partial: Path | str | None = None,
    progress: bool = True,
) -> list[Score]:
    """Evaluate a method under a departure, in those of the offered scenarios that it names."""
    checks.one_of("method", method, departure.methods)
    return evaluate(
        departure.network(net),
        [departure.scan(scan) for scan in scans],
        [departure.scenario(s) for s in scenarios if s.name in departure.scenarios],
        method=method,
        training_sigma=training_sigma,
        weights_sha256=weights_sha256,
        seed=departure.seed,
        solver=departure.solver,
        partial=partial,
        progress=progress,
    )


def departure_recomputer(store: Store, profile: Profile) -> Recompute:
    """Return what evaluates a record of a departure again, for `recheck`."""

    def compute(drawn: pd.DataFrame) -> list[Score]:
        (row,) = scores.rows_of(drawn)
        base, _, name = row.scenario.partition(" ")
        return evaluate_departure(
            DEPARTURES[checks.one_of("departure", name, DEPARTURES)],
            store.load(row.method, row.training_sigma),
            [scans.scan_of(profile, row.slice)],
            [replace(recheck.scenario_of(row, profile), name=base)],
            method=row.method,
            training_sigma=row.training_sigma,
            weights_sha256=weights_hash(store, row.method, row.training_sigma),
            progress=False,
        )

    return compute
