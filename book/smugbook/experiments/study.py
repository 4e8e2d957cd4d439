"""Studies that measure networks slice by slice: computing them, keeping them, checking them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pandas as pd
import torch

from smugbook.experiments import measurements
from smugbook.experiments.harm import LesionStudy
from smugbook.experiments.stability import StabilityStudy
from smugbook.experiments.transfer import TransferStudy
from smugbook.profiles import Profile
from smugbook.results import scans, sources, store
from smugbook.results.recheck import Recompute
from smugbook.results.store import Store
from smuglib import checks, provenance
from smuglib.evaluation import Measurement, records
from smuglib.models import UnrolledNetwork
from smuglib.models.precision import tf32

Study = LesionStudy | StabilityStudy | TransferStudy

STUDIES: dict[str, type[Study]] = {
    "harm": LesionStudy,
    "stability": StabilityStudy,
    "transfer": TransferStudy,
}
"""Kinds of studies, by the name of the folder that keeps their measurements."""


@dataclass(frozen=True)
class Run:
    """One method, measured by one study: weights from one store, measurements to another."""

    study: Study
    method: str
    sigma: float
    weights: Store
    output: Store
    profile: Profile

    @property
    def name(self) -> str:
        """Name of the study, of `STUDIES`."""
        return next(name for name, kind in STUDIES.items() if isinstance(self.study, kind))

    @property
    def path(self) -> Path:
        """The file of its measurements."""
        return self.output.measurements(self.name, self.method, self.sigma)

    def networks(self, device: torch.device) -> list[UnrolledNetwork]:
        """Load the network that is measured, and the companions that its study asks for."""
        names = (self.method, *self.study.companions)
        return [self.weights.load(name, self.sigma).to(device) for name in names]

    def hashes(self) -> dict[str, str]:
        """Return the hash of the weights that are measured, and one of its companions', if any."""
        companions = [
            store.weights_hash(self.weights, name, self.sigma) for name in self.study.companions
        ]
        joined = hashlib.sha256("".join(companions).encode()).hexdigest()
        own = {"weights_sha256": store.weights_hash(self.weights, self.method, self.sigma)}
        return {**own, "companions_sha256": joined} if companions else own

    def compute(self, n_slices: int, *, device: torch.device, progress: bool = True) -> Path:
        """Measure the first test slices and write the rows; an interrupted run resumes.

        More slices that the same code, weights and settings have measured before are kept.
        """
        if checks.integer("n_slices", n_slices) > self.profile.n_test:
            raise ValueError(f"n_slices must be <= n_test {self.profile.n_test}, got {n_slices}")
        net, *companions = self.networks(device)
        module = type(self.study).__module__
        made = {
            "study": self.name,
            "profile": self.profile.name,
            "settings": asdict(self.study),
            **self.hashes(),
            "code": sources.library_hash(module, "smuglib.data"),
        }
        key = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()
        with tf32(False):
            found = measurements.measure_slices(
                self.study.measure(net, *companions),
                (scans.scan_of(self.profile, index).to(device) for index in range(n_slices)),
                self.study.scenarios(net),
                method=self.method,
                training_sigma=self.sigma,
                seed=self.study.seed,
                partial=self.output.checkpoints(self.method, self.sigma, key) / f"{self.name}.csv",
                progress=progress,
            )
        records.write(self.path, found, Measurement, {**made, **provenance.describe(device)})
        return self.path


def read_study(
    name: str, store: Store, methods: Sequence[str], sigma: float
) -> tuple[pd.DataFrame, Study]:
    """Read the measurements of several methods, and the settings that they share."""
    kind = STUDIES[checks.one_of("study", name, STUDIES)]
    if not methods:
        raise ValueError("methods must hold at least one, got none")
    paths = [store.measurements(name, method, sigma) for method in methods]
    frames = [records.read(path, Measurement) for path in paths]
    first, *others = [records.read_provenance(path)["settings"] for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        if other != first:
            raise ValueError(f"{path} was measured with other settings than {paths[0]}")
    return pd.concat(frames, ignore_index=True), kind(**first)


def study_recomputer(study: Study, store: Store, profile: Profile) -> Recompute:
    """Return what measures a method anew, for `smugbook.results.recheck.recheck_measurements`."""

    def measure(drawn: pd.DataFrame) -> list[Measurement]:
        first = records.rows_of(drawn.head(1), Measurement)[0]
        method, sigma = first.method, first.training_sigma
        run = Run(study, method, sigma, store, store, profile)
        made = records.read_provenance(run.path)
        changed = [name for name, found in run.hashes().items() if made.get(name) != found]
        if changed:
            own = "weights_sha256" in changed
            names = (method,) if own else study.companions
            paths = " or ".join(str(store.weights(name, sigma)) for name in names)
            raise RuntimeError(f"{run.path} was not measured with the weights {paths}")
        net, *companions = run.networks(torch.device("cpu"))
        return measurements.measure_slice(
            study.measure(net, *companions),
            scans.scan_of(profile, first.slice),
            first.scenario,
            method=method,
            training_sigma=sigma,
            seed=study.seed,
        )

    return measure
