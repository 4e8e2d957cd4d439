"""Profiles are validated when they are made, and refuse what they do not know."""

from __future__ import annotations

import inspect
from dataclasses import FrozenInstanceError, fields

import pytest

from smugbook import profiles
from smuglib import data
from smuglib.models import denoisers

SMOKE = profiles.get("smoke")


def test_profiles_are_those_of_the_design():
    default, paper = profiles.get("default"), profiles.get("paper")
    assert (default.height, default.n_coils, default.n_steps, default.n_samples) == (128, 8, 8, 10)
    assert default.architecture == {"name": "didn", "channels": 32, "blocks": 2}
    assert default.n_train >= 400
    assert default.n_validation >= 40
    assert default.n_test >= 60
    assert (paper.height, paper.n_coils, paper.channels, paper.learning_rate) == (320, 15, 64, 1e-4)
    assert (SMOKE.height, SMOKE.n_steps, SMOKE.n_samples) == (64, 2, 2)
    head = profiles.get("head")
    assert (head.data, head.lam, head.lam_learned) == ("head", 0.05, True)
    assert head.architecture == default.architecture
    assert {profiles.get(name).name for name in profiles.PROFILES} == set(profiles.PROFILES)


@pytest.mark.parametrize("name", ["Smoke", "", None, 3])
def test_an_unknown_profile_is_refused_and_the_known_are_named(name):
    with pytest.raises(
        ValueError, match="profile must be one of 'smoke', 'default', 'head', 'paper'"
    ):
        profiles.get(name)


def test_a_profile_is_frozen_and_hashable():
    with pytest.raises(FrozenInstanceError):
        SMOKE.height = 32  # type: ignore[misc]
    assert len({SMOKE, SMOKE.replace(), SMOKE.replace(seed=1)}) == 2


def test_replace_changes_what_it_is_told_and_nothing_else():
    changed = SMOKE.replace(updates=9, lam=2, reference="denoised")
    assert (changed.updates, changed.lam, changed.reference) == (9, 2.0, "denoised")
    assert isinstance(changed.lam, float)
    assert changed.replace(updates=SMOKE.updates, lam=1, reference="target") == SMOKE


def test_an_unknown_field_is_refused_and_the_known_are_named():
    with pytest.raises(ValueError, match="unknown profile field 'learning_rat'.*'learning_rate'"):
        SMOKE.replace(learning_rat=1e-3)


INTEGERS = [f.name for f in fields(profiles.Profile) if f.type == "int"]
NUMBERS = [f.name for f in fields(profiles.Profile) if f.type == "float"]


@pytest.mark.parametrize("name", INTEGERS)
@pytest.mark.parametrize("value", [-1, 2.0, True, "8", None])
def test_integers_must_be_integers_and_not_negative(name, value):
    with pytest.raises(ValueError, match=f"{name} must be an integer >="):
        SMOKE.replace(**{name: value})


@pytest.mark.parametrize("name", [name for name in INTEGERS if "seed" not in name])
def test_counts_and_sizes_are_not_zero(name):
    with pytest.raises(ValueError, match=f"{name} must be an integer >="):
        SMOKE.replace(**{name: 0})


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [-0.1, float("nan"), float("inf"), True, "0.1", None])
def test_numbers_must_be_finite_and_not_negative(name, value):
    with pytest.raises(ValueError, match=f"{name} must "):
        SMOKE.replace(**{name: value})


@pytest.mark.parametrize("name", NUMBERS)
def test_only_what_joins_a_training_may_be_zero(name):
    if name in ("jitter", "adversarial", "ema_decay"):
        assert getattr(SMOKE.replace(**{name: 0}), name) == 0.0
    else:
        with pytest.raises(ValueError, match=f"{name} must "):
            SMOKE.replace(**{name: 0.0})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampling_rate": 1.1}, r"sampling_rate must lie in \(0, 1\]"),
        ({"center_fraction": 1.1}, r"center_fraction must lie in \(0, 1\]"),
        ({"height": 31, "strip_height": 31}, "height must be an integer >= 32"),
        ({"strip_height": 65}, "strip_height must be <= height 64, got 65"),
        ({"n_validation_used": 3}, "n_validation_used must be <= n_validation 2, got 3"),
        ({"denoiser": "bm3d"}, "denoiser must be one of 'didn', 'unet', 'dncnn', got 'bm3d'"),
        ({"reference": "label"}, "reference must be one of 'denoised'"),
        ({"precision": "float16"}, "precision must be one of 'float32', 'bfloat16', 'tf32'"),
        ({"data": "knee"}, "data must be one of 'phantom', 'head', 'volumes:FOLDER'.*, got 'knee'"),
        ({"data": "head:x"}, "data must be one of .*, got 'head:x'"),
        ({"data": "volumes:"}, "data must be one of .*, got 'volumes:'"),
        ({"density": "poisson"}, "density must be one of 'variable', 'uniform', 'equispaced'"),
        ({"lam_learned": "no"}, "lam_learned must be True or False, got 'no'"),
        ({"ema_decay": 1}, "ema_decay must be < 1, got 1.0"),
    ],
)
def test_impossible_values_are_refused_by_name(changes, message):
    with pytest.raises(ValueError, match=message):
        SMOKE.replace(**changes)


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_a_profile_fits_the_functions_it_is_passed_to(name):
    profile = profiles.get(name)
    kind = data.HeadProtocol if profile.data == "head" else data.Protocol
    assert profile.scan.keys() <= {field.name for field in fields(kind)}
    assert profile.architecture.keys() == inspect.signature(denoisers.make).parameters.keys()
