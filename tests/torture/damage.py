"""Damage to every kind of file that is read: the same content comes back, or our own error."""

from __future__ import annotations

import json
import pickle
import random
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from smugbench import report
from smugbench.rows import Cost
from smugbook.notebooks import key_numbers
from smugbook.notebooks import run as notebooks
from smugbook.pages import assembly
from smuglib import data, files, models
from smuglib.data import cache
from smuglib.data.fastmri.volume import Volume
from smuglib.evaluation import records
from tests.torture.outcome import Outcome

HEADER = (
    "<ismrmrdHeader><encoding><encodedSpace><matrixSize><x>16</x><y>12</y><z>1</z></matrixSize>"
    "</encodedSpace></encoding></ismrmrdHeader>"
)
VALUES = (None, True, -1, 10**400, 1e308, "", "x", [], {}, [[]], "../../x", float("nan"))
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


KINDS: dict[str, tuple[str, Callable[..., None], Callable[[Path], Any], bool]] = {
    "volume": ("f.h5", _volume, _read_volume, False),
    "weights": ("w.safetensors", _weights, _read_weights, True),
    "cached scan": (f"{NAME}.safetensors", _scan, _read_scan, True),
    "records": ("benchmark.csv", _records, _read_records, True),
    "provenance": ("benchmark.json", _provenance, _read_provenance, True),
    "notebook": ("n.ipynb", _notebook, _read_notebook, False),
    "contents": ("_toc.yml", _toc, assembly.chapter_names, False),
}
"""File name, writer, reader, and whether a hash tells any change of the content, by kind."""


def _damage(content: bytes, rng: random.Random) -> tuple[str, bytes | None]:
    """Return what was done, and the damaged content; None stands for a folder."""
    way = rng.choice(
        ("bit", "bit", "cut", "zeros", "swap", "value", "value", "deep", "utf8", "empty", "folder")
    )
    found, place = bytearray(content), rng.randrange(len(content))
    other = rng.randrange(len(content))
    if way == "bit":
        found[place] ^= 1 << rng.randrange(8)
    elif way == "cut":
        del found[place:]
    elif way == "zeros":
        found[place : place + 64] = bytes(len(found[place : place + 64]))
    elif way == "swap":
        found[place], found[other] = found[other], found[place]
    elif way == "value":
        found = bytearray(_other_value(content, rng))
    elif way == "deep":
        found = bytearray(b"[" * 3_000)
    elif way == "utf8":
        found[place:place] = b"\xff\xfe"
    elif way == "empty":
        found.clear()
    return f"{way} at {place}", None if way == "folder" else bytes(found)


def _other_value(content: bytes, rng: random.Random) -> bytes:
    """Give a place in a JSON file a value of another type."""
    try:
        tree = json.loads(content)
    except ValueError:
        return content[: len(content) // 2] + b"9" * 400 + content[len(content) // 2 :]
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = rng.choice(keys)
        if not (isinstance(node[key], (dict, list)) and node[key]) or rng.random() < 0.3:
            break
        node = node[key]
    node[key] = rng.choice(VALUES)
    return json.dumps(tree).encode()


def _outcome(kind: str, case: str, path: Path, whole: object) -> Outcome:
    _, _, read, hashed = KINDS[kind]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = read(path)
    except (files.UnreadableFileError, FileNotFoundError) as error:
        named = path.stem in str(error)
        return Outcome(kind, case, "survived" if named else "lost", f"refused: {error}"[:200])
    except Exception as error:
        return Outcome(kind, case, "lost", f"{type(error).__name__}: {error}"[:200])
    same = not hashed or found is None or pickle.dumps(found) == pickle.dumps(whole)
    return Outcome(kind, case, "survived" if same else "lost", "" if same else "other content")


def run(seed: int, n: int) -> list[Outcome]:
    """Damage ``n`` files, of each kind in turn, and read them."""
    rng, outcomes, kinds = random.Random(seed), [], list(KINDS)
    with tempfile.TemporaryDirectory() as folder:
        wholes = {}
        for kind, (name, write, read, _) in KINDS.items():
            path = Path(folder) / kind / name
            path.parent.mkdir()
            write(path, rng)
            wholes[kind] = path, read(path), path.read_bytes()
        for number in range(n):
            kind = kinds[number % len(kinds)]
            path, whole, content = wholes[kind]
            case, damaged = _damage(content, rng)
            path.unlink()
            if damaged is None:
                path.mkdir()
            else:
                path.write_bytes(damaged)
            outcomes.append(_outcome(kind, f"{seed}/{number}: {case}", path, whole))
            if damaged is None:
                path.rmdir()
            path.write_bytes(content)
    return outcomes
