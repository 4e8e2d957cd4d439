"""An evaluation has the parameters of its page, and refuses what cannot be evaluated."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from smugbook.experiments import extent
from smugbook.experiments.evaluations import Evaluation
from smugbook.experiments.sweeps import AXES
from smugbook.notebooks import run
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
        ({"sweeps": ["speed"]}, "sweep must be one of"),
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
    assert {extent.sweeps_at(sigma) for sigma in extent.STUDIED} == {tuple(AXES)}
    assert extent.sweeps_at(0.01) == ()
    assert extent.baselines_at(0.05) == ("zero_filled", "tv")
    assert extent.baselines_at(0.01) == ("zero_filled",)
