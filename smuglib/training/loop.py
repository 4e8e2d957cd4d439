"""The training loop: schedule, validation, checkpoints, exact resume and a log.

Nothing random lives in the loop: a loss derives its data order and its noise from the update's
number, so an interrupted and resumed training gives bitwise the weights of one that was not. The
state holds all that a training leaves, twice: what is damaged is written again from it.

A loss or gradient that is not finite sends the training back to its last state, with half the
learning rate. On a GPU the numbers are read, and it is waited for, every `READ_EVERY` updates.
"""

import math
import time
import warnings
from collections.abc import Callable, Collection, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from smuglib import provenance
from smuglib.checks import require
from smuglib.models import precision
from smuglib.training import ranks
from smuglib.training.checkpoints import (
    Checkpoints,
    adam_moments,
    averaged,
    below,
    best_row,
    copied,
    fill,
    first_not_finite,
    replaced,
    results,
)
from smuglib.training.plan import Budget, Plan, clip, one_cycle

MOST_FALLS = 4
"""Times that a training may go back to an earlier state before it gives up."""

READ_EVERY = 50
"""Updates after which losses and norms are read from a GPU."""


class Training:
    """One resumable training of a network, on its device.

    Parameters
    ----------
    loss, validate
        Return the loss of an update from its number alone, and the validation PSNR in dB. A
        FloatingPointError of ``validate`` says which slice's is not finite. Of several processes
        (see `smuglib.training.ranks`) each returns the mean loss of its share of the batch, and
        all the same PSNR.
    folder
        Where ``state.safetensors`` (for resume) and the one before it, ``log.csv``,
        ``best.safetensors`` and ``last.safetensors`` (bare weights) and ``provenance.json`` are
        kept.
    describe
        Names in an error what an update is made from, such as its slices.
    snapshots
        Numbers of updates after which the weights are kept as well, as ``update_<n>.safetensors``.
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
        snapshots: Collection[int] = (),
    ) -> None:
        self.network, self.plan = network, plan
        self.folder = Path(folder)
        self._checkpoints = Checkpoints(folder)
        self._loss, self._validate, self._describe = loss, validate, describe
        self._optimizer = torch.optim.Adam(network.parameters(), betas=(0.5, 0.999))
        self._device = next(network.parameters()).device
        self._read_every = 1 if self._device.type == "cpu" else READ_EVERY
        self._average = [p.detach().clone() for p in network.parameters()] if plan.ema_decay else []
        n = plan.n_validations
        self._marks = {round(k * plan.updates / n) for k in range(1, n + 1)}
        self._update, self._seconds = 0, 0.0
        self._norm: Tensor | None = None
        self._unread: list[tuple[Tensor, Tensor]] = []
        self._losses: list[float] = []
        self._log: list[dict[str, float]] = []
        self._falls: list[str] = []
        self._snapshots = {n: f"update_{n}" for n in snapshots}
        self._kept: dict[str, dict[str, Tensor]] = {}
        self._made: dict[str, object] = {}

    def run(self, budget: Budget | None = None) -> list[dict[str, float]]:
        """Train to the end of the plan, from wherever the folder's state stands; return the log.

        It has a row per validation: update, learning rate, mean loss since the last row, validation
        PSNR in dB, seconds of training so far. Another training in the folder is waited for.

        Raises
        ------
        RuntimeError
            If loss, gradient, weights or validation PSNR are no longer finite, at ever lower
            learning rates.
        BudgetSpentError
            If the time is up; the next call goes on from the very update.
        """
        with self._checkpoints.locked() if ranks.is_first() else nullcontext():
            with ranks.first_before_others():
                self._resume()
            if self._update < ranks.largest(self._update, self._device):
                raise ValueError(f"{self.folder} must be the same folder on every machine")
            self._train(Budget() if budget is None else budget)
        ranks.wait()
        return self._log

    def _train(self, budget: Budget) -> None:
        started = time.monotonic() - self._seconds
        tqdm = require("tqdm", extra="evaluation", what="trainings")
        hidden = {} if ranks.is_first() else {"disable": True}  # False overrules TQDM_DISABLE
        n, name = self.plan.updates, self.folder.name
        bar = tqdm.tqdm(total=n, initial=self._update, desc=name, unit="update", **hidden)
        with bar, precision.tf32(self.plan.precision == "tf32"):
            while self._update < self.plan.updates:
                after = self._update + 1
                is_read = after % self._read_every == 0 or after in self._marks
                try:
                    self._step(self._update, is_read=is_read)
                    self._update += 1
                    self._seconds = time.monotonic() - started
                    if self._update in self._snapshots:
                        self._keep(self._snapshots[self._update])
                    if self._update in self._marks:
                        self._checkpoint()
                        bar.set_postfix(psnr=f"{self._log[-1]['validation_psnr']:.2f} dB")
                except FloatingPointError as error:
                    self._fall(error)
                bar.update(self._update - bar.n)
                if is_read and self._update < self.plan.updates:
                    self._pause(budget)

    def _step(self, update: int, *, is_read: bool) -> None:
        self.network.train()
        rate = one_cycle(update, self.plan.updates, self.plan.learning_rate)
        for group in self._optimizer.param_groups:
            group["lr"] = rate * 0.5 ** len(self._falls)
        self._optimizer.zero_grad(set_to_none=True)
        with precision.autocast(self.plan.precision, self._device.type):
            loss = self._loss(update)
        loss.backward()
        gradients = {n: p.grad for n, p in self.network.named_parameters() if p.grad is not None}
        ranks.average([loss.detach(), *gradients.values()])
        norm = nn.utils.get_total_norm(list(gradients.values()))
        self._unread.append((loss.detach(), norm))
        if is_read:
            self._read(gradients)
        self._norm = clip(gradients.values(), norm, self.plan.clip_factor, self._norm)
        self._optimizer.step()
        if self._average:
            decay = min(self.plan.ema_decay, (1 + update) / (10 + update))
            get_ema_multi_avg_fn(decay)(self._average, list(self.network.parameters()), 0)

    def _read(self, gradients: Mapping[str, Tensor]) -> None:
        """Take note of the losses since the last reading; raise for the first not finite."""
        unread = torch.stack([torch.stack(pair) for pair in self._unread]).tolist()
        self._unread.clear()
        for update, (loss, norm) in enumerate(unread, start=self._update + 1 - len(unread)):
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss became {loss} at {self._named(update)}")
            if not math.isfinite(norm):
                name = first_not_finite(gradients) or "all parameters, together,"
                where = self._named(update)
                raise FloatingPointError(f"the gradient of {name} is not finite at {where}")
            self._losses.append(loss)

    def _named(self, update: int) -> str:
        made_from = f" ({self._describe(update)})" if self._describe else ""
        return f"update {update} of {self.folder.name}{made_from}"

    def _fall(self, error: FloatingPointError) -> None:
        """Go back to the last state, with half the learning rate; give up after `MOST_FALLS`."""
        falls = [*self._falls, str(error)]
        self._restore(*self._good)
        self._falls = falls
        if len(falls) > MOST_FALLS:
            raise RuntimeError(f"{error}, at {0.5**MOST_FALLS:g} of the planned rate") from error
        share = f"{0.5 ** len(falls):g} of the planned learning rate"
        warnings.warn(f"{error}: back to update {self._update}, with {share}", stacklevel=4)

    def _pause(self, budget: Budget) -> None:
        """Stop here if the time of one of the processes is up."""
        if ranks.largest(budget.is_spent, self._device):
            self._good = self._state()
            self._save()
            ranks.wait()
            budget.stop(f"{self.folder.name} is at update {self._update} of {self.plan.updates}")

    def _checkpoint(self) -> None:
        own = list(self.network.parameters()) if self._average else []
        with replaced(own, self._average):
            self.network.eval()
            row = {
                "update": self._update,
                "learning_rate": self._optimizer.param_groups[0]["lr"],
                "loss": sum(self._losses) / len(self._losses),
                "validation_psnr": self._validated(self.network.state_dict()),
                "seconds": round(self._seconds, 1),
            }
            self._losses.clear()
            self._log.append(row)
            if best_row(self._log) is row:
                self._keep("best")
        self._made = provenance.describe(self._device, ranks.place()[1])
        self._good = self._state()
        self._save()

    def _keep(self, name: str) -> None:
        weights = averaged(self.network, self._average)
        self._kept[name] = below(name, copied({name: weights}))

    def _save(self) -> None:
        if ranks.is_first():
            self._checkpoints.save(*self._good)
            if self._log:
                self._checkpoints.write(self._results())

    @torch.no_grad()
    def _validated(self, state: Mapping[str, Tensor]) -> float:
        try:
            if broken := first_not_finite(state):
                raise FloatingPointError(f"{broken} is not finite")
            psnr = self._validate()
            if not math.isfinite(psnr):
                raise FloatingPointError(f"the validation PSNR is {psnr}")
        except FloatingPointError as error:
            raise FloatingPointError(f"{error} after {self._named(self._update - 1)}") from error
        return psnr

    def _results(self) -> dict[str, bytes]:
        """Return the contents of the files beside the state, which holds all that is in them."""
        last = below("average" if self._average else "network", self._good[0])
        made = {**self._made, "falls": self._falls}
        return results(self.plan, self._log, self._kept, last, made)

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Return a copy of all that the training goes on from, on the CPU."""
        tensors = {"network": self.network.state_dict(), **self._kept}
        if self._average:
            tensors["average"] = averaged(self.network, self._average)
        for index, moments in self._optimizer.state_dict()["state"].items():
            tensors[f"adam.{index}"] = moments
        header = {
            "plan": asdict(self.plan),
            "update": self._update,
            "seconds": self._seconds,
            "norm": None if self._norm is None else self._norm.item(),
            "losses": list(self._losses),
            "log": list(self._log),
            "falls": list(self._falls),
            "made": self._made,
        }
        return copied(tensors), header

    def _resume(self) -> None:
        state = self._checkpoints.load()
        self._good = self._state() if state is None else state
        if state is None:
            return
        tensors, header = state
        if header["plan"] != asdict(self.plan):
            raise ValueError(
                f"{self.folder} belongs to a training with other settings, "
                f"{header['plan']}; remove the folder or ask for {asdict(self.plan)}"
            )
        self._restore(tensors, header)
        if self._log and ranks.is_first():
            self._checkpoints.heal(self._results())

    def _restore(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
        self.network.load_state_dict(below("network", tensors))
        if self._average:
            average = below("average", tensors)
            fill(self._average, [average[name] for name, _ in self.network.named_parameters()])
        moments = adam_moments(tensors, len(list(self.network.parameters())))
        self._optimizer.load_state_dict({**self._optimizer.state_dict(), "state": moments})
        norm = torch.tensor(header["norm"] or 0.0, dtype=torch.float64, device=self._device)
        self._norm = None if header["norm"] is None else norm
        names = ("best", *self._snapshots.values())
        self._kept = {name: found for name in names if (found := below(name, tensors))}
        self._made = header["made"]
        self._update, self._seconds = header["update"], header["seconds"]
        self._losses, self._log = list(header["losses"]), list(header["log"])
        self._falls = list(header["falls"])
        self._unread.clear()
