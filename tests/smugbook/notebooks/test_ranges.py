"""Ranges of names that notebooks share."""

from __future__ import annotations

import pytest
import torch

from smugbook import profiles
from smugbook.notebooks import ranges
from smugbook.words import labels
from smuglib import sampling
from smuglib.evaluation import table_scenarios


def test_scenarios_are_those_of_the_table():
    assert {scenario.name for scenario in table_scenarios()} == labels.SCENARIO_LABELS.keys()
    ranges.check({"scenarios": list(labels.SCENARIO_LABELS)})
    with pytest.raises(ValueError, match="scenarios must be one of 'clean'"):
        ranges.check({"scenarios": ["clean", "cleen"]})


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:-1", "CPU", "", 0])
def test_a_name_that_no_device_has_is_refused(value):
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu', 'cuda' or 'cuda:N'"):
        ranges.check({"device": value})


def test_a_gpu_that_is_not_there_is_refused():
    ranges.check({"device": "auto"})
    ranges.check({"device": "cpu"})
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match="CUDA devices"):
        ranges.check({"device": missing})


def test_densities_are_those_of_the_masks():
    for density in sampling.DENSITIES:
        ranges.check({"density": density})
    allowed = ", ".join(map(repr, sampling.DENSITIES))
    with pytest.raises(ValueError, match=f"density must be one of {allowed}, got 'poisson'"):
        ranges.check({"density": "poisson"})


@pytest.mark.parametrize(("name", "field"), ranges.SIZES.items())
def test_an_index_that_a_profile_lacks_is_refused(name, field):
    size = getattr(profiles.get("smoke"), field)
    ranges.check({"profile": "smoke", name: size - 1})
    with pytest.raises(ValueError, match=f"{name} must be < {field} = {size} of profile 'smoke'"):
        ranges.check({"profile": "smoke", name: size})
