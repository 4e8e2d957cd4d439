"""An evaluation has the parameters of its page, and refuses what cannot be evaluated."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from smugbook.experiments import extent, protocol
from smugbook.experiments.evaluations import Evaluation
from smugbook.experiments.sweeps import AXES
from smugbook.notebooks import ranges, run
from smugbook.results.tuning import TUNED
from smuglib.evaluation import table_scenarios

SMOKE = {"profile": "smoke", "method": "modl"}


def test_its_fields_are_the_parameters_of_the_page_with_their_defaults():
    offered = run.parameters("book/04_evaluation.ipynb")
    assert [field.name for field in fields(Evaluation)] == [n for n in offered if n != "device"]
    for field in fields(Evaluation):
        written = eval(offered[field.name].written)
        default = field.default
        assert (list(default) if isinstance(default, tuple) else default) == written, field.name


def test_the_table_is_evaluated_unless_sweeps_are_asked_for():
    assert tuple(Evaluation().chosen) == table_scenarios()
    names = {scenario.name for scenario in Evaluation(sweeps=("range",)).chosen}
    assert names == {"range_image"}
    both = Evaluation(scenarios=["clean"], sweeps=("range",), sweep_steps=3).chosen
    assert [scenario.name for scenario in both] == ["clean", "range_image"]
    assert both[1].attack_steps == 3


def test_a_method_goes_through_what_it_has_settings_for():
    sweeps = {"sweeps": ("steps", "samples", "rate")}
    asked = {
        "modl": Evaluation(**SMOKE, **sweeps),
        "smoothed": Evaluation(**SMOKE, **sweeps, placement="denoiser"),
        "smug": Evaluation(profile="smoke", **sweeps),
        "switched off": Evaluation(profile="smoke", **sweeps, placement="none"),
    }
    sampled = {
        name: any(one.n_samples for one in evaluation.wanted(evaluation.method))
        for name, evaluation in asked.items()
    }
    assert sampled == {"modl": False, "smoothed": True, "smug": True, "switched off": False}
    assert all(one.n_steps is None for one in asked["modl"].wanted("tv"))
    assert any(one.n_steps for one in asked["modl"].wanted("modl"))


def test_baselines_go_with_the_profile_s_own_modl_alone():
    assert Evaluation(**SMOKE).names == ("zero_filled", "tv", "modl")
    assert Evaluation("smoke", "smug").names == ("smug",)
    assert Evaluation(**SMOKE, placement="denoiser").names == ("modl",)
    assert Evaluation(**SMOKE, variant="jitter=0.02").names == ("modl",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_slices": 5}, "n_slices must be <= n_test 4, got 5"),
        ({"batch": 0}, "batch must be an integer >= 1, got 0"),
        ({"scenarios": ["dirty"]}, "scenarios must be one of"),
        ({"sweeps": ["speed"]}, "sweeps must be one of"),
        ({"sigma": 0.0}, "sigma must be > 0"),
        ({"variant": "../x"}, "variant must be the name of a file"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_before_it_is_tried(changes, message):
    with pytest.raises(ValueError, match=message):
        Evaluation(**{**SMOKE, **changes}).check("cpu")


def test_slices_go_together_on_a_gpu_unless_a_number_is_asked_for():
    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    assert (Evaluation().batch_on(cpu), Evaluation().batch_on(cuda)) == (1, 16)
    assert Evaluation(batch=3).batch_on(cpu) == Evaluation(batch=3).batch_on(cuda) == 3


def test_sweeps_belong_to_the_levels_that_are_studied():
    assert {extent.sweeps_at(sigma, "default") for sigma in extent.STUDIED} == {tuple(AXES)}
    assert extent.sweeps_at(0.01, "default") == ()
    assert extent.baselines_at(0.05, "default") == ("zero_filled", "tv")
    assert extent.baselines_at(0.01, "default") == ("zero_filled",)


def test_a_profile_with_a_learned_lambda_has_the_standard_protocol():
    assert set(protocol.SWEEPS) < set(extent.sweeps_at(0.05, "head"))
    assert extent.sweeps_at(0.01, "head") == ("standard",)
    assert extent.baselines_at(0.05, "head")[-1] == TUNED
    (control, *_) = extent.profile_controls("head")
    asked = Evaluation("head", control.method, **extent.evaluation_of(control, "head"))
    columns = asked.protocol.columns.values()
    assert set(columns) <= set(asked.chosen) and len(columns) == 4
    assert {asked.counts[column] for column in columns} == {24}


def test_a_budget_names_its_slices_steps_and_samples():
    wanted = {"profile": "head", "method": "modl", "sweeps": extent.sweeps_at(0.05, "head")}
    small, whole = (Evaluation(**wanted, budget=name) for name in ("cpu", "full"))
    assert (small.n_scans, whole.n_scans) == (24, 60)
    assert small.n_gradients("modl") < whole.n_gradients("modl") / 10
    assert all(one.antithetic for one in small.chosen)
    ascents = [one for one in small.chosen if one.attack and one.attack.kind == "pgd"]
    assert {one.precision for one in ascents} == {"float32"}
    eot = [one for one in small.chosen if one.name.startswith("eot")]
    assert [one.attack_samples for one in eot] == list(protocol.EOT_SAMPLES)
    assert not set(eot) & set(small.wanted("modl"))
    strengths = [one.epsilon for one in small.chosen if one.name == "level_kspace"]
    assert strengths == [0.0025, 0.005, 0.01, 0.02]
    fixed = Evaluation(**wanted, budget="cpu", n_slices=3)
    assert set(fixed.counts.values()) == {3}
    # Ten adaptive steps in one run, warm-started by ten of the transfer attack, on 24 slices.
    alone = Evaluation("head", "modl", sweeps=("standard",), budget="cpu")
    assert alone.n_gradients("modl") == 3 * 24 * (10 + 10)


def test_a_check_has_twice_the_steps_and_one_more_run_or_another_search():
    for name in ("cpu", "full"):
        one = protocol.PROTOCOLS[name]
        strong = one.columns["range"].attack
        found = {scenario.name: scenario.attack for scenario in one.sweep("check")}
        longer = found["plateau_range"]
        assert (longer.n_steps, longer.n_restarts) == (2 * strong.n_steps, strong.n_restarts + 1)
        other = found["independent_range"]
        assert (other.domain, other.norm) == (strong.domain, strong.norm) == ("range", "linf")
        assert other.step_rule != strong.step_rule and not other.warm_start


def test_names_that_notebooks_check_are_those_of_the_protocols():
    assert tuple(filter(None, ranges.BUDGETS)) == tuple(protocol.PROTOCOLS)
    assert set(ranges.SWEEPS) == {*AXES, *protocol.SWEEPS}
