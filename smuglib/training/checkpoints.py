"""The folder of one resumable run: its state, twice, and the results that follow from it."""

import csv
import hashlib
import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from smuglib import files
from smuglib.models.weights import packed, read_tensors
from smuglib.training.plan import Plan

COLUMNS = ("update", "learning_rate", "loss", "validation_psnr", "seconds")
"""What a row of the log has, in the order of the file."""

Row = Mapping[str, float]


class Checkpoints:
    """What a run keeps to go on from, whatever was lost or damaged of it.

    At every instant the folder has a whole state on the disk: a new one is written beside the last,
    and never in place of the only one.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._newest = self.folder / "state.safetensors"
        self._previous = self.folder / "state.previous.safetensors"

    def locked(self) -> AbstractContextManager[None]:
        """Let one run at a time into the folder: see `smuglib.files.locked`."""
        return files.locked(self.folder / ".run.lock")

    def save(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
        """Write the state, and keep the one before it."""
        content = packed(tensors, header)
        if self._newest.is_file():
            os.replace(self._newest, self._previous)
        files.write_bytes(self._newest, content)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the newest state that is whole; None if there is none.

        One that is damaged is removed, with a warning: it must not replace the whole one.
        """
        for path in filter(Path.is_file, (self._newest, self._previous)):
            try:
                return read_tensors(path)
            except files.UnreadableFileError as error:
                warnings.warn(f"{error}; the run goes on from before it", stacklevel=4)
                path.unlink()
        return None

    def write(self, results: Mapping[str, bytes]) -> list[str]:
        """Write the files whose content is another; return their names."""
        paths = {self.folder / name: content for name, content in results.items()}
        changed = [p for p in paths if not p.is_file() or p.read_bytes() != paths[p]]
        for path in changed:
            files.write_bytes(path, paths[path])
        return [path.name for path in changed]

    def heal(self, results: Mapping[str, bytes]) -> None:
        """Write what `write` does, with a warning."""
        changed = self.write(results)
        if changed:
            warnings.warn(
                f"{', '.join(changed)} in {self.folder} did not fit the state of the run: written "
                "again from it",
                stacklevel=4,
            )


def best_row(log: Sequence[Row]) -> Row:
    """Return a log's first row of the highest validation PSNR."""
    return max(log, key=lambda row: row["validation_psnr"])


def results(
    plan: Plan,
    log: Sequence[Row],
    kept: Mapping[str, Mapping[str, Tensor]],
    last: Mapping[str, Tensor],
    made: Mapping[str, object],
) -> dict[str, bytes]:
    """Return the contents of the files that a training leaves beside its state.

    ``kept`` are the weights of the best validation, and those ``"update_<n>"``.
    """
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(log)
    log_content, settings = text.getvalue().encode(), asdict(plan)
    described = {
        **settings,
        **made,
        "best_psnr": best_row(log)["validation_psnr"],
        "log_sha256": hashlib.sha256(log_content).hexdigest(),
    }
    rows: dict[str, Row] = {"best": best_row(log), "last": log[-1]}
    told = {
        name: {key: rows[name][key] for key in ("update", "validation_psnr")}
        if name in rows
        else {"update": int(name.removeprefix("update_"))}
        for name in (*kept, "last")
    }
    weights = {
        f"{name}.safetensors": packed(tensors, {**settings, **told[name]})
        for name, tensors in {**kept, "last": last}.items()
    }
    return {**weights, "log.csv": log_content, "provenance.json": files.sealed_json(described)}


def copied(named: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return copies on the CPU of several sets of tensors, each name behind its set's and a dot."""
    return {
        f"{whose}.{name}": value.detach().cpu().clone()
        for whose, tensors in named.items()
        for name, value in tensors.items()
    }


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of one set among `copied` ones."""
    start = f"{prefix}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}


def averaged(network: nn.Module, average: Sequence[Tensor]) -> dict[str, Tensor]:
    """Return a network's state, with the averages of its parameters if there are any."""
    names = [name for name, _ in network.named_parameters()] if average else []
    return {**network.state_dict(), **dict(zip(names, average, strict=True))}


def adam_moments(tensors: Mapping[str, Tensor], n: int) -> dict[int, dict[str, Tensor]]:
    """Return copies of what Adam keeps of each of ``n`` parameters, of those that it has seen.

    Adam changes its moments in place, and a state may be gone back to again.
    """
    return {
        index: {name: value.clone() for name, value in below(f"adam.{index}", tensors).items()}
        for index in range(n)
        if f"adam.{index}.step" in tensors
    }


def fill(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> None:
    """Copy values into tensors, which no graph remembers."""
    with torch.no_grad():
        for tensor, value in zip(tensors, values, strict=True):
            tensor.copy_(value)


@contextmanager
def replaced(tensors: Sequence[Tensor], values: Sequence[Tensor]) -> Iterator[None]:
    """Let tensors hold other values for a while."""
    kept = [tensor.detach().clone() for tensor in tensors]
    fill(tensors, values)
    try:
        yield
    finally:
        fill(tensors, kept)


def first_not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """Return the name of the first tensor with a NaN or an infinity."""
    return next((name for name, value in tensors.items() if not value.isfinite().all()), None)
