"""Ranges of names that notebooks share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from smugbook import profiles
from smugbook.experiments import protocol, sweeps
from smugbook.experiments.departures import DEPARTURES
from smugbook.notebooks import contents, ranges, run
from smugbook.words import labels
from smuglib import sampling
from smuglib.evaluation import table_scenarios


def test_scenarios_are_those_of_the_table():
    assert {scenario.name for scenario in table_scenarios()} == labels.SCENARIO_LABELS.keys()
    ranges.check_ranges({"scenarios": list(labels.SCENARIO_LABELS)})
    with pytest.raises(ValueError, match="scenarios must be one of 'clean'"):
        ranges.check_ranges({"scenarios": ["clean", "cleen"]})


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:-1", "CPU", "", 0])
def test_a_name_that_no_device_has_is_refused(value):
    with pytest.raises(ValueError, match="device must be 'auto', 'cpu', 'cuda' or 'cuda:N'"):
        ranges.check_ranges({"device": value})


def test_a_gpu_that_is_not_there_is_refused():
    ranges.check_ranges({"device": "auto"})
    ranges.check_ranges({"device": "cpu"})
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match="CUDA devices"):
        ranges.check_ranges({"device": missing})


def test_densities_are_those_of_the_masks():
    for density in sampling.DENSITIES:
        ranges.check_ranges({"density": density})
    allowed = ", ".join(map(repr, sampling.DENSITIES))
    with pytest.raises(ValueError, match=f"density must be one of {allowed}, got 'poisson'"):
        ranges.check_ranges({"density": "poisson"})


@pytest.mark.parametrize(("name", "field"), ranges.SIZES.items())
def test_an_index_that_a_profile_lacks_is_refused(name, field):
    size = getattr(profiles.get("smoke"), field)
    ranges.check_ranges({"profile": "smoke", name: size - 1})
    with pytest.raises(ValueError, match=f"{name} must be < {field} = {size} of profile 'smoke'"):
        ranges.check_ranges({"profile": "smoke", name: size})


ROOT = Path(__file__).parents[3]
CHAPTERS = contents.by_name(ROOT)


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_chapter_s_own_defaults_are_refused(name):
    known = run.parameters(CHAPTERS[name])
    run.check_values(CHAPTERS[name], {name: one.default for name, one in known.items()})


@pytest.mark.parametrize(
    ("chapter", "values", "message"),
    [
        ("forward_model", {"sampling_rate": 0.01}, "sampling_rate must be at least 0.0781"),
        ("forward_model", {"profile": "smoke", "sampling_rate": 1e-9}, "must be at least"),
        ("live_forward", {"center_fraction": 0.9}, "sampling_rate must be at least"),
        ("fragility", {"n_slices": 10**6}, "n_slices must be <= n_test"),
        ("fragility", {"sigma": 0.03}, "sigma must be one of 0.05, 0.01, the shipped"),
        ("table1", {"sigmas": [0.05, 0.03]}, "sigmas must be one of 0.05, 0.01, the shipped"),
        ("table1", {"profile": "smoke"}, "results of profile 'smoke' are not shipped"),
        ("training_the_denoiser", {"sigmas": [0.05], "sigma": 0.01}, "sigma must be one of sigmas"),
        ("noise_samples", {"n_reference": 81}, "n_reference must be even"),
        ("evaluation", {"sweeps": ["depth"]}, "sweeps must be one of"),
        ("departures", {"departures": ["depth"]}, "departures must be one of 'start_only', 'sh"),
        ("noise_samples", {"method": "modl"}, "method must be one of 'rs_e2e', 'smug_v0', 'smug'"),
        ("evaluation", {"baselines": ["pca"]}, "baselines must be one of"),
        ("evaluation", {"attack_precision": "float16"}, "attack_precision must be one of"),
        ("harm", {"contrast": 0.0}, "contrast must be > -1 and not 0"),
    ],
)
def test_what_the_first_cells_refuse_is_refused_before_a_kernel_starts(chapter, values, message):
    with pytest.raises(ValueError, match=message):
        run.check_values(CHAPTERS[chapter], values)


def test_sweeps_and_departures_are_those_that_are_evaluated():
    assert ranges.SWEEPS == (*sweeps.AXES, *protocol.SWEEPS)
    assert ranges.DEPARTURES == tuple(DEPARTURES)


OUT = ("..", "../x", "x/../../y", "/etc", "/")


@pytest.mark.parametrize("value", [*OUT, "a/b", "a\\b", ".", "a\nb", "a\0b"])
@pytest.mark.parametrize("name", ["variant", "jitters"])
def test_a_variant_lies_in_no_other_folder(name, value):
    with pytest.raises(ValueError, match=f"{name} must be the name of a file or folder alone, got"):
        ranges.check_ranges({name: [value] if name == "jitters" else value})
    ranges.check_ranges({"variant": "", "jitters": ["jitter=0.02", "..a", "<b>"]})


@pytest.mark.parametrize("value", [*OUT, "", "."])
@pytest.mark.parametrize("name", ["benchmark", "executed"])
def test_no_path_leads_out_of_the_project(name, value):
    with pytest.raises(ValueError, match=f"{name} must be the path of a folder in the project"):
        ranges.check_ranges({name: value})


def test_a_benchmark_that_is_not_there_is_refused():
    for value in ("missing", "<script>", "a\0b"):
        with pytest.raises(ValueError, match="benchmark must be 'shipped' or a folder in the proj"):
            ranges.check_ranges({"benchmark": value})
    ranges.check_ranges({"benchmark": "shipped"})
    ranges.check_ranges({"benchmark": "book/shipped/default/benchmark"})


FREE = {"benchmark", "executed", "jitters", "variant"}
"""Texts that are no choice among names: each has a check of its own, and is escaped."""


@pytest.mark.parametrize("name", CHAPTERS)
def test_no_other_text_is_free(name):
    words = [
        p.name for p in run.parameters(CHAPTERS[name]).values() if "str" in (p.kind, p.element)
    ]
    for free in set(words) - FREE - {"departures"}:
        with pytest.raises(ValueError, match=f"{free} must be"):
            ranges.check_ranges({free: "<b>"})
