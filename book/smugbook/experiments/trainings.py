"""The poster's two trainings: the denoiser alone, then the unrolled network around it."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from smugbook.experiments.adversary import attack_examples
from smugbook.experiments.examples import Examples, split_of
from smugbook.profiles import Profile, use_graphs
from smuglib import checks, random
from smuglib.consistency import DataConsistency
from smuglib.consistency.step import Step
from smuglib.data import Scan
from smuglib.files import sha256
from smuglib.losses import finetuning_loss, pretraining_loss
from smuglib.methods import METHODS
from smuglib.metrics import psnr
from smuglib.models import Denoiser, Trace, UnrolledNetwork, denoisers, save_network
from smuglib.models.weights import load_denoiser_state, read_tensors
from smuglib.operators import SenseOperator
from smuglib.smoothing import Smoothing
from smuglib.training import Plan, Training, ranks
from smuglib.training.plan import Budget

EXPORTED = "network.safetensors"
"""Name of the file that a fine-tuning leaves for `smuglib.models.load_network`."""


def _plan(profile: Profile, updates: int, **settings: Any) -> Plan:  # noqa: ANN401
    return Plan(
        updates=updates,
        learning_rate=profile.learning_rate,
        clip_factor=profile.clip_factor,
        n_validations=profile.n_validations,
        precision=profile.precision,
        ema_decay=profile.ema_decay,
        settings={**profile.settings, **settings},
    )


def pretraining_plan(profile: Profile, sigma: float) -> Plan:
    """Return how `pretrain` trains."""
    return _plan(profile, profile.pretraining_updates, stage="pretrain", sigma=sigma)


def finetuning_plan(profile: Profile, method: str, sigma: float, start: Path | str | None) -> Plan:
    """Return how `finetune` trains; the weights that it starts from are named by their hash."""
    return _plan(
        profile,
        profile.updates,
        stage="finetune",
        method=method,
        sigma=sigma,
        start="fresh" if start is None else sha256(start),
    )


def pretrain(
    profile: Profile,
    sigma: float,
    folder: Path | str,
    *,
    device: str = "auto",
    budget: Budget | None = None,
) -> Path:
    """Pre-train a denoiser alone, ``min E_t E_ν ||D(t + ν) - t||^2`` (poster, "SMUG Training")."""
    checks.positive("sigma", sigma)
    where = checks.device("device", device)
    denoiser = denoisers.seeded(profile.architecture, profile.seed).to(where)
    denoiser.accelerate(graphs=use_graphs())
    examples = Examples(profile, profile.pretraining_batch, where)

    def loss(update: int) -> Tensor:
        noise = examples.noise("pretraining noise", update)
        return pretraining_loss(denoiser, examples(update)[2], sigma, generator=noise)

    def denoise(scan: Scan, noise: torch.Generator) -> Tensor:
        t = scan.target
        return denoiser(t + random.complex_normal(t.shape, sigma, noise, t))

    plan = pretraining_plan(profile, sigma)
    validate = _validation(profile, "pretraining validation", denoise, where)
    Training(denoiser, loss, validate, plan, folder, describe=examples.describe).run(budget)
    return Path(folder) / "best.safetensors"


LAM_RATE = 10.0
"""Learning rate of λ's parameter, in units of the weights': at theirs λ hardly leaves its start."""


class Weighted(nn.Module):
    """A denoiser and the λ that is trained with it: the softplus of a scaled parameter."""

    def __init__(self, denoiser: Denoiser, lam: float) -> None:
        super().__init__()
        self.denoiser = denoiser
        # Adam's steps are as long whatever the gradient is: the scale is the rate.
        raw = math.log(math.expm1(lam)) / LAM_RATE
        self.raw = nn.Parameter(torch.tensor(raw, dtype=torch.float32, device="cpu"))

    @property
    def lam(self) -> Tensor:
        """The weight of the denoised image in data consistency."""
        return functional.softplus(LAM_RATE * self.raw)


def finetune(
    profile: Profile,
    method: str,
    sigma: float,
    start: Path | str | None,
    folder: Path | str,
    *,
    device: str = "auto",
    budget: Budget | None = None,
    stops: Sequence[int] = (),
) -> Path:
    """Fine-tune an unrolled network around a pre-trained denoiser (poster, "SMUG Training").

    MoDL, RS-E2E and SMUGv0 minimize ``||x_N - t||^2``; SMUG adds the unrolled stability loss. After
    the updates ``stops`` the network is written as well, see `stop_path`.
    """
    checks.one_of("method", method, METHODS)
    checks.positive("sigma", sigma)
    where = checks.device("device", device)
    denoiser = denoisers.seeded(profile.architecture, profile.seed)
    denoiser.accelerate(graphs=use_graphs())
    if start is not None:
        load_denoiser_state(denoiser, read_tensors(start)[0], source=start)
    smoothing = Smoothing(METHODS[method], sigma, profile.n_samples)
    network = UnrolledNetwork(
        denoiser, n_steps=profile.n_steps, lam=profile.lam, smoothing=smoothing
    )
    network.to(where)
    weighted = Weighted(denoiser, profile.lam).to(where) if profile.lam_learned else None
    examples = Examples(profile, profile.batch, where)

    def step(A: SenseOperator) -> Step:
        return network.consistency_step(A) if weighted is None else DataConsistency(A, weighted.lam)

    def loss(update: int) -> Tensor:
        n_samples = profile.n_samples_training
        z, operator, target = examples(update)
        if profile.jitter:
            jitter = examples.noise("jitter", update)
            z = z + random.complex_normal(z.shape, profile.jitter, jitter, z)
        if profile.adversarial:
            with torch.no_grad():
                attacked = step(operator)
            z = attack_examples(
                network,
                attacked,
                z,
                target,
                epsilon=profile.adversarial,
                n_samples=n_samples,
                generator=examples.noise("adversary", update),
            )
        trace = Trace() if method == "smug" else None
        noise = examples.noise("fine-tuning noise", update)
        x = network(z, step(operator), generator=noise, n_samples=n_samples, trace=trace)
        return finetuning_loss(
            x,
            target,
            trace=trace,
            denoiser=denoiser,
            reconstruction_weight=profile.reconstruction_weight,
            reference=profile.reference,
        )

    def reconstruct(scan: Scan, noise: torch.Generator) -> Tensor:
        z, n_samples = scan.operator.adjoint(scan.kspace), profile.n_samples_training
        return network(z, step(scan.operator), generator=noise, n_samples=n_samples)

    plan = finetuning_plan(profile, method, sigma, start)
    validate = _validation(profile, "validation", reconstruct, where)
    trained = denoiser if weighted is None else weighted
    training = Training(
        trained, loss, validate, plan, folder, describe=examples.describe, snapshots=stops
    )
    training.run(budget)
    if ranks.is_first():
        _export_all(network, trained, Path(folder), stops, method=method, sigma=sigma)
    ranks.wait()
    return Path(folder) / EXPORTED


def stop_path(folder: Path, update: int) -> Path:
    """Return the file of the network that `finetune` had after some updates."""
    return folder / f"network_{update}.safetensors"


def _validation(
    profile: Profile,
    draw: str,
    reconstruct: Callable[[Scan, torch.Generator], Tensor],
    device: torch.device,
) -> Callable[[], float]:
    """Return what computes the mean PSNR in dB of validation slices, a share in each process."""
    dataset, n_scans = split_of(profile, "val"), profile.n_validation_used
    indices = [profile.n_validation // n_scans * k for k in range(n_scans)]
    number, n_processes = ranks.place()
    own = {k: dataset[indices[k]].to(device) for k in range(number, n_scans, n_processes)}

    def validate() -> float:
        scores = torch.zeros(n_scans, dtype=torch.float32, device=device)
        for k, scan in own.items():
            noise = random.generator(profile.seed, draw, k, device=device)
            scores[k] = psnr(reconstruct(scan, noise), scan.target)
        for index, score in zip(indices, ranks.total(scores).tolist(), strict=True):
            if not math.isfinite(score):
                raise FloatingPointError(f"the PSNR of val slice {index} is {score}")
        return scores.mean().item()

    return validate


def _export_all(
    network: UnrolledNetwork,
    trained: nn.Module,
    folder: Path,
    stops: Sequence[int],
    **made: Any,  # noqa: ANN401
) -> None:
    """Write the networks of the stops that a training was made with, and the best."""
    for stop in stops:
        if (left := folder / f"update_{stop}.safetensors").is_file():
            _export(network, trained, left, stop_path(folder, stop), **made)
    _export(network, trained, folder / "best.safetensors", folder / EXPORTED, **made)


def _export(
    network: UnrolledNetwork,
    trained: nn.Module,
    left: Path,
    path: Path,
    **made: Any,  # noqa: ANN401
) -> None:
    """Write weights that a training left as a file that `smuglib.models.load_network` reads."""
    tensors, header = read_tensors(left)
    trained.load_state_dict(tensors)
    if isinstance(trained, Weighted):
        network.lam = trained.lam.item()
    names = ("settings", "update", "validation_psnr")
    kept = {key: header[key] for key in names if key in header}
    save_network(path, network, dtype=torch.float16, **made, **kept)
