"""The training loop: schedule, validation, checkpoints, exact resume and a log.

Nothing random lives in the loop: a loss derives its data order and its noise from the update's
number, so an interrupted and resumed training gives bitwise the weights of one that was not. The
state holds all that a training leaves, twice: what is damaged is written again from it.
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smuglib import checks, files, provenance
from smuglib.checks import require
from smuglib.models import precision
from smuglib.models.weights import packed
from smuglib.training.checkpoints import Checkpoints

WARM_UP = 0.1
"""Fraction of the updates in which the learning rate rises to its peak."""

COLUMNS = ("update", "learning_rate", "loss", "validation_psnr", "seconds")
"""What a row of the log has, in the order of the file."""

NORM_MEMORY = 0.98
"""Weight of the past in the running mean of gradient norms, about 50 updates."""


@dataclass(frozen=True)
class Plan:
    """How one network is trained.

    Parameters
    ----------
    updates, learning_rate
        Optimizer updates, and the peak of their one-cycle schedule.
    clip_factor
        Largest norm of an update's gradient, in units of its running mean. Relative, because
        the poster's losses differ in scale by an order of magnitude between methods.
    n_validations
        Validations, evenly spread; each also writes a checkpoint.
    precision
        Of the convolutions: ``"float32"``, ``"bfloat16"`` (autocast), or ``"tf32"`` (on CUDA).
    settings
        Everything else that defines the run: kept with its results, and compared on resume.
    """

    updates: int
    learning_rate: float
    clip_factor: float
    n_validations: int
    precision: str = "float32"
    settings: dict[str, Any] = field(default_factory=dict)


def one_cycle(update: int, total: int, peak: float) -> float:
    """Return an update's learning rate: a linear rise to the peak, then a cosine fall to zero.

    Examples
    --------
    >>> [round(one_cycle(update, 20, 1.0), 2) for update in (0, 1, 10, 19)]
    [0.5, 1.0, 0.54, 0.01]
    """
    update, total = checks.integer("update", update, minimum=0), checks.integer("total", total)
    peak = checks.positive("peak", peak)
    rise = max(1, round(WARM_UP * total))
    if update < rise:
        return peak * (update + 1) / rise
    return peak * 0.5 * (1 + math.cos(math.pi * (update - rise + 1) / (total - rise + 1)))


class Training:
    """One resumable training of a network, on its device.

    Parameters
    ----------
    loss, validate
        Return the loss of an update from its number alone, and the validation PSNR in dB. A
        FloatingPointError of ``validate`` says which slice's is not finite.
    folder
        Where ``state.safetensors`` (for resume) and the one before it, ``log.csv``,
        ``best.safetensors`` and ``last.safetensors`` (bare weights) and ``provenance.json`` are
        kept.
    describe
        Names in an error what an update is made from, such as its slices.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[int], Tensor],
        validate: Callable[[], float],
        plan: Plan,
        folder: Path | str,
        *,
        describe: Callable[[int], str] | None = None,
    ) -> None:
        self.network = network
        self.plan = plan
        self.folder = Path(folder)
        self._checkpoints = Checkpoints(folder)
        self._loss, self._validate, self._describe = loss, validate, describe
        self._optimizer = torch.optim.Adam(network.parameters(), betas=(0.5, 0.999))
        self._update = 0
        self._seconds = 0.0
        self._norm: float | None = None
        self._losses: list[float] = []
        self._log: list[dict[str, float]] = []
        self._best: dict[str, Tensor] = {}
        self._made: dict[str, object] = {}

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def run(self) -> list[dict[str, float]]:
        """Train to the end of the plan, from wherever the folder's state stands; return the log.

        It has a row per validation: update, learning rate, mean loss since the last row, validation
        PSNR in dB, seconds of training so far. Another training in the folder is waited for.

        Raises
        ------
        RuntimeError
            If loss, gradient, weights or validation PSNR are no longer finite.
        ValueError
            If the folder's state is of another plan.
        """
        with self._checkpoints.locked():
            self._resume()
            self._train()
        return self._log

    def _train(self) -> None:
        marks = {
            round(k * self.plan.updates / self.plan.n_validations)
            for k in range(1, self.plan.n_validations + 1)
        }
        started = time.monotonic() - self._seconds
        tqdm = require("tqdm", extra="evaluation", what="trainings")
        bar = tqdm.tqdm(
            total=self.plan.updates, initial=self._update, desc=self.folder.name, unit="update"
        )
        with bar, precision.tf32(self.plan.precision == "tf32"):
            while self._update < self.plan.updates:
                self._losses.append(self._step(self._update))
                self._update += 1
                bar.update()
                if self._update in marks:
                    self._seconds = time.monotonic() - started
                    self._checkpoint()
                    bar.set_postfix(psnr=f"{self._log[-1]['validation_psnr']:.2f} dB")

    def _step(self, update: int) -> float:
        self.network.train()
        rate = one_cycle(update, self.plan.updates, self.plan.learning_rate)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._optimizer.zero_grad(set_to_none=True)
        with precision.autocast(self.plan.precision, self._device.type):
            loss = self._loss(update)
        value = loss.item()
        if not math.isfinite(value):
            raise RuntimeError(f"the loss became {value} at {self._named(update)}")
        loss.backward()
        self._clip(update)
        self._optimizer.step()
        return value

    def _named(self, update: int) -> str:
        made_from = f" ({self._describe(update)})" if self._describe else ""
        return f"update {update} of {self.folder.name}{made_from}"

    def _clip(self, update: int) -> None:
        """Bound the gradient by a multiple of the running mean of its bounded norms."""
        named = dict(self.network.named_parameters())
        gradients = {name: p.grad for name, p in named.items() if p.grad is not None}
        total = nn.utils.get_total_norm(list(gradients.values()))
        norm = total.item()
        if not math.isfinite(norm):
            name = _not_finite(gradients) or "all parameters, together,"
            raise RuntimeError(f"the gradient of {name} is not finite at {self._named(update)}")
        bound = math.inf if self._norm is None else self.plan.clip_factor * self._norm
        nn.utils.clip_grads_with_norm_(named.values(), bound, total)
        bounded = min(norm, bound)
        past = bounded if self._norm is None else self._norm
        self._norm = NORM_MEMORY * past + (1 - NORM_MEMORY) * bounded

    def _checkpoint(self) -> None:
        self.network.eval()
        state = self.network.state_dict()
        broken = _not_finite(state)
        if broken:
            raise RuntimeError(f"{broken} is not finite after {self._named(self._update - 1)}")
        with torch.no_grad():
            psnr = self._validated()
        row = {
            "update": self._update,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "loss": sum(self._losses) / len(self._losses),
            "validation_psnr": psnr,
            "seconds": round(self._seconds, 1),
        }
        self._losses.clear()
        self._log.append(row)
        if self._best_row is row:
            self._best = {name: value.detach().cpu().clone() for name, value in state.items()}
        self._made = provenance.describe(self._device)
        self._save_state()
        self._checkpoints.write(self._results())

    def _validated(self) -> float:
        try:
            psnr = self._validate()
            if not math.isfinite(psnr):
                raise FloatingPointError(f"the validation PSNR is {psnr}")
        except FloatingPointError as error:
            raise RuntimeError(f"{error} after {self._named(self._update - 1)}") from error
        return psnr

    @property
    def _best_row(self) -> dict[str, float]:
        """The log's first row of the highest validation PSNR."""
        return max(self._log, key=lambda row: row["validation_psnr"])

    def _results(self) -> dict[str, bytes]:
        """Return the contents of the files beside the state, which holds all that is in them."""
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._log)
        log = text.getvalue().encode()
        plan, best = asdict(self.plan), self._best_row
        best_psnr, log_sha256 = best["validation_psnr"], hashlib.sha256(log).hexdigest()
        described = {**plan, **self._made, "best_psnr": best_psnr, "log_sha256": log_sha256}
        kept = {"best": (self._best, best), "last": (self.network.state_dict(), self._log[-1])}
        weights = {
            f"{name}.safetensors": packed(
                tensors, {**plan, **{key: row[key] for key in ("update", "validation_psnr")}}
            )
            for name, (tensors, row) in kept.items()
        }
        return {**weights, "log.csv": log, "provenance.json": files.sealed_json(described)}

    def _save_state(self) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        tensors.update({f"best.{name}": value for name, value in self._best.items()})
        for index, moments in self._optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": value for name, value in moments.items()})
        header = {
            "plan": asdict(self.plan),
            "update": self._update,
            "seconds": self._seconds,
            "norm": self._norm,
            "log": self._log,
            "made": self._made,
        }
        self._checkpoints.save(tensors, header)

    def _resume(self) -> None:
        state = self._checkpoints.load()
        if state is None:
            return
        tensors, header = state
        if header["plan"] != asdict(self.plan):
            raise ValueError(
                f"{self.folder} belongs to a training with other settings, "
                f"{header['plan']}; remove the folder or ask for {asdict(self.plan)}"
            )
        self.network.load_state_dict(_below("network", tensors))
        self._best = _below("best", tensors)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _below("adam", tensors).items():
            index, moment = name.split(".")
            moments.setdefault(int(index), {})[moment] = value
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        self._update, self._seconds = header["update"], header["seconds"]
        self._norm, self._log, self._made = header["norm"], header["log"], header["made"]
        self._losses.clear()
        self._checkpoints.heal(self._results())


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors whose names begin with a prefix and a dot, without these."""
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def _not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a NaN or an infinity."""
    return next((name for name, value in tensors.items() if not value.isfinite().all()), None)
