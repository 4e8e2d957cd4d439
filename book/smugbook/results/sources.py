"""Hashes of code: what a computed file depends on beside its data.

The pipeline passes them as parameters of its rules, so that an edit redoes what it touches: a
training depends on the modules that training imports, but on no plot, and on a notebook's code,
but not on its prose.
"""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

import smuglib
from smuglib.files import sha256, text_sha256, write_text

PACKAGES = {
    "smuglib": Path(smuglib.__file__).parent,
    "smugbook": Path(__file__).parents[1],
    "smugbench": Path(__file__).parents[2] / "smugbench",
}
"""Import packages of the project, and their folders."""


def library_hash(*modules: str, packages: Mapping[str, Path] = PACKAGES) -> str:
    """Hash the source of modules, such as ``"smuglib.training"``, and of all that they import.

    Only modules of ``packages`` count; all of them if none is named.
    """
    if not modules:
        return _hash_of(
            {
                f"{name}/{path.relative_to(folder).as_posix()}": path
                for name, folder in packages.items()
                for path in folder.rglob("*.py")
            }
        )
    found: dict[str, Path] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        files = _files(name, packages)
        if not files:
            raise ValueError(f"there is no module {name!r} in {', '.join(packages)}")
        for own, path in files.items():
            if own not in found:
                found[own] = path
                waiting += [n for n in _imports(path) if _files(n, packages)]
    return _hash_of(found)


@cache
def own_hash(*modules: str) -> str:
    """Return the `library_hash` of modules of this process, which are hashed but once."""
    return library_hash(*modules)


def folder_hash(*folders: Path | str) -> str:
    """Hash the names and contents of all files in some folders."""
    return _hash_of(
        {
            f"{number}/{path.relative_to(folder).as_posix()}": path
            for number, folder in enumerate(folders)
            for path in Path(folder).rglob("*")
            if path.is_file()
        }
    )


def write_manifest(output: Path | str, files: Iterable[Path | str]) -> None:
    """Write the SHA-256 hashes of some files, in the format of ``sha256sum``."""
    lines = [f"{sha256(path)}  {path}\n" for path in files]
    write_text(output, "".join(lines))


def _hash_of(files: Mapping[str, Path]) -> str:
    lines = sorted(f"{name} {text_sha256(path)}" for name, path in files.items())
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _files(name: str, packages: Mapping[str, Path]) -> dict[str, Path]:
    """Return the file of a module, and ``__init__`` of each package below the top that holds it."""
    top, *parts = name.split(".")
    if top not in packages or not parts:
        return {}
    stem = packages[top].joinpath(*parts)
    own = [path for path in (stem.with_suffix(".py"), stem / "__init__.py") if path.is_file()]
    parents = [packages[top].joinpath(*parts[:n], "__init__.py") for n in range(1, len(parts))]
    paths = [*parents, *own] if own else []
    return {
        f"{top}/{path.relative_to(packages[top]).as_posix()}": path
        for path in paths
        if path.is_file()
    }


def _imports(path: Path) -> Iterable[str]:
    """Yield the dotted names that a module imports, modules and others alike."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
