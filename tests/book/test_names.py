"""Names of the workshop's functions: a search for one finds that one."""

import ast
from collections import Counter
from pathlib import Path

BOOK = Path(__file__).parents[2] / "book"

ENTRY_POINT = "main"

PARTICIPLES = {"joined", "judged", "listed", "measured", "shown", "told", "worded", "written"}


def public_functions():
    """Return how often each name of a function is defined at the top of a module."""
    paths = [path for name in ("smugbook", "smugbench") for path in (BOOK / name).rglob("*.py")]
    return Counter(
        node.name
        for path in paths
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    )


def test_each_function_has_a_name_of_its_own():
    found = public_functions()
    assert found["read_notebook"] == 1
    assert [name for name, n in found.items() if n > 1 and name != ENTRY_POINT] == []


def test_functions_are_not_named_by_participles():
    assert not PARTICIPLES & public_functions().keys()
