"""Hashes of code: what a computed file depends on beside its data.

The pipeline passes them as parameters of its rules, so that an edit redoes what it touches: a
training depends on the modules that training imports, but on no plot. What counts of a notebook,
`smuglib.notebooks.code_hash` says.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

from smuglib.files import sha256, write_text

PACKAGE = Path(__file__).parent


def library_hash(*modules: str, package: Path = PACKAGE) -> str:
    """Hash modules of the library, such as ``"data.brain"``, and all that they import from it.

    Without modules, the whole library.
    """
    if not modules:
        return _hash_of(package.rglob("*.py"), package)
    found: set[Path] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        files = _files(name, package)
        if not files:
            raise ValueError(f"smuglib has no module {name!r}")
        for path in set(files) - found:
            found.add(path)
            waiting += [n for n in _imports(path) if _files(n, package)]
    return _hash_of(found, package)


def folder_hash(folder: Path | str) -> str:
    """Hash the names and contents of all files in a folder."""
    return _hash_of((path for path in Path(folder).rglob("*") if path.is_file()), Path(folder))


def write_manifest(output: Path | str, files: Iterable[Path | str]) -> None:
    """Write the SHA-256 hashes of some files, in the format of ``sha256sum``."""
    lines = [f"{sha256(path)}  {path}\n" for path in files]
    write_text(output, "".join(lines))


def _hash_of(files: Iterable[Path], folder: Path) -> str:
    lines = sorted(f"{path.relative_to(folder).as_posix()} {sha256(path)}" for path in files)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _files(name: str, package: Path) -> list[Path]:
    """Return the file of a module, after the ``__init__`` of each package it lies in."""
    parts = name.split(".")
    parents = [package.joinpath(*parts[:depth], "__init__.py") for depth in range(1, len(parts))]
    stem = package.joinpath(*parts)
    own = [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()]
    return [*(path for path in parents if path.is_file()), *own] if own else []


def _imports(path: Path) -> Iterable[str]:
    """Yield the names below ``smuglib`` that a module imports, modules and others alike."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (n.removeprefix("smuglib.") for n in names if n.startswith("smuglib."))
