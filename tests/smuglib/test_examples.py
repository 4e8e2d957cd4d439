"""Examples in docstrings print what they say, and every public name of the core has one."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import smuglib

FOLDER = Path(smuglib.__file__).parent
MODULES = {
    ".".join(("smuglib", *path.relative_to(FOLDER).with_suffix("").parts))
    for path in FOLDER.rglob("*.py")
    if path.name != "__init__.py"
}
WITH_EXAMPLE = sorted(
    name
    for name in MODULES
    if ">>> " in (FOLDER.parent / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
)
CORE = (
    "operators",
    "consistency",
    "models",
    "attacks",
    "sampling",
    "metrics",
    "smoothing",
    "losses",
)
# Constants, a protocol, and exceptions are no calls to show.
NO_CALL = {
    "LADDER",
    "METHODS",
    "Objective",
    "Reconstruction",
    "ConvergenceWarning",
    "PrecisionWarning",
    "Trace",
    "ssim_published",
}


def public(package: str) -> list[str]:
    module = import_module(f"smuglib.{package}")
    names = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == module.__name__
    ]
    return [name for name in names if name not in NO_CALL and name != "PLACEMENTS"]


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_examples(name):
    module = import_module(name)
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert tests
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("package", CORE)
def test_every_public_name_of_the_core_has_an_example(package):
    module = import_module(f"smuglib.{package}")
    lacking = [n for n in public(package) if ">>> " not in (getattr(module, n).__doc__ or "")]
    assert not lacking
