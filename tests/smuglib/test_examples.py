"""The examples in docstrings run, and print what they say."""

import doctest
from importlib import import_module

import pytest

EXAMPLES = {
    "ascent": 0, "attacks": 3, "consistency": 1, "ladder": 1, "models": 2, "operators": 1,
    "perturbations": 1, "reachable": 1, "smoothing": 1, "solvers": 2, "total_variation": 1,
}  # fmt: skip


@pytest.mark.parametrize(("name", "least"), EXAMPLES.items(), ids=EXAMPLES)
def test_examples(name, least):
    module = import_module(f"smuglib.{name}")
    tests = [test for test in doctest.DocTestFinder().find(module) if test.examples]
    assert len(tests) >= least
    assert doctest.testmod(module).failed == 0
