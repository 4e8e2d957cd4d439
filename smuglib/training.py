"""The training loop: schedule, validation, checkpoints, exact resume and a log.

Nothing random lives in the loop: a loss derives its data order and its noise from the update's
number, so an interrupted and resumed training gives bitwise the weights of one that was not.
"""

from __future__ import annotations

import csv
import io
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smuglib import checks, files, provenance
from smuglib.checks import require
from smuglib.models import precision
from smuglib.models.weights import read_tensors, save_tensors

WARM_UP = 0.1
"""Fraction of the updates in which the learning rate rises to its peak."""

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
        Return the loss of an update from its number alone, and the validation PSNR in dB.
    folder
        Where ``state.safetensors`` (for resume), ``log.csv``, ``best.safetensors`` and
        ``last.safetensors`` (bare weights) and ``provenance.json`` are kept.
    """

    def __init__(
        self,
        network: nn.Module,
        loss: Callable[[int], Tensor],
        validate: Callable[[], float],
        plan: Plan,
        folder: Path | str,
    ) -> None:
        self.network = network
        self.plan = plan
        self.folder = Path(folder)
        self._loss, self._validate = loss, validate
        self._optimizer = torch.optim.Adam(network.parameters(), betas=(0.5, 0.999))
        self._update = 0
        self._best = -math.inf
        self._seconds = 0.0
        self._norm: float | None = None
        self._losses: list[float] = []
        self._log: list[dict[str, float]] = []
        if self._state_path.is_file():
            self._resume()

    @property
    def _state_path(self) -> Path:
        return self.folder / "state.safetensors"

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device

    def run(self) -> list[dict[str, float]]:
        """Train to the end of the plan, from wherever the folder's state stands; return the log.

        It has a row per validation: update, learning rate, mean loss since the last row, validation
        PSNR in dB, seconds of training so far.

        Raises
        ------
        RuntimeError
            If the loss is no longer finite.
        """
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
        return self._log

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
            raise RuntimeError(f"the loss became {value} at update {update} of {self.folder.name}")
        loss.backward()
        self._clip()
        self._optimizer.step()
        return value

    def _clip(self) -> None:
        """Bound the gradient by a multiple of the running mean of its bounded norms."""
        bound = math.inf if self._norm is None else self.plan.clip_factor * self._norm
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), bound).item()
        bounded = min(norm, bound)
        past = bounded if self._norm is None else self._norm
        self._norm = NORM_MEMORY * past + (1 - NORM_MEMORY) * bounded

    def _checkpoint(self) -> None:
        self.network.eval()
        with torch.no_grad():
            psnr = self._validate()
        row = {
            "update": self._update,
            "learning_rate": self._optimizer.param_groups[0]["lr"],
            "loss": sum(self._losses) / len(self._losses),
            "validation_psnr": psnr,
            "seconds": round(self._seconds, 1),
        }
        self._losses.clear()
        self._log.append(row)
        tensors = dict(self.network.state_dict())
        header = {**asdict(self.plan), "update": self._update, "validation_psnr": psnr}
        if psnr > self._best:
            self._best = psnr
            save_tensors(self.folder / "best.safetensors", tensors, header)
        save_tensors(self.folder / "last.safetensors", tensors, header)
        self._write_log()
        described = {
            **asdict(self.plan),
            **provenance.describe(self._device),
            "best_psnr": self._best,
        }
        files.write_json(self.folder / "provenance.json", described)
        self._save_state()

    def _write_log(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(self._log[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._log)
        files.write_text(self.folder / "log.csv", text.getvalue())

    def _save_state(self) -> None:
        tensors = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for index, moments in self._optimizer.state_dict()["state"].items():
            tensors.update({f"adam.{index}.{name}": value for name, value in moments.items()})
        header = {
            "plan": asdict(self.plan),
            "update": self._update,
            "best": self._best,
            "seconds": self._seconds,
            "norm": self._norm,
            "log": self._log,
        }
        save_tensors(self._state_path, tensors, header)

    def _resume(self) -> None:
        tensors, header = read_tensors(self._state_path)
        if header["plan"] != asdict(self.plan):
            raise ValueError(
                f"{self._state_path} belongs to a training with other settings, "
                f"{header['plan']}; remove the folder or ask for {asdict(self.plan)}"
            )
        self.network.load_state_dict(
            {
                name.removeprefix("network."): value
                for name, value in tensors.items()
                if name.startswith("network.")
            }
        )
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            if name.startswith("adam."):
                _, index, moment = name.split(".")
                moments.setdefault(int(index), {})[moment] = value
        state = self._optimizer.state_dict()
        self._optimizer.load_state_dict({**state, "state": moments})
        self._update, self._best = header["update"], header["best"]
        self._seconds, self._norm, self._log = header["seconds"], header["norm"], header["log"]
