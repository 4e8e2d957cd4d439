"""Every numbered equation of the book names its code, and that code names the equation."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from tests.smugbook.pages.test_reference import ROOT, modules

LABEL = re.compile(r"^\$\$ \((eq-[\w-]+)\)$", re.MULTILINE)
LINK = re.compile(
    r"^\$\$ \((?P<label>eq-[\w-]+)\)$|^In code: (?P<code>(?:.+\n?)+)",
    re.MULTILINE,
)
OBJECT = re.compile(r"\{py:obj\}`([\w.]+)`((?:(?:\s\(|,\s)\{eq\}`[\w-]+`)*)")

Pairs = set[tuple[str, str]]


def texts() -> Iterator[str]:
    """The prose of every page, cell by cell."""
    for path in sorted((ROOT / "book").glob("*.md")):
        yield path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                yield "".join(cell["source"])


def links_to_code(text: str) -> Pairs:
    """Equations and their objects; without an equation of its own an object is the last one's."""
    found, last = set(), "no equation"
    for match in LINK.finditer(text):
        last = match["label"] or last
        for name, equations in OBJECT.findall(match["code"] or ""):
            labels = re.findall(r"\{eq\}`([\w-]+)`", equations) or [last]
            found |= {(label, name) for label in labels}
    return found


def links_to_equations(name: str, path: Path) -> Pairs:
    """The same pairs from the docstrings of a module."""
    found = set()

    def visit(node: ast.Module | ast.ClassDef | ast.FunctionDef, owner: str) -> None:
        labels = re.findall(r":eq:`([\w-]+)`", ast.get_docstring(node) or "")
        found.update((label, owner) for label in labels)
        for child in node.body:
            if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                visit(child, f"{owner}.{child.name}")

    visit(ast.parse(path.read_text(encoding="utf-8")), name)
    return found


def located(name: str) -> object:
    """The object of a path through modules, classes and their attributes."""
    module = next(
        part for part in sorted(modules(), key=len, reverse=True) if name.startswith(f"{part}.")
    )
    found: object = import_module(module)
    for attribute in name.removeprefix(f"{module}.").split("."):
        found = getattr(found, attribute)
    return found


def in_book() -> Pairs:
    return {pair for text in texts() for pair in links_to_code(text)}


def test_equations_and_code_name_each_other():
    in_code = {pair for name, path in modules().items() for pair in links_to_equations(name, path)}
    assert in_book() == in_code


def test_every_numbered_equation_names_its_code():
    labels = [label for text in texts() for label in LABEL.findall(text)]
    assert len(labels) == len(set(labels)) >= 25
    assert {label for label, _ in in_book()} == set(labels)


@pytest.mark.parametrize("name", sorted({name for _, name in in_book()}))
def test_what_an_equation_names_is_there(name):
    assert located(name).__doc__


def test_links_are_read_as_they_are_meant():
    text = (
        "$$ (eq-a)\n\nIn code: {py:obj}`m.f`.\n\n$$ (eq-b)\n\n$$ (eq-c)\n\n"
        "In code: {py:obj}`m.g` ({eq}`eq-b`, {eq}`eq-a`) and\n{py:obj}`m.h`.\n\n{py:obj}`m.i`\n"
    )
    assert links_to_code(text) == {
        ("eq-a", "m.f"),
        ("eq-b", "m.g"),
        ("eq-a", "m.g"),
        ("eq-c", "m.h"),
    }
