"""What is disturbed: pieces of work that change the disk, and end in a result that is known."""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor

from smuglib import provenance
from smuglib.data import Protocol
from smuglib.data.cache import cached
from smuglib.evaluation import Scenario, evaluate, records, scores
from smuglib.models import denoisers
from smuglib.random import complex_normal, generator
from smuglib.training import Plan, Training
from tests.scans import bits, network, scan
from tests.torture.forks import Child


@dataclass(frozen=True)
class Work:
    """One piece of work in a folder: ``do`` it as one of several workers, and read its result."""

    prepare: Callable[[Path], object]
    do: Callable[[Path, int], object]
    result: Callable[[Path], object]


PLAN = Plan(updates=6, learning_rate=1e-2, clip_factor=2.0, n_validations=3)


def train(folder: Path, _worker: int = 0) -> None:
    """Train a tiny denoiser."""
    net = denoisers.seeded({"name": "dncnn", "channels": 2, "blocks": 1}, seed=1)
    like = torch.zeros(1, dtype=torch.complex64)

    def loss(update: int) -> Tensor:
        clean = complex_normal((2, 8, 8), 1.0, generator(3, update), like).cumsum(-1) / 8
        noise = complex_normal(clean.shape, 0.1, generator(3, update, "noise"), like)
        return (net(clean + noise) - clean).abs().square().mean()

    Training(net, loss, lambda: -10 * math.log10(loss(99).item()), PLAN, folder).run()


def trained(folder: Path) -> object:
    """Return all that a training leaves but when it was, and how long it took."""
    with (folder / "log.csv").open(newline="") as file:
        log = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    return log, *((folder / f"{name}.safetensors").read_bytes() for name in ("best", "last"))


SCANS, CLEAN = [scan(index, size=16) for index in range(2)], Scenario("clean")
NOISY = Scenario("noise", "random_uniform", 0.01)


def evaluated(folder: Path, _worker: int = 0) -> list[scores.Score]:
    """Evaluate a tiny network, or what is left of it to do."""
    return evaluate(
        network("smug", n_steps=1), SCANS, [CLEAN, NOISY], method="smug", training_sigma=0.05,
        partial=folder / "partial.csv", progress=False,
    )  # fmt: skip


def rows_of(folder: Path) -> object:
    """Return the rows of all files of records, and what the provenance says of them."""
    found = []
    for path in sorted(folder.glob("[!.]*.csv")):
        rows = scores.rows_of(scores.read(path))
        found.append((path.name, sorted(rows, key=str), records.read_provenance(path)["rows"]))
    return found


def _old_records(folder: Path) -> None:
    scores.write(folder / "smug.csv", _rows("old"), {"made": "before"})


def _update_records(folder: Path, worker: int = 0) -> None:
    new = _rows(f"new {worker}")
    scores.update(folder / "smug.csv", new, {"smug": "none"}, {"made": f"by {worker}"})


@cache
def _scored() -> list[scores.Score]:
    return evaluate(
        network("smug"), SCANS, [CLEAN], method="smug", training_sigma=0.05, progress=False
    )


def _rows(scenario: str) -> list[scores.Score]:
    """Return rows of a scenario by that name."""
    return [replace(row, scenario=scenario) for row in _scored()]


PROTOCOL = Protocol(height=32, width=32, n_coils=2, center_fraction=0.2)


def _cached(folder: Path, worker: int = 0) -> dict[int, list[object]]:
    """Simulate two scans, or read them from the cache; workers begin with another one."""
    os.environ["SMUGLIB_CACHE"] = str(folder)
    try:
        order = (worker % 2, 1 - worker % 2)
        return {index: bits(cached(PROTOCOL, "val", index)) for index in order}
    finally:
        os.environ["SMUGLIB_CACHE"] = "off"


def _scans(folder: Path) -> object:
    """Return what the cache then serves, and the files that it keeps."""
    kept = sorted(path.read_bytes() for path in folder.rglob("[!.]*.safetensors"))
    return _cached(folder), kept


def _nothing(_folder: Path) -> None:
    pass


WORKS = {
    "training": Work(_nothing, train, trained),
    "records": Work(_old_records, _update_records, rows_of),
    "partial evaluation": Work(_nothing, evaluated, rows_of),
    "scan cache": Work(_nothing, _cached, _scans),
}


@contextmanager
def workplace() -> Iterator[Path]:
    """Give a folder, and ask neither git nor the installed packages for what they said before."""
    known = {"commit": provenance.commit(), "versions": provenance.versions()}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        for name, value in known.items():
            stack.enter_context(mock.patch.object(provenance, name, lambda value=value: value))
        yield Path(folder)


def prepared(work: Work, folder: Path) -> Path:
    """Make a folder for a work."""
    folder.mkdir()
    work.prepare(folder)
    return folder


def undisturbed(work: Work, folder: Path, workers: tuple[int, ...] = (0,)) -> Any:
    """Return the result of a work that nothing disturbs, with one worker after another."""
    prepared(work, folder)
    for worker in workers:
        work.do(folder, worker)
    return work.result(folder)


def redone(work: Work, folder: Path, whole: object) -> str:
    """Do a work again where it was disturbed; return what is then wrong, or nothing."""

    def again() -> bool:
        work.do(folder, 0)
        return work.result(folder) == whole

    end = Child(again).end()
    return end.error or ("" if end.value else "another result")
