"""Damage to every kind of file that is read: the same content comes back, or our own error."""

from __future__ import annotations

import json
import pickle
import random
import resource
import warnings
from pathlib import Path
from typing import Any

from smuglib import files
from tests.torture.forks import Child
from tests.torture.kinds import KINDS, Kind
from tests.torture.outcome import Outcome
from tests.torture.works import workplace

BYTES, SECONDS = 2**30, 10.0
"""The most that reading one small file may take."""

VALUES = (None, True, -1, 10**400, 1e308, "", "x", [], {}, [[]], "../../x", float("nan"))


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
        found = bytearray(b"[\n" * 3_000)
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


def _wrong(kind: Kind, path: Path, whole: object) -> str:
    """Read a damaged file; return what is wrong with what comes of it, or nothing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = kind.read(path)
    except Exception as error:
        told = f"{type(error).__name__}: {error}"[:200]
        ours = isinstance(error, (files.UnreadableFileError, FileNotFoundError))
        # Where it is written anew, the disk or a check of the path may refuse.
        ours |= kind.heals and (isinstance(error, OSError) or type(error) is ValueError)
        return "" if ours and path.stem in str(error) else told
    same = not kind.hashed or found is None or pickle.dumps(found) == pickle.dumps(whole)
    return "" if same else "other content"


def _wrong_apart(kind: Kind, path: Path, whole: object) -> str:
    """Do what `_wrong` does in a process of its own, with little memory."""

    def limited() -> str:
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, resource.RLIM_INFINITY))
        return _wrong(kind, path, whole)

    end = Child(limited).end(SECONDS)
    return end.error or end.value


def _contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _restore(folder: Path, contents: dict[Path, bytes]) -> None:
    for path in folder.rglob("*"):
        if path.is_dir() and path in contents:
            path.rmdir()
        elif path.is_file() and path not in contents:
            path.unlink()
    for path, content in contents.items():
        if not path.is_file() or path.read_bytes() != content:
            path.write_bytes(content)


def run(seed: int, n: int) -> list[Outcome]:
    """Damage ``n`` files, of each kind in turn, and read them."""
    rng, outcomes, names = random.Random(seed), [], list(KINDS)
    wholes: dict[str, tuple[Path, Any, dict[Path, bytes]]] = {}
    with workplace() as place:
        for name, kind in KINDS.items():
            path = place / name / kind.name
            path.parent.mkdir(parents=True)
            kind.write(path, rng)
            (path,) = (place / name).glob(kind.name)
            wholes[name] = path, kind.read(path), _contents(place / name)
        for number in range(n):
            name = names[number % len(names)]
            path, whole, contents = wholes[name]
            case, damaged = _damage(contents[path], rng)
            path.unlink()
            if damaged is None:
                path.mkdir()
            else:
                path.write_bytes(damaged)
            judge = _wrong_apart if KINDS[name].forks else _wrong
            wrong = judge(KINDS[name], path, whole)
            outcomes.append(Outcome.of(f"damage: {name}", f"{seed}/{number}: {case}", wrong))
            _restore(place / name, contents)
    return outcomes
