"""The evaluation of the page on it: one network, and baselines, in every scenario asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from smugbook import profiles
from smugbook.experiments import tuning
from smugbook.experiments.protocol import SWEEPS, Protocol, protocol_of
from smugbook.experiments.sweeps import AXES, sweep_scenarios
from smugbook.profiles import Profile
from smugbook.results import Store, network, rescanner, scan_of, sources, weights_hash
from smugbook.results.tuning import TUNED, case_of
from smuglib import checks, evaluation, provenance
from smuglib.attacks import LADDER
from smuglib.evaluation import Scenario, scores, table_scenarios
from smuglib.evaluation.scores import Score
from smuglib.methods import METHODS
from smuglib.models.reconstruction import smoothing_of
from smuglib.smoothing import Smoothing
from smuglib.training.plan import Budget

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
    budget: str = ""
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
    def protocol(self) -> Protocol:
        """What the budget affords."""
        return protocol_of(profiles.get(self.profile), self.budget)

    @cached_property
    def counts(self) -> dict[Scenario, int]:
        """Scenarios asked for and their numbers of slices: those of the table, then of sweeps."""
        wanted = self.scenarios or ([] if self.sweeps else self.table)
        found = {}
        for name in wanted:
            scenario = self.table[checks.one_of("scenarios", name, self.table)]
            found[self.protocol.scored(scenario)] = self._n_slices(name)
        for name in self.sweeps:
            for scenario in self._sweep(name):
                found.setdefault(scenario, self._n_slices(name))
        return found

    def _sweep(self, name: str) -> Sequence[Scenario]:
        """Return the scenarios of a sweep, shortened if that is asked for."""
        checks.one_of("sweeps", name, (*AXES, *SWEEPS))
        steps = self.sweep_steps
        if name in SWEEPS:
            found = self.protocol.sweep(name)
            return found if steps is None else [replace(s, attack_steps=steps) for s in found]
        ascent: dict[str, Any] = {
            "attack_steps": self.attack_steps,
            "attack_samples": self.attack_samples,
        }
        if steps is not None:
            ascent |= {"attack_steps": steps, "strong_steps": steps}
        return [*map(self.protocol.scored, sweep_scenarios(name, self.epsilon, **ascent))]

    def _n_slices(self, name: str) -> int:
        """Return the number of slices of a sweep, or of a scenario of the table."""
        slices = {} if self.n_slices is not None else self.protocol.slices
        return min(slices.get(name, self.n_scans), self.n_scans)

    @property
    def chosen(self) -> list[Scenario]:
        """Scenarios asked for."""
        return list(self.counts)

    @cached_property
    def n_scans(self) -> int:
        """Number of test slices."""
        n_test = profiles.get(self.profile).n_test
        if self.n_slices is None:
            return min(self.protocol.n_slices, n_test)
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
        able = [one for one in self.chosen if is_smoothed or not _needs_samples(one)]
        return [one for one in able if one.n_steps is None or own]

    def n_gradients(self, name: str) -> int:
        """Return how many gradients of a method's reconstruction its attacks take."""
        found = 0
        for scenario in self.wanted(name):
            attack = scenario.attack
            if attack is not None and attack.kind == "pgd":
                warm = LADDER["transfer"].n_steps if attack.warm_start else 0
                found += self.counts[scenario] * (warm + attack.n_steps * attack.n_restarts)
        return found

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
        if TUNED in self.names:
            tuning.tune(settings, self.output.tuning, device=where)
        hashes, rows = self.hashes(), list[Score]()
        for name in self.names:
            for (count, _), wanted in self._groups(name).items():
                rows += evaluation.evaluate(
                    self._network(name, wanted[0]).to(where),
                    scans[:count],
                    wanted,
                    method=name,
                    training_sigma=self.sigma if name == self.method else 0.0,
                    weights_sha256=hashes[name],
                    seed=self.seed,
                    rescan=rescanner(settings),
                    partial=self.partial(name),
                    batch=self.batch_on(where),
                    budget=budget,
                )
        name = self.protocol.name
        told = {"profile": self.profile, "code": self.code, "budget": name}
        made = {**told, **provenance.describe(where)}
        found = [replace(row, budget=name) for row in rows]
        return scores.update(self.path, found, hashes, made)

    def _groups(self, name: str) -> dict[tuple[int, str], list[Scenario]]:
        """Return what one network goes through together, by number of slices, the most first."""
        found: dict[tuple[int, str], list[Scenario]] = {}
        for one in self.wanted(name):
            case = case_of(one) if name == TUNED else ""
            found.setdefault((self.counts[one], case), []).append(one)
        return dict(sorted(found.items(), key=lambda item: -item[0][0]))

    def _network(self, name: str, scenario: Scenario) -> Any:  # noqa: ANN401
        """Return a network with the smoothing that it is scored with."""
        net: Any = network(self.store, name, self.sigma, scenario)
        if self.placement and name == self.method:
            n_samples = profiles.get(self.profile).n_samples
            net.smoothing = Smoothing(self.placement, self.sigma, n_samples)  # type: ignore[arg-type]
        count, smoothing = self.protocol.score_samples, smoothing_of(net)
        if count is not None and smoothing.is_active:
            net.smoothing = replace(smoothing, n_samples=count)
        return net


def _needs_samples(scenario: Scenario) -> bool:
    """Return whether a scenario says nothing of a method without noise samples."""
    return scenario.n_samples is not None or scenario.name.startswith("eot_")
