"""Strengths of the plain alternatives to smoothing, chosen on validation slices alone.

A family has one candidate for each strength: jitter, attacks in training, early stops. Chosen is
the one of the highest level under attack among those that are, on clean scans, at least as good as
SMUG: what is paid for robustness is then at most what SMUG pays. Where none is as good, it is the
one that is best on clean scans. No test slice has a part in that.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook import profiles
from smugbook.experiments.controls import BASE_SIGMA, SCENARIOS, Control
from smugbook.experiments.parts import NOT_THERE, Part
from smugbook.profiles import Profile
from smugbook.results import Store, dataset_of, sources, weights_hash
from smuglib import checks, evaluation, files, provenance
from smuglib.evaluation import Scenario, Score, table_scenarios
from smuglib.training.plan import Budget

FAMILIES = ("jitter", "adversarial", "stop")
"""Questions of `smugbook.experiments.controls` whose controls are candidates, of MoDL."""

REFERENCE = "smug"
"""Who says how good on clean scans a candidate must be."""

COLUMNS = ("candidate", "setting", "scenario", "slice", "psnr")

N_SLICES = 8
"""Validation slices, if there are as many beside those that chose the weights."""


@dataclass(frozen=True)
class Candidate:
    """A network that is scored: of a family, or the reference, whose family is its method."""

    family: str
    control: Control

    @property
    def label(self) -> str:
        """Its setting, which is the folder below ``variants``; the method if nothing is set."""
        return self.control.variant or self.control.method


def candidates_of(controls: Iterable[Control]) -> list[Candidate]:
    """Return the candidates among controls, and who they are measured by."""
    found = [
        Candidate(control.question, control)
        for control in controls
        if control.question in FAMILIES
        and control.method == "modl"
        and not set(control.training) - {"jitter", "adversarial"}
    ]
    plain = [Candidate(m, Control("", m, m, BASE_SIGMA)) for m in (REFERENCE, "modl")]
    return [*plain, *found] if found else []


def slice_numbers(profile: Profile, n_slices: int = N_SLICES) -> list[int]:
    """Return validation slices between those whose PSNR chose the weights of each training."""
    spacing = profile.n_validation // profile.n_validation_used
    n_slices = min(n_slices, profile.n_validation_used)
    return [spacing * k + spacing // 2 for k in range(n_slices)]


@dataclass(frozen=True)
class Tuning(Part):
    """The scores of one candidate, on clean scans and under adaptive attacks."""

    candidate: Candidate
    n_steps: int = 10

    @property
    def settings(self) -> Profile:
        """Those of the scans."""
        return profiles.get(self.profile)

    @property
    def kind(self) -> str:
        """By method."""
        return f"tuning of {self.candidate.control.method}"

    @cached_property
    def scenarios(self) -> list[Scenario]:
        """The scenarios of every control."""
        every = table_scenarios(attack_steps=self.n_steps)
        return [scenario for scenario in every if scenario.name in SCENARIOS]

    @property
    def size(self) -> int:
        """Number of rows."""
        return len(slice_numbers(self.settings)) * len(self.scenarios)

    @property
    def path(self) -> Path:
        """File of its rows."""
        return tuning_folder(self._own) / f"{self.candidate.label}.csv"

    @property
    def _own(self) -> Store:
        return Store.open(self.profile, "build")

    @property
    def _weights(self) -> Store:
        return self._own.named_variant(self.candidate.control.variant)

    @property
    def _made(self) -> dict[str, Any]:
        method, sigma = self.candidate.control.method, self.candidate.control.sigma
        return {
            "weights_sha256": weights_hash(self._weights, method, sigma),
            "attack_steps": self.n_steps,
            "slices": slice_numbers(self.settings),
            "code": sources.own_hash("smuglib.evaluation", "smuglib.data"),
        }

    def n_done(self) -> int:
        """Return all or none."""
        with suppress(*NOT_THERE):
            left = files.read_json(self.path.with_suffix(".json"))
            wanted = {**self._made, "sha256": files.sha256(self.path)}
            if wanted == {name: left.get(name) for name in wanted}:
                return self.size
        return 0

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Score it."""
        where, control, made = checks.device("device", device), self.candidate.control, self._made
        dataset = dataset_of(self.settings, "val", self.settings.n_validation)
        rows = evaluation.evaluate(
            self._weights.load(control.method, control.sigma).to(where),
            [dataset[number] for number in slice_numbers(self.settings)],
            self.scenarios,
            method=control.method,
            training_sigma=control.sigma,
            weights_sha256=made["weights_sha256"],
            partial=self._own.checkpoints(control.method, control.sigma, made["code"])
            / f"tuning,{self.candidate.label}.csv",
            budget=budget,
        )
        _write(self.path, self.candidate, rows, {**made, **provenance.describe(where)})


def _write(path: Path, candidate: Candidate, rows: list[Score], made: Mapping[str, Any]) -> None:
    """Write the table, and last what vouches for it."""
    lines = [[candidate.family, candidate.label, r.scenario, r.slice, r.psnr] for r in rows]
    table = pd.DataFrame(lines, columns=list(COLUMNS))
    files.write_text(path, table.to_csv(index=False, lineterminator="\n"))
    told = files.sealed_json({**made, "sha256": files.sha256(path)})
    files.write_bytes(path.with_suffix(".json"), told)


def tuning_folder(store: Store) -> Path:
    """Return the folder of the scores of a store's candidates."""
    return store.folder / "tuning"


def read_families(store: Store) -> pd.DataFrame:
    """Read the scores of all candidates that there are; none: an empty table."""
    found = []
    for path in sorted(tuning_folder(store).glob("*.csv")):
        with files.reading(path, "a table of candidates"):
            table = pd.read_csv(path)[list(COLUMNS)]
        found.append(table[table["candidate"].isin((*FAMILIES, REFERENCE, "modl"))])
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=list(COLUMNS))


def tabulate_candidates(scores: pd.DataFrame) -> pd.DataFrame:
    """Return each setting's mean PSNR by scenario, and its level: the mean over the attacks."""
    table = scores.pivot_table(
        index=["candidate", "setting"], columns="scenario", values="psnr", sort=False
    )
    attacked = [name for name in table.columns if name != "clean"]
    return table.assign(level=table[attacked].mean(axis=1))


def choose_candidate(table: pd.DataFrame, family: str) -> str:
    """Return the setting of a family that this module's rule chooses in `tabulate_candidates`."""
    levels: dict[str, dict[str, tuple[float, float]]] = {}
    for (candidate, setting), row in zip(table.index, table.to_dict("records"), strict=True):
        levels.setdefault(candidate, {})[setting] = float(row["clean"]), float(row["level"])
    own = levels[checks.one_of("family", family, levels)]
    floor = max((clean for clean, _ in levels.get(REFERENCE, {}).values()), default=-math.inf)
    good = [setting for setting, (clean, _) in own.items() if clean >= floor]
    if good:
        return max(good, key=lambda setting: own[setting][1])
    return max(own, key=lambda setting: own[setting][0])
