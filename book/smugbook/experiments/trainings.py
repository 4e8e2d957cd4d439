"""The poster's two trainings: the denoiser alone, then the unrolled network around it."""

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from cachetools import LRUCache, cached
from torch import Tensor, nn
from torch.nn import functional

from smugbook.profiles import Profile, use_graphs
from smugbook.results.scans import dataset_of
from smuglib import checks, random
from smuglib.consistency import DataConsistency
from smuglib.consistency.step import Step
from smuglib.data import Scan
from smuglib.data.slices import Slices
from smuglib.files import sha256
from smuglib.losses import finetuning_loss, pretraining_loss
from smuglib.methods import METHODS
from smuglib.metrics import psnr
from smuglib.models import Denoiser, Trace, UnrolledNetwork, denoisers, save_network
from smuglib.models.weights import load_denoiser_state, read_tensors
from smuglib.operators import SenseOperator
from smuglib.random import Source
from smuglib.smoothing import Smoothing
from smuglib.training import Plan, Training, ranks
from smuglib.training.plan import Budget

Example = tuple[Tensor, SenseOperator, Tensor]
"""Zero-filled image ``[batch, height, width]``, operator, and target of the same shape."""

MAX_BYTES = 2**30
"""Most memory for the slices that a training keeps on its device, 800 of 128 x 128 with 8 coils."""

EXPORTED = "network.safetensors"
"""Name of the file that a fine-tuning leaves for `smuglib.models.load_network`."""


class Examples:
    """Training examples of a profile, by number of the update; every epoch has a fresh order.

    An update sees the same random rows of all its slices: with a 1-D mask the image rows decouple
    in data consistency, so that a strip's operator and zero-filled image are exact. Of several
    processes each has its share of every batch, and of the noise that is drawn for all of it.
    """

    def __init__(self, profile: Profile, batch: int, device: torch.device) -> None:
        self._profile, self._batch, self._device = profile, batch, device
        self._share = ranks.share(batch)
        self._kept: LRUCache[Any, Example] = LRUCache(
            MAX_BYTES, getsizeof=lambda one: 2 * one[0].nbytes + one[1].maps.nbytes
        )
        self._whole = cached(self._kept)(self._load)
        # A batch may straddle two epochs.
        self._order = lru_cache(maxsize=2)(self._drawn_order)

    def __call__(self, update: int) -> Example:
        """Return the examples of an update."""
        profile = self._profile
        own = self._positions(update)[self._share]
        whole = [self._whole(self._index(position)) for position in own]
        room = profile.height - profile.strip_height + 1
        top = torch.randint(
            room, (), generator=random.generator(profile.seed, "strip", update)
        ).item()
        rows = slice(top, top + profile.strip_height)
        z, operators, targets = zip(*whole, strict=True)
        operator = SenseOperator.of_parts(
            torch.cat([A.maps for A in operators])[:, :, rows],
            torch.cat([A.mask for A in operators]),
            max(A.norm_bound for A in operators),
        )
        return torch.cat(z)[:, rows], operator, torch.cat(targets)[:, rows]

    def describe(self, update: int) -> str:
        """Name the slices of an update, for messages."""
        indices = [str(self._index(position)) for position in self._positions(update)]
        return "train slices " + ", ".join(indices)

    def noise(self, name: str, update: int) -> Source:
        """Return what draws the noise of an update's examples."""
        whole = random.generator(self._profile.seed, name, update, device=self._device)
        return ranks.Share(whole, self._batch, self._share)

    def _positions(self, update: int) -> range:
        return range(update * self._batch, (update + 1) * self._batch)

    def _index(self, position: int) -> int:
        epoch, offset = divmod(position, self._profile.n_train)
        return self._order(epoch)[offset]

    def _drawn_order(self, epoch: int) -> list[int]:
        generator = random.generator(self._profile.seed, "order", epoch)
        order: list[int] = torch.randperm(self._profile.n_train, generator=generator).tolist()
        return order

    def _load(self, index: int) -> Example:
        scan = _dataset(self._profile, "train")[index].to(self._device)
        return scan.operator.adjoint(scan.kspace), scan.operator, scan.target


@cache
def _dataset(profile: Profile, split: str) -> Slices:
    """Return a split, simulated once for all trainings of a process."""
    n_slices = {"train": profile.n_train, "val": profile.n_validation}[split]
    return dataset_of(profile, split, n_slices)


def _plan(profile: Profile, updates: int, **settings: Any) -> Plan:  # noqa: ANN401
    return Plan(
        updates=updates,
        learning_rate=profile.learning_rate,
        clip_factor=profile.clip_factor,
        n_validations=profile.n_validations,
        precision=profile.precision,
        ema_decay=profile.ema_decay,
        settings={**asdict(profile), **settings},
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


class Weighted(nn.Module):
    """A denoiser and the λ that is trained with it: the softplus of a parameter."""

    def __init__(self, denoiser: Denoiser, lam: float) -> None:
        super().__init__()
        self.denoiser = denoiser
        raw = math.log(math.expm1(lam))
        self.raw = nn.Parameter(torch.tensor(raw, dtype=torch.float32, device="cpu"))

    @property
    def lam(self) -> Tensor:
        """The weight of the denoised image in data consistency."""
        return functional.softplus(self.raw)


def finetune(
    profile: Profile,
    method: str,
    sigma: float,
    start: Path | str | None,
    folder: Path | str,
    *,
    device: str = "auto",
    budget: Budget | None = None,
) -> Path:
    """Fine-tune an unrolled network around a pre-trained denoiser (poster, "SMUG Training").

    MoDL, RS-E2E and SMUGv0 minimize ``||x_N - t||^2``; SMUG adds the unrolled stability loss.
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
        z, operator, target = examples(update)
        if profile.jitter:
            jitter = examples.noise("jitter", update)
            z = z + random.complex_normal(z.shape, profile.jitter, jitter, z)
        trace = Trace() if method == "smug" else None
        noise = examples.noise("fine-tuning noise", update)
        n_samples = profile.n_samples_training
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
    Training(trained, loss, validate, plan, folder, describe=examples.describe).run(budget)
    if ranks.is_first():
        _export(network, trained, Path(folder), method=method, sigma=sigma)
    ranks.wait()
    return Path(folder) / EXPORTED


def _validation(
    profile: Profile,
    draw: str,
    reconstruct: Callable[[Scan, torch.Generator], Tensor],
    device: torch.device,
) -> Callable[[], float]:
    """Return what computes the mean PSNR in dB of validation slices, a share in each process."""
    dataset, n_scans = _dataset(profile, "val"), profile.n_validation_used
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


def _export(
    network: UnrolledNetwork, trained: nn.Module, folder: Path, *, method: str, sigma: float
) -> Path:
    """Write the best weights as a network file that `smuglib.models.load_network` reads."""
    tensors, header = read_tensors(folder / "best.safetensors")
    trained.load_state_dict(tensors)
    if isinstance(trained, Weighted):
        network.lam = trained.lam.item()
    path = folder / EXPORTED
    kept = {key: header[key] for key in ("settings", "update", "validation_psnr")}
    save_network(path, network, method=method, sigma=sigma, **kept)
    return path
