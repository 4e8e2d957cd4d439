"""Every training of a store that has records, and its place in the accuracy-robustness plane."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from smugbook.experiments.damage import measure_damage
from smugbook.experiments.protocol import strongest_rows
from smugbook.pages.inventory import SETTING_LABELS
from smugbook.results import Store
from smugbook.words.labels import METHOD_LABELS
from smuglib.evaluation import PAIR, Interval, Scenario, averages, scores
from smuglib.evaluation.bootstrap import TRAINING_SEED
from smuglib.methods import METHODS

SEED = "seed"
"""The setting in which trainings of one group differ."""


@dataclass(frozen=True)
class Training:
    """Records of one method, or of one training of it under all its seeds."""

    method: str
    sigma: float
    settings: tuple[tuple[str, str], ...]
    rows: pd.DataFrame

    @property
    def name(self) -> str:
        """Name it in words: the method, its noise, and what differs from the profile."""
        words = [METHOD_LABELS[self.method]]
        words += [f"σ = {self.sigma:g}"] if self.method in METHODS else []
        for name, value in self.settings:
            plain = f"{SETTING_LABELS.get(name, name.replace('_', ' '))} {value}"
            words.append(SETTING_LABELS.get(f"{name}={value}", plain))
        return ", ".join(words)

    @property
    def seeds(self) -> int:
        """Number of training seeds."""
        return int(self.rows[TRAINING_SEED].nunique())


def find_trainings(store: Store) -> list[Training]:
    """Read all records of a store and of its variants; seeds of one training are joined."""
    found: dict[tuple[str, float, tuple[tuple[str, str], ...]], list[pd.DataFrame]] = {}
    for label, folder in _folders(store):
        settings = dict(part.split("=", 1) for part in label.split(",") if "=" in part)
        seed = int(settings.pop(SEED, 0))
        for path in sorted((folder.folder / "records").glob("[!.]*.csv")):
            run = re.fullmatch(r"(.*)_s([\d.]+)", path.stem)
            if run is None or run[1] not in METHODS:
                continue
            for method, rows in scores.read(path).groupby("method", sort=False):
                sigma = float(run[2]) if method in METHODS else 0.0
                key = str(method), sigma, tuple(sorted(settings.items()))
                found.setdefault(key, []).append(rows.assign(**{TRAINING_SEED: seed}))
    keys = PAIR + [TRAINING_SEED, "scenario", "epsilon", "attack_steps", "attack_samples"]
    keys += ["attack_restarts", "sampling_rate", "consistency_rate", "n_steps", "n_samples"]
    return [
        # The zero-filled image goes with MoDL of every noise level.
        Training(*key, pd.concat(parts, ignore_index=True).drop_duplicates(keys))
        for key, parts in found.items()
    ]


def _folders(store: Store) -> Iterator[tuple[str, Store]]:
    yield "", store
    folder = store.folder / "variants"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_dir():
            yield path.name, Store(path)


def level_table(training: Training, columns: Mapping[str, Scenario], threat: str) -> pd.DataFrame:
    """Return clean PSNR, level under attack and damage of every slice that has both, in dB."""
    clean, attacked = (strongest_rows(training.rows, columns[name]) for name in ("clean", threat))
    return measure_damage(attacked, clean)


def summarize(rows: pd.DataFrame, value: str) -> Interval:
    """Return the mean of a column of `level_table`, with its interval over seeds and subjects."""
    mean, low, high = averages(rows.assign(all=0), value, by=["all"]).iloc[0][:3]
    return Interval(mean, low, high)


def pareto_front(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points than which no other has both more clean PSNR and a higher level, sorted."""
    front: list[tuple[float, float]] = []
    for clean, level in sorted(points, reverse=True):
        if not front or level > front[-1][1]:
            front.append((clean, level))
    return front[::-1]


def families(trainings: Iterable[Training]) -> dict[tuple[str, float, str], list[Training]]:
    """Group trainings that differ in one number alone: by method, noise, and the number's name.

    The training as the profile has it is of every family. Whether λ is learned goes with its value.
    """
    found: dict[tuple[str, float, str], list[Training]] = {}
    known = [(one, _knobs(one)) for one in trainings if one.method in METHODS]
    for knob in sorted({own[0] for _, own in known if own is not None and len(own) == 1}):
        for one, own in known:
            if own in ((), (knob,)):
                found.setdefault((one.method, one.sigma, knob), []).append(one)
    return {key: members for key, members in found.items() if len(members) > 1}


def _knobs(one: Training) -> tuple[str, ...] | None:
    """Return the names of the numbers that differ from the profile's; None for other changes."""
    numbers = [(name, value) for name, value in one.settings if name != "lam_learned"]
    is_number = all(re.fullmatch(r"[\d.e+-]+", value) for _, value in numbers)
    return tuple(name for name, _ in numbers) if is_number else None
