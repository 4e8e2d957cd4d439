"""No bad call of the public interface ends but well, or in our own words."""

from __future__ import annotations

import importlib

import pytest
import torch

from smuglib import files
from tests.torture import bad_calls
from tests.torture.calls import HOLDERS, calls

FACES = (
    "smuglib",
    "smuglib.analysis",
    "smuglib.analysis.lesions",
    "smuglib.attacks",
    "smuglib.consistency",
    "smuglib.data",
    "smuglib.evaluation",
    "smuglib.models",
    "smuglib.operators",
)


def test_the_valid_calls_succeed():
    pytest.importorskip("h5py", reason="needs the extra 'fastmri'")
    pytest.importorskip("sigpy", reason="needs the extra 'fastmri'")
    with bad_calls.workplace():
        for name, (function, given) in calls().items():
            assert bad_calls.is_finite(bad_calls.called(function, dict(given))), name


def test_every_public_callable_is_called():
    called = {name.split(".")[0] for name in calls()}
    for face in FACES:
        module = importlib.import_module(face)
        public = {name for name in module.__all__ if callable(getattr(module, name))}
        assert public - set(HOLDERS) <= called, face


def test_bad_calls_end_well_or_in_our_own_words():
    outcomes = bad_calls.run(seed=0, n=1500)
    assert len(outcomes) == 1500
    assert [outcome for outcome in outcomes if outcome.verdict == "lost"] == []


def test_the_seed_gives_the_order():
    first, again, other = (
        [outcome.case for outcome in bad_calls.run(seed, 5)] for seed in (1, 1, 2)
    )
    assert first == again != other


def deep(x: object) -> object:
    return {}[x]


def unnamed(x: object) -> object:
    return torch.zeros(3) @ torch.zeros(4)


def hanging(x: object) -> None:
    while True:
        pass


@pytest.mark.parametrize(
    ("function", "detail"),
    [
        (deep, "KeyError: 1"),
        (unnamed, "RuntimeError: inconsistent tensor size"),
        (lambda x: torch.tensor(torch.nan), "result is not finite"),
        (hanging, "took"),
        (lambda x: torch.ones(2**30).sum(), "RuntimeError"),
    ],
)
def test_what_ends_otherwise_is_lost(monkeypatch, function, detail):
    monkeypatch.setattr(bad_calls, "calls", lambda: {"f": (function, {"x": 0})})
    monkeypatch.setattr(bad_calls, "SECONDS", 0.2)
    outcome = bad_calls.attempt("f", "x", "1", lambda: 1)
    assert (outcome.verdict, outcome.case) == ("lost", "f(x=1)")
    assert detail in outcome.detail


def test_no_hang_passes_for_an_unreadable_file(monkeypatch):
    monkeypatch.setattr(bad_calls, "SECONDS", 0.1)
    with pytest.raises(bad_calls.TooLongError), bad_calls.limits(), files.reading("x", "a file"):
        hanging(0)
