"""Where weights, logs and records of a profile lie: shipped, or just built.

Shipped weights lie with the library, all else that is shipped beside this package; a build has one
folder. The layout is the same: ``weights/<run>.safetensors``, ``logs/<run>.csv`` with its
``logs/<run>.json``, and ``records/<run>.csv``. A run is named by method and noise, such as
``smug_s0.05``; pre-trainings are ``pretrained_s0.05``.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from smugbook import profiles
from smugbook.paths import plain_name, project_root
from smugbook.results import tuning
from smuglib import checks, files
from smuglib.evaluation import Scenario, scores
from smuglib.files import replacing
from smuglib.methods import METHODS
from smuglib.models import TotalVariation, UnrolledNetwork, ZeroFilled, load_network
from smuglib.models.weights import SHIPPED as SHIPPED_WEIGHTS

SOURCES = ("shipped", "build")

SHIPPED = Path(__file__).parents[2] / "shipped"
"""Folder of the shipped records, a folder per profile; the weights lie with the library."""


def run_name(method: str, sigma: float) -> str:
    """Return the name of a run, such as ``smug_s0.05``."""
    checks.one_of("method", method, ("pretrained", *METHODS))
    return f"{method}_s{_level(sigma)}"


def _level(sigma: float) -> str:
    return files.numeral(checks.positive("sigma", sigma))


@dataclass(frozen=True)
class Store:
    """Weights, logs and records of one profile, each in a folder of that name."""

    folder: Path
    weights_folder: Path | None = None
    """Where the weights lie, if not in ``folder``: shipped ones lie with the library."""

    @classmethod
    def open(cls, profile: str, results: str = "shipped") -> Store:
        """Return the store of a profile."""
        name = profiles.get(profile).folder
        checks.one_of("results", results, SOURCES)
        if results == "shipped":
            return cls(SHIPPED / name, SHIPPED_WEIGHTS / name / "weights")
        return cls(project_root() / "build" / name)

    def variant(self, changes: Mapping[str, object]) -> Store:
        """Return the store of runs with other settings than the profile's, below this one.

        A run by hand with another learning rate then neither replaces a profile's result nor
        resumes from its checkpoints.
        """
        label = ",".join(f"{name}={changes[name]}" for name in sorted(changes))
        return self.named_variant(label, missing_ok=True)

    def named_variant(self, label: str, *, missing_ok: bool = False) -> Store:
        """Return the store of a variant by the name of its folder."""
        if not label:
            return self
        folder = self.folder / "variants"
        plain_name("variant", label)
        known = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
        if label not in known and not missing_ok:
            raise FileNotFoundError(
                f"no variant {label!r} in {folder}: there are {', '.join(known) or 'none'}"
            )
        weights = self.weights_folder
        beside = weights and weights.parent / "variants" / label / "weights"
        return Store(folder / label, beside)

    def weights(self, method: str, sigma: float) -> Path:
        """Return the path of a run's weights; ``method`` may be ``"pretrained"``."""
        folder = self.weights_folder or self.folder / "weights"
        return folder / f"{run_name(method, sigma)}.safetensors"

    def records(self, method: str, sigma: float) -> Path:
        """Return the path of a run's records."""
        return self.folder / "records" / f"{run_name(method, sigma)}.csv"

    def measurements(self, study: str, method: str, sigma: float) -> Path:
        """Return the path of what a study, such as ``"harm"``, measured of a run."""
        return self.folder / study / f"{run_name(method, sigma)}.csv"

    def departures(self, sigma: float) -> Path:
        """Return the path of the records of the published code's departures."""
        return self.folder / "records" / f"departures_s{_level(sigma)}.csv"

    @property
    def tuning(self) -> Path:
        """The path of the validation scores that chose the weights of total variation."""
        return tuning.tuning_path(self.folder)

    def reach(self, sigma: float) -> Path:
        """Return the path of what `smugbook.experiments.range_space` measured."""
        return self.folder / "reach" / f"reach_s{_level(sigma)}.csv"

    def explorer(self, sigma: float) -> Path:
        """Return the path of the static explorer's records; its images lie beside it."""
        return self.folder / "explorer" / f"s{_level(sigma)}" / "explorer.csv"

    def log(self, method: str, sigma: float) -> Path:
        """Return the path of a run's training log; its provenance lies beside it as JSON."""
        return self.folder / "logs" / f"{run_name(method, sigma)}.csv"

    def checkpoints(self, method: str, sigma: float, code: str) -> Path:
        """Return the folder where a run keeps what it needs to resume.

        ``code`` is a hash of the sources that the run depends on: what other code left behind is
        not resumed from.
        """
        return self.folder / "checkpoints" / f"{run_name(method, sigma)}-{code[:12]}"

    def load(self, method: str, sigma: float) -> UnrolledNetwork:
        """Load a trained network, in evaluation mode on the CPU."""
        network = load_network(self.weights(method, sigma))[0]
        network.denoiser.accelerate(graphs=profiles.use_graphs())  # type: ignore[operator]
        return network

    def read_log(self, method: str, sigma: float) -> pd.DataFrame:
        """Read a training log: update, learning rate, loss, validation PSNR in dB, seconds."""
        path = self.log(method, sigma)
        if not path.is_file():
            raise FileNotFoundError(
                f"no training log {path}: has {run_name(method, sigma)} been trained?"
            )
        content = files.read_text_bytes(path)
        # The shipped logs are older than their hash.
        written = self.read_provenance(method, sigma).get("log_sha256")
        if written not in (None, hashlib.sha256(content).hexdigest()):
            raise files.UnreadableFileError(path, files.DAMAGED)
        return pd.read_csv(io.BytesIO(content))

    def read_provenance(self, method: str, sigma: float) -> dict[str, Any]:
        """Read how a run was trained: settings, commit, versions, device, time."""
        path = self.log(method, sigma).with_suffix(".json")
        provenance = files.read_json(path)
        # The shipped ones name no weights.
        named = provenance.get("weights_sha256")
        if named is not None and named != files.sha256(self.weights(method, sigma)):
            raise files.UnreadableFileError(path, "it is of other weights: train again")
        return provenance

    def keep(self, method: str, sigma: float, weights: Path) -> Path:
        """Copy a finished training's weights, log and provenance from its checkpoints here.

        All are copied before one is renamed. The provenance comes last, and tells by its hashes
        whether a crash between left one of the others; the next training to end mends it.
        """
        target = self.weights(method, sigma)
        provenance = files.read_json(weights.parent / "provenance.json")
        provenance["weights_sha256"] = files.sha256(weights)
        log = self.log(method, sigma)
        # The last that is entered is the first to be renamed.
        with ExitStack() as copies:
            told = copies.enter_context(replacing(log.with_suffix(".json")))
            told.write_bytes(files.sealed_json(provenance))
            for source, place in ((weights.parent / "log.csv", log), (weights, target)):
                shutil.copyfile(source, copies.enter_context(replacing(place)))
        return target


def read_block(store: Store, sigma: float, methods: Sequence[str] = tuple(METHODS)) -> pd.DataFrame:
    """Read the records of all methods of a noise level; the zero-filled come with MoDL's."""
    frames = [scores.read(store.records(method, sigma)) for method in methods]
    return pd.concat(frames, ignore_index=True)


def recorded_levels(store: Store, sigmas: Sequence[float]) -> list[float]:
    """Return the noise levels of which all methods have records; without any, all asked for."""
    whole = [s for s in sigmas if all(store.records(name, s).is_file() for name in METHODS)]
    return whole or list(sigmas)


Method = UnrolledNetwork | ZeroFilled | TotalVariation

BASELINES: dict[str, Callable[[], Method]] = {
    "zero_filled": ZeroFilled,
    "tv": TotalVariation,
    tuning.TUNED: TotalVariation,
}
"""Methods without trained weights."""


def network(store: Store, method: str, sigma: float, scenario: Scenario | None = None) -> Method:
    """Load a method, or make a baseline, on the CPU and in evaluation mode.

    Total variation has the weight that was chosen for clean scans, if one was; or, as a method of
    its own, for the scenario.
    """
    checks.one_of("method", method, (*BASELINES, *METHODS))
    if method in METHODS:
        return store.load(method, sigma)
    chosen = tuning.choose_weights(tuning.read_candidates(store.tuning))
    if method == "zero_filled" or not chosen:
        return BASELINES[method]().eval()
    case = scenario if method == tuning.TUNED else None
    return TotalVariation(tuning.weight_for(chosen, case)).eval()


def weights_hash(store: Store, method: str, sigma: float) -> str:
    """Return the hash of a method's weights file, or of what tuned it; ``"none"`` for neither."""
    is_tuned = method not in (*METHODS, "zero_filled") and store.tuning.is_file()
    path = store.weights(method, sigma) if method in METHODS else store.tuning
    return files.sha256(path) if method in METHODS or is_tuned else "none"
