"""The parts of computing a profile: what each is, what it needs, how much of it is there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from smugbook import profiles
from smugbook.experiments import runs, trainings
from smugbook.experiments.evaluations import Evaluation
from smugbook.profiles import Profile
from smugbook.results import Store, sources
from smugbook.results.scans import write_scan_hashes
from smuglib import files
from smuglib.evaluation import records, scores, select
from smuglib.training.plan import Budget

NOT_THERE = (FileNotFoundError, files.UnreadableFileError)
"""Errors of what is not there, or damaged: it is computed again."""

SCANS_AT_ONCE = 64
"""Scans that one process simulates."""


class Pace(NamedTuple):
    """Seconds that some updates, scans or rows took, and the device that they took them on."""

    seconds: float
    size: int
    device: str


@dataclass(frozen=True)
class Part(ABC):
    """A part, by its name, and those that come before it."""

    profile: str
    name: str
    needs: tuple[str, ...]

    @property
    @abstractmethod
    def kind(self) -> str:
        """Parts of one kind go at one pace."""

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of its updates, scans or rows."""

    @abstractmethod
    def n_done(self) -> int:
        """Return how many of these the present code has made: `size` once all is in its place."""

    @abstractmethod
    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Compute it, or go on with it."""

    def pace(self) -> Pace | None:
        """Return the pace that its files tell of."""
        return None

    @property
    def log(self) -> Path:
        """File of what its process says."""
        return Store.open(self.profile, "build").folder / "computing" / f"{self.name}.log"


@dataclass(frozen=True)
class Scans(Part):
    """Some of the simulated scans, which stay in the cache on the disk; their hashes are kept."""

    start: int

    @property
    def kind(self) -> str:
        """All are of one kind."""
        return "scans"

    @property
    def size(self) -> int:
        """Number of scans."""
        return min(SCANS_AT_ONCE, n_scans(self.profile) - self.start)

    @property
    def _folder(self) -> Path:
        code = sources.own_hash("smuglib.data", "smugbook.profiles")
        return Store.open(self.profile, "build").folder / "checkpoints" / f"data-{code[:12]}"

    def _hashes(self, start: int) -> Path:
        return self._folder / f"{start}.sha256"

    def n_done(self) -> int:
        """Return all or none."""
        return self.size if self._hashes(self.start).is_file() else 0

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Simulate them; the last writes the manifest of all, where the pipeline looks for it."""
        which = slice(self.start, self.start + SCANS_AT_ONCE)
        write_scan_hashes(self._hashes(self.start), profiles.get(self.profile), which)
        every = [self._hashes(start) for start in range(0, n_scans(self.profile), SCANS_AT_ONCE)]
        if all(path.is_file() for path in every):
            manifest = Store.open(self.profile, "build").folder / "manifests" / "data.sha256"
            files.write_bytes(manifest, b"".join(path.read_bytes() for path in every))


def n_scans(profile: str) -> int:
    """Return the number of scans of all splits of a profile."""
    settings = profiles.get(profile)
    return settings.n_train + settings.n_validation + settings.n_test


@dataclass(frozen=True)
class Training(Part):
    """A pre-training or a fine-tuning, at the profile's settings or with changes of them."""

    method: str
    sigma: float
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """By method, which may be ``"pretrained"``, and by what makes an update longer."""
        own, usual = self.settings, profiles.get(self.profile)
        slower = [n for n in ("channels", "adversarial") if getattr(own, n) != getattr(usual, n)]
        told = "".join(f", {name} {getattr(own, name):g}" for name in slower)
        return f"training of {self.method}{told}"

    @property
    def settings(self) -> Profile:
        """The profile with the changes."""
        changes = {name: value for name, value in self.changes.items() if name != "pretrained"}
        return profiles.get(self.profile).replace(**changes)

    @property
    def size(self) -> int:
        """Number of updates."""
        settings = self.settings
        is_first = self.method == "pretrained"
        return settings.pretraining_updates if is_first else settings.updates

    @property
    def _store(self) -> Store:
        return Store.open(self.profile, "build").variant(self.changes)

    @property
    def _start(self) -> Path | None:
        if not self.changes.get("pretrained", True):
            return None
        return runs.pretrained_weights(self.profile, self.sigma, changes=self.changes)

    @property
    def _checkpoints(self) -> Path:
        return runs.checkpoints(self._store, self.method, self.sigma)

    def n_done(self) -> int:
        """Return the update of the last validation."""
        settings, method, sigma = self.settings, self.method, self.sigma
        with suppress(*NOT_THERE):
            if method == "pretrained":
                plan = trainings.pretraining_plan(settings, sigma)
            else:
                plan = trainings.finetuning_plan(settings, method, sigma, self._start)
            left = files.read_json(self._checkpoints / "provenance.json")
            if left["settings"] == plan.settings:
                n_done = int(self._last_row()["update"])
                return n_done if n_done < self.size or self._is_kept(left) else self.size - 1
        return 0

    def _last_row(self) -> pd.Series[float]:
        path = self._checkpoints / "log.csv"
        with files.reading(path, "a training's log"):
            return pd.read_csv(path).iloc[-1]

    def _is_kept(self, left: Mapping[str, Any]) -> bool:
        with suppress(*NOT_THERE):
            self._store.read_log(self.method, self.sigma)
            kept = self._store.read_provenance(self.method, self.sigma)
            return {name: kept[name] for name in kept if name != "weights_sha256"} == left
        return False

    def pace(self) -> Pace | None:
        """Return the pace that its log tells of."""
        with suppress(*NOT_THERE):
            last = self._last_row()
            made = files.read_json(self._checkpoints / "provenance.json")
            return Pace(float(last["seconds"]), int(last["update"]), made["device"])
        return None

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Train."""
        store, settings = self._store, self.settings
        if self.method == "pretrained":
            runs.train_denoiser(store, settings, self.sigma, device=device, budget=budget)
        else:
            run = store, settings, self.method, self.sigma, self._start
            runs.train_network(*run, device=device, budget=budget)


@dataclass(frozen=True)
class Records(Part):
    """An evaluation."""

    evaluation: Evaluation

    @property
    def kind(self) -> str:
        """By method and scenarios."""
        asked = self.evaluation
        scenarios = "sweeps" if asked.sweeps else ", ".join(asked.scenarios) or "the table"
        return f"evaluation of {asked.method}: {scenarios}"

    @property
    def size(self) -> int:
        """Number of rows."""
        asked = self.evaluation
        return sum(asked.counts[one] for name in asked.names for one in asked.wanted(name))

    def n_done(self) -> int:
        """Return the number of rows of these weights."""
        asked = self.evaluation
        with suppress(*NOT_THERE):
            hashes = asked.hashes()
            if self._is_written(hashes):
                return self.size
            partial = [asked.partial(name) for name in hashes]
            left = [row for path in partial for row in records.kept(path, scores.Score)]
            frame = pd.DataFrame(left, columns=list(scores.Score.columns()))
            return min(self._count(frame, hashes), self.size - 1)
        return 0

    def _is_written(self, hashes: Mapping[str, str]) -> bool:
        with suppress(*NOT_THERE):
            path = self.evaluation.path
            is_current = records.read_provenance(path).get("code") == self.evaluation.code
            return is_current and self._count(scores.read(path), hashes) == self.size
        return False

    def _count(self, frame: pd.DataFrame, hashes: Mapping[str, str]) -> int:
        """Return how many of the rows asked for a table has."""
        asked, count = self.evaluation, 0
        for name, weights in hashes.items():
            own = (frame["method"] == name) & (frame["weights_sha256"] == weights)
            ours = frame[own & (frame["seed"] == asked.seed)]
            for scenario in asked.wanted(name):
                count += min(select(ours, scenario)["slice"].nunique(), asked.counts[scenario])
        return count

    def compute(self, *, device: str = "auto", budget: Budget | None = None) -> None:
        """Evaluate."""
        self.evaluation.compute(device=device, budget=budget)
