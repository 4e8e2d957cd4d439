"""The trainings of the steps' pages: from a profile to weights, log and provenance in its store."""

from pathlib import Path

from smugbook.experiments import trainings
from smugbook.profiles import Profile
from smugbook.results import Store, sources
from smuglib.training import ranks
from smuglib.training.plan import Budget


def checkpoints(store: Store, method: str, sigma: float) -> Path:
    """Return the folder that a training of the present code resumes from."""
    code = sources.own_hash("smugbook.experiments.trainings")
    return store.checkpoints(method, sigma, code)


def pretrained_weights(
    profile: str, sigma: float, results: str = "build", *, seed: int | None = None
) -> Path:
    """Return the path of the denoiser that fine-tuning starts from, of another seed if given."""
    store = Store.open(profile, results).variant({} if seed is None else {"seed": seed})
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
    run = settings, method, sigma, start, checkpoints(store, method, sigma)
    return _keep(store, method, sigma, trainings.finetune(*run, device=device, budget=budget))


def _keep(store: Store, method: str, sigma: float, weights: Path) -> Path:
    """Let the first of several processes keep what they trained."""
    if ranks.is_first():
        store.keep(method, sigma, weights)
    ranks.wait()
    return store.weights(method, sigma)
