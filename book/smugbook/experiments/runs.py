"""The trainings of the steps' pages: from a profile to weights, log and provenance in its store."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smugbook import profiles
from smugbook.experiments import trainings
from smugbook.profiles import Profile
from smugbook.results import Store, sources
from smuglib.files import write_bytes
from smuglib.training import ranks
from smuglib.training.plan import Budget

BEFORE = ("seed", "channels")
"""Changes of a fine-tuning that its pre-training has, too."""

STOPPED = "stopped"
"""What names the variants of early stops, by their fraction of the updates."""


def checkpoints(store: Store, method: str, sigma: float) -> Path:
    """Return the folder that a training of the present code resumes from."""
    code = sources.own_hash("smugbook.experiments.trainings")
    return store.checkpoints(method, sigma, code)


def pretraining_changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the pre-training knows of the changes of a fine-tuning."""
    return {name: value for name, value in changes.items() if name in BEFORE}


def pretrained_weights(
    profile: str, sigma: float, results: str = "build", *, changes: Mapping[str, Any] | None = None
) -> Path:
    """Return the path of the denoiser that a fine-tuning with some changes starts from."""
    store = Store.open(profile, results).variant(pretraining_changes(changes or {}))
    return store.weights("pretrained", sigma)


def train_denoiser(
    store: Store,
    settings: Profile,
    sigma: float,
    *,
    device: str = "auto",
    budget: Budget | None = None,
) -> Path:
    """Pre-train a denoiser, or go on with it; return the path of its weights in the store."""
    folder = checkpoints(store, "pretrained", sigma)
    best = trainings.pretrain(settings, sigma, folder, device=device, budget=budget)
    return _keep(store, "pretrained", sigma, best)


def train_network(
    store: Store,
    settings: Profile,
    method: str,
    sigma: float,
    start: Path | None,
    *,
    device: str = "auto",
    budget: Budget | None = None,
) -> Path:
    """Fine-tune a network, or go on with it; return the path of its weights in the store."""
    folder = checkpoints(store, method, sigma)
    is_plain = start is not None and settings == profiles.get(settings.name)
    stops = settings.snapshots() if is_plain else {}
    best = trainings.finetune(
        settings,
        method,
        sigma,
        start,
        folder,
        device=device,
        budget=budget,
        stops=sorted({*stops.values()}),
    )
    if ranks.is_first():
        keep_stops(store, method, sigma, folder, stops)
    return _keep(store, method, sigma, best)


def keep_stops(
    store: Store, method: str, sigma: float, folder: Path, stops: Mapping[float, int]
) -> None:
    """Copy the networks that a training left on its way, of those that it left, to a store."""
    for fraction, update in stops.items():
        left = trainings.stop_path(folder, update)
        if left.is_file():
            kept = store.variant({STOPPED: fraction}).weights(method, sigma)
            write_bytes(kept, left.read_bytes())


def _keep(store: Store, method: str, sigma: float, weights: Path) -> Path:
    """Let the first of several processes keep what they trained."""
    if ranks.is_first():
        store.keep(method, sigma, weights)
    ranks.wait()
    return store.weights(method, sigma)
