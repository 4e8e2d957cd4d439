"""What an evaluation goes through, on how many slices, and which columns claims rest on.

There is one preregistered column for each threat model. Other attacks of the same threat are nearly
the same attack: they are shown, but no claim counts them as another vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from smugbook.profiles import Profile
from smuglib import checks
from smuglib.attacks import LADDER
from smuglib.evaluation import PAIR, Scenario, missing, table_scenarios
from smuglib.evaluation.bootstrap import TRAINING_SEED

THREATS: dict[str, dict[str, Any]] = {
    "image": {"epsilon": 1 / 255, "domain": "image", "norm": "linf"},
    "range": {"epsilon": 1 / 255, "domain": "range", "norm": "linf"},
    "kspace": {"epsilon": 0.02, "domain": "kspace", "norm": "l2"},
}
"""Threat models: what is perturbed, and by how much where one strength stands for all."""

IMAGE_STRENGTHS = tuple(value / 255 for value in (0.5, 1, 2, 4))
"""In units of the scan's scale, image ball and within reach."""

LEVELS = {
    "image": IMAGE_STRENGTHS,
    "range": IMAGE_STRENGTHS,
    "kspace": (0.0025, 0.005, 0.01, 0.02),
}
"""Strengths of the sweep over them; on the samples relative to ``||y||_2``."""

EOT_SAMPLES = (1, 2, 4, 10)
"""Noise samples of an attack's gradient, to see whether few are as strong as many."""

SWEEPS = ("standard", "level", "eot", "check")
"""Sweeps that a protocol has of its own, beside those of `smugbook.experiments.sweeps`."""


@dataclass(frozen=True)
class Protocol:
    """What an evaluation can afford, and what it therefore asks for."""

    name: str
    words: str
    n_slices: int
    slices: Mapping[str, int] = field(default_factory=dict)
    """Slices of the sweeps, and of the scenarios of Table 1, that go through fewer."""
    strong: Mapping[str, Any] = field(default_factory=dict)
    """Changes of the scenario of the strong attack; empty: columns are the attacks of Table 1."""
    level: Mapping[str, Any] = field(default_factory=dict)
    """Changes of a scenario of the sweep over strengths."""
    score_samples: int | None = None
    """Antithetic noise samples of a score; None: as many independent ones as the network has."""

    @property
    def columns(self) -> dict[str, Scenario]:
        """The scenarios that claims rest on: the clean scan, and one of each threat model."""
        if self.strong:
            return {"clean": self.scored(Scenario("clean")), **self._each("strong", self.strong)}
        known = {scenario.name: scenario for scenario in table_scenarios()}
        names = {"clean": "clean", "image": "adaptive_image", "kspace": "adaptive_kspace_l2"}
        within = Scenario("range_image", "adaptive", attack_steps=10, **THREATS["range"])
        return {threat: known[name] for threat, name in names.items()} | {"range": within}

    def scored(self, scenario: Scenario) -> Scenario:
        """Return a scenario as this protocol attacks and scores it."""
        if self.score_samples is None:
            return scenario
        ascends = scenario.attack is not None and scenario.attack.kind == "pgd"
        precision = "float32" if ascends else scenario.precision
        return replace(scenario, antithetic=True, precision=precision)

    def sweep(self, name: str) -> tuple[Scenario, ...]:
        """Return the scenarios of one of `SWEEPS`."""
        checks.one_of("sweep", name, SWEEPS)
        if name == "standard":
            return tuple(self._each("strong", self.strong).values())
        if name == "level":
            return tuple(
                replace(one, epsilon=epsilon)
                for threat, one in self._each("level", self.level).items()
                for epsilon in LEVELS[threat]
            )
        if name == "eot":
            one = self._each("eot", self.strong)["image"]
            return tuple(replace(one, attack_samples=count) for count in EOT_SAMPLES)
        strong = LADDER["adaptive_strong"]
        steps = self.strong.get("attack_steps", strong.n_steps)
        runs = self.strong.get("attack_restarts", strong.n_restarts)
        longer = {**self.strong, "attack_steps": 2 * steps, "attack_restarts": runs + 1}
        samples = {name: self.strong[name] for name in ("attack_samples",) if name in self.strong}
        found = self._each("plateau", longer), self._each("independent", samples, "independent")
        return tuple(scenario for each in found for scenario in each.values())

    def _each(
        self, stem: str, changes: Mapping[str, Any], rung: str = "adaptive_strong"
    ) -> dict[str, Scenario]:
        """Return one scenario for each threat model."""
        return {
            threat: self.scored(Scenario(f"{stem}_{threat}", **{"rung": rung, **how, **changes}))
            for threat, how in THREATS.items()
        }


ON_A_CPU = {
    "level": 4,
    "eot": 1,
    "check": 2,
    **dict.fromkeys(("rate", "mask", "steps", "samples"), 1),
    **dict.fromkeys(("transfer_published", "transfer"), 6),
    **dict.fromkeys(("adaptive_image", "adaptive_kspace_l2", "adaptive_kspace_linf"), 4),
}
"""Slices of sweeps and scenarios, so that SMUG takes some 50 minutes of one core, MoDL 40.

Tried on shipped SMUG at one slice: with one noise sample ten steps found as much as 20 in the image
ball, and 0.09 dB less in k-space, where two samples found it too.
"""

PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("none", "24 slices, attacks of Table 1 with ten steps", 24),
        Protocol(
            "cpu",
            "24 slices; strong attack of ten steps, warm-started, at the main strengths; ten plain "
            "adaptive steps on 4 slices at others",
            24,
            slices=ON_A_CPU,
            strong={"attack_steps": 10, "attack_restarts": 1, "attack_samples": 1},
            level={"rung": "adaptive", "attack_steps": 10, "attack_samples": 1},
            score_samples=10,
        ),
        Protocol(
            "full",
            "60 slices; strong attack of 20 steps and two runs at every strength",
            60,
            slices={"eot": 12, "check": 12},
            strong={"attack_steps": 20, "attack_restarts": 2},
            level={"attack_steps": 20, "attack_restarts": 2},
            score_samples=10,
        ),
    )
}
"""Protocols by name, the one of the first records first."""


def protocol_of(profile: Profile, budget: str = "") -> Protocol:
    """Return a protocol by its name, or the one of a profile on this machine."""
    if budget:
        return PROTOCOLS[checks.one_of("budget", budget, PROTOCOLS)]
    if not profile.lam_learned:
        return PROTOCOLS["none"]
    return PROTOCOLS["full" if torch.cuda.is_available() else "cpu"]


def recorded_protocol(profile: Profile, blocks: Iterable[pd.DataFrame]) -> Protocol:
    """Return the fullest protocol whose columns all methods of all blocks went through.

    A page then shows what its records are of, whatever machine it is read on. Without such records
    it is the profile's own protocol.
    """
    held = list(blocks)
    for protocol in reversed(PROTOCOLS.values()):
        asked = list(protocol.columns.values())
        if held and protocol.strong and not any(missing(block, asked) for block in held):
            return protocol
    is_first = bool(held) and all(set(block["budget"]) == {"none"} for block in held)
    return protocol_of(profile, "none" if is_first else "")


def strongest_rows(rows: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return the rows of a scenario's name and strength; of several budgets, the longest search's.

    Records that a GPU has made again are then taken in the place of a CPU's, without a word.
    """
    chosen = rows[
        (rows["scenario"] == scenario.name) & np.isclose(rows["epsilon"], scenario.epsilon)
    ]
    length = chosen["attack_steps"] * chosen["attack_restarts"]
    kept = chosen[length == length.max()]
    return kept.drop_duplicates([name for name in ("method", *PAIR, TRAINING_SEED) if name in kept])
