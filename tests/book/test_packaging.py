"""Installation files agree with one another, and the repository keeps its own rules."""

from __future__ import annotations

import itertools
import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from smugbook.notebooks import run

ROOT = Path(__file__).parents[2]
PACKAGES = ("smuglib", "book/smugbook", "book/smugbench")
NOTEBOOKS = sorted((ROOT / "book").glob("*.ipynb"))
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def locked() -> dict[str, Version]:
    lines = [re.split(r"#| \\$|--hash", line)[0].strip() for line in LOCK.splitlines()]
    requirements = [Requirement(line) for line in lines if line]
    for requirement in requirements:
        pins = list(requirement.specifier)
        assert len(pins) == 1 and pins[0].operator == "==", f"{requirement} is not pinned"
        assert requirement.url is None and "+" not in pins[0].version, f"{requirement} is local"
    return {
        canonicalize_name(r.name): Version(next(iter(r.specifier)).version) for r in requirements
    }


def declared() -> list[Requirement]:
    # No part of an installation: `make bench`, `make mutants`, `make coverage` and `make reproduce`
    # on a cluster, add them to one.
    groups = PROJECT["optional-dependencies"].items()
    extras = [lines for name, lines in groups if name not in ("bench", "mutation", "cluster")]
    lines = itertools.chain(PROJECT["dependencies"], *extras)
    return [r for r in map(Requirement, lines) if r.name != PROJECT["name"]]


def test_the_lock_satisfies_every_declared_dependency():
    pins = locked()
    for requirement in declared():
        version = pins[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), f"{requirement}, locked {version}"


def test_the_lock_holds_the_versions_that_the_book_needs():
    pins = locked()
    assert pins["torch"] == Version("2.13.0")
    assert pins["jupyter-book"] == Version("1.0.4.post1")
    assert pins["sphinx"] < Version("8")
    assert not [name for name in pins if name.startswith(("nvidia", "triton"))]


def test_every_pin_has_hashes_and_no_host_is_named():
    entries = re.findall(
        r"^(\S+==\S+)((?: \\\n    --hash=sha256:[0-9a-f]{64})*)$", LOCK, re.MULTILINE
    )
    assert len(entries) == len(locked())
    assert [pin for pin, hashes in entries if not hashes] == []
    assert "://" not in LOCK


def test_conda_installs_the_same_lock():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert environment["name"] == PROJECT["name"]
    assert environment["channels"][0] == "conda-forge"
    *conda, pip = environment["dependencies"]
    assert pip == {"pip": ["-r requirements.lock"]}
    python = next(line for line in conda if line.startswith("python"))
    version = python.removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0")
    assert f"Python {version} " in LOCK.split("\n")[0]
    named = {canonicalize_name(re.split("[=<>]", line)[0]) for line in conda}
    assert not named & locked().keys(), "conda and pip would install the same package twice"


def test_the_citation_carries_the_version_and_license_of_the_package():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert str(citation["version"]) == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]


def test_every_package_folder_is_installed():
    for folder in {path.parent for path in SOURCES}:
        assert (folder / "__init__.py").is_file(), f"{folder} is no package"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_committed_without_outputs(path):
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"] and cell["execution_count"] is None
            n_lines = len(run.source(cell).splitlines())
            is_list = "parameters" in cell["metadata"].get("tags", [])
            assert n_lines <= 15 or is_list, "a long cell belongs in smuglib"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_have_one_parameters_cell_that_says_unit_and_range(path):
    for parameter in run.parameters(path).values():
        assert parameter.comment, f"{parameter.name} has no comment"


FORBIDDEN = "|".join(
    (
        r"\bpickle\b",
        r"\bjoblib\b",
        r"torch\.(load|save|manual_seed)\(",
        r"np\.load\(",
        r"np\.random\.(?!default_rng|Generator)",
    )
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.name)
def test_no_pickle_and_no_global_randomness(path):
    assert not re.findall(FORBIDDEN, path.read_text())
