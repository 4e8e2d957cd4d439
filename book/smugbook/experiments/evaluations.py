"""The evaluation of the page on it: one network, and baselines, in every scenario asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smugbook import profiles
from smugbook.experiments.sweeps import sweep_scenarios
from smugbook.profiles import Profile
from smugbook.results import Store, network, rescanner, scan_of, sources, weights_hash
from smuglib import checks, evaluation, provenance
from smuglib.evaluation import Scenario, scores, table_scenarios
from smuglib.evaluation.scores import Score
from smuglib.methods import METHODS
from smuglib.smoothing import Smoothing
from smuglib.training.plan import Budget

N_SLICES = 24
"""Test slices unless another number is asked for, or there are fewer."""

BATCHES = {"cpu": 1, "cuda": 16}
"""Slices evaluated together unless another number is asked for, by type of the device."""


@dataclass(frozen=True)
class Evaluation:
    """What is evaluated: the parameters of the page, which describes them."""

    profile: str = "default"
    method: str = "smug"
    sigma: float = 0.05
    results: str = "build"
    variant: str = ""
    n_slices: int | None = None
    scenarios: Sequence[str] = ()
    sweeps: Sequence[str] = ()
    baselines: Sequence[str] = ("zero_filled", "tv")
    placement: str = ""
    density: str | None = None
    epsilon: float = 1 / 255
    epsilon_kspace_l2: float = 0.02
    epsilon_kspace_linf: float = 0.01
    attack_steps: int = 10
    sweep_steps: int | None = None
    attack_precision: str = "float32"
    attack_samples: int = 2
    batch: int | None = None
    seed: int = 0

    @cached_property
    def table(self) -> dict[str, Scenario]:
        """Scenarios of Table 1, by name."""
        scenarios = table_scenarios(
            self.epsilon,
            epsilon_kspace_l2=self.epsilon_kspace_l2,
            epsilon_kspace_linf=self.epsilon_kspace_linf,
            attack_steps=self.attack_steps,
            attack_samples=self.attack_samples,
            precision=self.attack_precision,
        )
        return {scenario.name: scenario for scenario in scenarios}

    @cached_property
    def chosen(self) -> list[Scenario]:
        """Scenarios asked for: those of the table, then those of sweeps."""
        wanted = self.scenarios or ([] if self.sweeps else self.table)
        chosen = [self.table[checks.one_of("scenarios", name, self.table)] for name in wanted]
        ascent: dict[str, Any] = {
            "attack_steps": self.attack_steps,
            "attack_samples": self.attack_samples,
        }
        if self.sweep_steps is not None:
            ascent |= {"attack_steps": self.sweep_steps, "strong_steps": self.sweep_steps}
        swept = [sweep_scenarios(name, self.epsilon, **ascent) for name in self.sweeps]
        return [*chosen, *(scenario for scenarios in swept for scenario in scenarios)]

    @cached_property
    def n_scans(self) -> int:
        """Number of test slices."""
        n_test = profiles.get(self.profile).n_test
        if self.n_slices is None:
            return min(N_SLICES, n_test)
        if checks.integer("n_slices", self.n_slices) > n_test:
            raise ValueError(f"n_slices must be <= n_test {n_test}, got {self.n_slices}")
        return self.n_slices

    @property
    def settings(self) -> Profile:
        """Settings of the scans: the profile's, or with columns of the mask that lie otherwise."""
        changes = {} if self.density is None else {"density": self.density}
        return profiles.get(self.profile).replace(**changes)

    @property
    def store(self) -> Store:
        """Where the weights lie."""
        return Store.open(self.profile, self.results).named_variant(self.variant)

    @property
    def label(self) -> str:
        """Folder of the records below ``variants``; empty for the profile's own."""
        placement = self.placement and f"placement={self.placement}"
        return ",".join(part for part in (self.variant, placement) if part)

    @property
    def output(self) -> Store:
        """Where the records go."""
        return Store.open(self.profile, "build").named_variant(self.label, missing_ok=True)

    @property
    def path(self) -> Path:
        """File of the records."""
        return self.output.records(self.method, self.sigma)

    @property
    def code(self) -> str:
        """Hash of the code that the rows depend on."""
        return sources.own_hash("smuglib.evaluation", "smuglib.data")

    @property
    def names(self) -> tuple[str, ...]:
        """The method, and before it the baselines that go with it: with MoDL alone."""
        beside = () if self.label or self.method != "modl" else self.baselines
        return (*beside, self.method)

    def wanted(self, name: str) -> list[Scenario]:
        """Return the scenarios that a method can go through: not all have steps, or samples."""
        own = name == self.method
        is_smoothed = own and (self.placement or METHODS[name]) != "none"
        able = [one for one in self.chosen if one.n_samples is None or is_smoothed]
        return [one for one in able if one.n_steps is None or own]

    def batch_on(self, device: torch.device) -> int:
        """Return how many slices are evaluated together on a device."""
        return BATCHES[device.type] if self.batch is None else self.batch

    def partial(self, name: str) -> Path:
        """Return the file that a method's rows are taken from by the next call."""
        return self.output.checkpoints(self.method, self.sigma, self.code) / f"{name}.csv"

    def hashes(self) -> dict[str, str]:
        """Return the hashes of the weights, by method."""
        return {name: weights_hash(self.store, name, self.sigma) for name in self.names}

    def check(self, device: str) -> None:
        """Refuse what cannot be evaluated, before anything is computed."""
        checks.device("device", device)
        checks.optional(checks.integer, "batch", self.batch)
        for needed in ("n_scans", "chosen", "settings", "store", "path"):
            getattr(self, needed)

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> pd.DataFrame:
        """Evaluate, or go on with it; return all rows of the file of records."""
        where, settings = checks.device("device", device), self.settings
        scans = [scan_of(settings, index) for index in range(self.n_scans)]
        nets: dict[str, Any] = {
            name: network(self.store, name, self.sigma).to(where) for name in self.names
        }
        if self.placement:
            smoothing = Smoothing(self.placement, self.sigma, settings.n_samples)  # type: ignore[arg-type]
            nets[self.method].smoothing = smoothing
        hashes, rows = self.hashes(), list[Score]()
        for name, net in nets.items():
            rows += evaluation.evaluate(
                net,
                scans,
                self.wanted(name),
                method=name,
                training_sigma=self.sigma if name == self.method else 0.0,
                weights_sha256=hashes[name],
                seed=self.seed,
                rescan=rescanner(settings),
                partial=self.partial(name),
                batch=self.batch_on(where),
                budget=budget,
            )
        described = {"profile": self.profile, "code": self.code, **provenance.describe(where)}
        return scores.update(self.path, rows, hashes, described)
