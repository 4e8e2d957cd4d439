"""Every kind of file that is read: how one is written, and what is read from it."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import h5py
import numpy as np
import pandas as pd
import torch

from smugbench import report
from smugbench.rows import Cost
from smugbook.explorers.static import grid
from smugbook.notebooks import key_numbers
from smugbook.notebooks import run as notebooks
from smugbook.pages import assembly
from smugbook.results import Store
from smuglib import data, models
from smuglib.data import cache
from smuglib.data.espirit import Espirit
from smuglib.data.fastmri.volume import Volume
from smuglib.evaluation import records
from tests.kspace_files import lines, write_cfl, write_ismrmrd
from tests.torture.works import evaluated, rows_of, train, trained


@dataclass(frozen=True)
class Kind:
    """One kind of file: which one of those that ``write`` leaves, and how it is read."""

    name: str
    """May hold an asterisk, where the content gives the name."""
    write: Callable[[Path, random.Random], object]
    read: Callable[[Path], Any]
    hashed: bool = True
    """Whether any change of the content is told."""
    heals: bool = False
    """Whether it is written anew, so that the disk may refuse as well."""
    forks: bool = False
    """Whether a library of C reads it, which may take the process along."""


HEADER = (
    "<ismrmrdHeader><encoding><encodedSpace><matrixSize><x>16</x><y>12</y><z>1</z></matrixSize>"
    "</encodedSpace></encoding></ismrmrdHeader>"
)
NAME = "0" * 64


def _volume(path: Path, rng: random.Random) -> None:
    noise = np.random.default_rng(rng.randrange(2**32)).normal(size=(2, 2, 16, 12, 2))
    with h5py.File(path, "w") as file:
        file["kspace"] = noise.astype(np.float32).view(np.complex64)[..., 0]
        file["ismrmrd_header"] = HEADER
        file["mask"] = np.ones(12, bool)
        file.attrs["patient_id"] = "p1"


def _read_volume(path: Path) -> object:
    volume = Volume.open(path)
    return volume.patient, volume.shape, [volume.kspace(i).shape for i in range(volume.shape[0])]


def _kspace() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(2, 2, 16, 12, 2)).view(complex)[..., 0]


def _array(path: Path, _rng: random.Random) -> None:
    np.save(path, _kspace())


def _archive(path: Path, _rng: random.Random) -> None:
    np.savez_compressed(path, kspace=_kspace(), mask=np.ones(12, bool), maps=_kspace())


def _bart(path: Path, _rng: random.Random) -> None:
    write_cfl(path.with_suffix(".cfl"), _kspace())


def _ismrmrd(path: Path, _rng: random.Random) -> None:
    write_ismrmrd(path, lines(_kspace().astype(np.complex64)), HEADER)


def _read_kspace(path: Path) -> object:
    file = data.read_kspace(path)
    return [(file.kspace(index).shape, file.maps(index) is None) for index in range(len(file))]


def _weights(path: Path, _rng: random.Random) -> None:
    architecture: dict[str, str | int] = {"name": "dncnn", "channels": 2, "blocks": 1}
    denoiser = models.denoisers.seeded(architecture, 0)
    models.save_network(path, models.UnrolledNetwork(denoiser, n_steps=1, lam=1.0))


def _read_weights(path: Path) -> object:
    net, _ = models.load_network(path)
    return {name: value.tolist() for name, value in net.state_dict().items()}


def _scan(path: Path, _rng: random.Random) -> None:
    scan = data.scan.Scan(
        torch.ones(1, 2, 4, 4, dtype=torch.complex64),
        torch.ones(1, 2, 4, 4, dtype=torch.complex64),
        torch.ones(1, 1, 1, 4, dtype=torch.bool), torch.ones(1, 4, 4, dtype=torch.complex64),
        1.0, 1, 0, "train",
    )  # fmt: skip
    path.write_bytes(cache.packed(scan, NAME))


def _read_scan(path: Path) -> object:
    content = cache.BoundedFolder(path.parent, 2**20).read(path.name)
    scan = None if content is None else cache.unpacked(content, NAME, "train", 0)
    # None is what heals: the scan is simulated again.
    return None if scan is None else (scan.kspace.sum().item(), scan.scale)


def _records(path: Path, _rng: random.Random) -> None:
    rows = [
        Cost("a", name, "x", 8, 8, 2, 1, 0, 1, 1, "cpu", 0.1, 0.1, 0.2, 3) for name in ("p", "q")
    ]
    extra = {"processor": "x", "peers": {}, "notes": []}
    records.write(path, rows, Cost, extra)


def _read_records(path: Path) -> object:
    return report.read_benchmark(path.parent).to_csv(index=False)


def _read_provenance(path: Path) -> object:
    return _read_records(path.with_suffix(".csv"))


def _provenance(path: Path, rng: random.Random) -> None:
    _records(path.with_suffix(".csv"), rng)


def _notebook(path: Path, _rng: random.Random) -> None:
    content = {"name": "gain", "value": 1.5, "unit": "dB"}
    output = {"output_type": "display_data", "data": {key_numbers.MIME: content}, "metadata": {}}
    cell = {"cell_type": "code", "metadata": {}, "source": ["x = 1"], "outputs": [output]}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    path.write_text(json.dumps(book))


def _read_notebook(path: Path) -> object:
    notebooks.code_hash(path), key_numbers.minutes(path)
    return list(key_numbers.read_key_numbers(path).values()) and None


def _toc(path: Path, _rng: random.Random) -> None:
    path.write_text("format: jb-book\nroot: a\nparts:\n- chapters:\n  - file: b\n")


def _trained(path: Path, _rng: random.Random) -> None:
    train(path.parent)


def _train_again(path: Path) -> object:
    train(path.parent)
    return trained(path.parent)


def _log(path: Path, rng: random.Random) -> None:
    """Keep the log of a training in a store."""
    checkpoints = path.parent / "checkpoints"
    _trained(checkpoints / "best.safetensors", rng)
    Store(path.parents[1]).keep("smug", 0.05, checkpoints / "best.safetensors")


def _read_log(path: Path) -> object:
    store = Store(path.parents[1])
    plan = store.read_provenance("smug", 0.05)
    return store.read_log("smug", 0.05).to_csv(), sorted(plan), plan["best_psnr"]


def _evaluated(path: Path, _rng: random.Random) -> None:
    evaluated(path.parent)


def _evaluate_again(path: Path) -> object:
    evaluated(path.parent)
    return rows_of(path.parent)


def _explorer(path: Path, _rng: random.Random) -> None:
    level = np.arange(64, dtype=np.uint8).reshape(8, 8) // grid.sprites.STEP * grid.sprites.STEP
    small = grid.Grid(epsilons=(0.01,), sampling_rates=(0.25,), methods=("modl",))
    sheets = {"target": level, "modl_image": level.T.copy(), "modl_error": level[::-1].copy()}
    rows = pd.DataFrame(columns=list(grid.Score.columns()))
    grid.write_explorer(grid.Explorer(small, rows, sheets), path.with_name("explorer.csv"), {})


def _read_explorer(path: Path) -> object:
    found = grid.read_explorer(path.with_name("explorer.csv"))
    return found.grid, {name: sheet.tobytes() for name, sheet in found.sheets.items()}


def _maps(path: Path) -> object:
    """Return coil maps, computed again for those that are damaged; what computes them is given."""
    kspace = torch.ones(1, 2, 12, 12, dtype=torch.complex64)
    with mock.patch.object(Espirit, "_computed", return_value=kspace / 2):
        return Espirit().estimate(kspace, path.parent).tolist()


KINDS = {
    "volume": Kind("f.h5", _volume, _read_volume, hashed=False, forks=True),
    "array": Kind("k.npy", _array, _read_kspace, hashed=False),
    "archive": Kind("k.npz", _archive, _read_kspace, hashed=False),
    "BART's data": Kind("k.cfl", _bart, _read_kspace, hashed=False),
    "BART's header": Kind("k.hdr", _bart, _read_kspace, hashed=False),
    "ISMRMRD file": Kind("k.h5", _ismrmrd, _read_kspace, hashed=False, forks=True),
    "weights": Kind("w.safetensors", _weights, _read_weights),
    "cached scan": Kind(f"{NAME}.safetensors", _scan, _read_scan),
    "cached coil maps": Kind("*.safetensors", lambda path, _: _maps(path), _maps, heals=True),
    "training state": Kind("state.safetensors", _trained, _train_again, heals=True),
    "older training state": Kind("state.previous.safetensors", _trained, _train_again, heals=True),
    "best weights": Kind("best.safetensors", _trained, _train_again, heals=True),
    "training log": Kind("logs/smug_s0.05.csv", _log, _read_log),
    "training provenance": Kind("logs/smug_s0.05.json", _log, _read_log),
    "partial evaluation": Kind("partial.csv", _evaluated, _evaluate_again, heals=True),
    "records": Kind("benchmark.csv", _records, _read_records),
    "provenance": Kind("benchmark.json", _provenance, _read_provenance),
    "explorer image": Kind("modl_error.webp", _explorer, _read_explorer),
    "explorer provenance": Kind("explorer.json", _explorer, _read_explorer),
    "notebook": Kind("n.ipynb", _notebook, _read_notebook, hashed=False),
    "contents": Kind("_toc.yml", _toc, assembly.chapter_names, hashed=False),
}
