"""Signatures of the reference stand as the code writes them, without what only one computer has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from smugbook.explorers.static.grid import Grid
from smugbook.pages import signatures
from smuglib.models.weights import SHIPPED

PAIR = (1, 2)


@dataclass
class Base:
    scale: float
    step: float = 1 / 255


@dataclass
class Derived(Base):
    many: tuple[int, ...] = (*PAIR, 3)
    names: list[str] = field(default_factory=list)
    path: Path | None = field(default=None, repr=False)
    step: float = 2 / 255


def test_defaults_of_a_dataclass_are_those_of_its_code():
    assert signatures.written_defaults(Derived) == {
        "step": "2 / 255",
        "names": "list()",
        "path": "None",
    }
    written = signatures.signature(Derived)
    assert "scale: float, step: float = 2 / 255, many: tuple[int, ...] = (1, 2, 3)" in written
    assert "<factory>" not in written
    assert "1 / 255" in signatures.signature(Grid)


@pytest.mark.parametrize("value", ["fixed", 3, 0.05, (1, "a"), [0.1], 1e-6])
def test_short_values_are_shown(value):
    assert signatures.is_short_value(value)


@pytest.mark.parametrize(
    "value", [SHIPPED, {"a": 1}, (), 1 / 255, "a" * 80, tuple(range(40)), None]
)
def test_paths_tables_and_long_values_are_not(value):
    assert not signatures.is_short_value(value)


def test_types_of_arrays_are_short():
    shaped = "(y: ~numpy.ndarray[tuple[~typing.Any, ...], ~numpy.dtype[~numpy.float64]])"
    assert signatures.short_arrays(shaped) == "(y: ~numpy.typing.NDArray[~numpy.float64])"
    assert signatures.short_arrays("numpy.ndarray[Any, Any]") == "numpy.typing.NDArray[Any]"
    assert signatures.short_arrays(None) is None


def test_options_of_one_constant_do_not_reach_the_next():
    options = {}
    signatures._process(None, "data", "a", SHIPPED, options, None, None)
    assert options == {"no-value": True}
    signatures._process(None, "data", "b", 3, options, None, None)
    assert options == {}
