"""What the lesion study measures, and under which attacks."""

from __future__ import annotations

import pytest
import torch

from smugbook.experiments import lesion_trial
from smugbook.experiments.harm import SCENARIOS, LesionStudy
from smuglib import metrics
from smuglib.analysis import uncertainty
from tests.lesions import scan
from tests.scans import network

STUDY = LesionStudy(n_lesions=2, attack_steps=2, n_samples=2, n_bins=4, epsilon=0.01, seed=3)


@pytest.fixture(scope="module")
def slice_():
    return scan(dtype=torch.complex64)


def test_every_scenario_is_measured(slice_):
    measure = STUDY.measure(network("smug"))
    found = {name: measure(slice_, name) for name in SCENARIOS}
    for name, values in found.items():
        sizes = {quantity: len(numbers) for quantity, numbers in values.items()}
        expected = {"recovery": 2, "false": 2, "apparent": 2, "psnr": 1}
        if name in ("clean", "image", "kspace"):
            single = ("rank_spread", "rank_steepness", "rank_attainable", "underestimation")
            expected |= {**dict.fromkeys(single, 1), "bin_spread": 4, "bin_error": 4}
        assert sizes == expected
    assert len({values["psnr"][0] for values in found.values()}) == len(SCENARIOS)
    for domain in ("image", "kspace"):
        error = found[domain]
        assert found[f"erase_{domain}"]["apparent"][0] < error["apparent"][0]
        assert found[f"create_{domain}"]["false"][0] > error["false"][0]


def test_numbers_are_those_of_the_functions_they_come_from(slice_):
    net = network("smug")
    pair = STUDY.planted(slice_)
    outcome = lesion_trial.observe(net, pair, STUDY.scenario("image"), seed=3)
    values = STUDY.measure(net)(slice_, "image")
    lesions = lesion_trial.measure_lesions(pair, outcome)
    for name in ("recovery", "false", "apparent"):
        assert values[name] == lesions[name].tolist()
    assert values["psnr"] == metrics.psnr(outcome.x, pair.scan.target).tolist()
    x, spread = lesion_trial.with_spread(net, pair, outcome, seed=3)
    error, mask = (x - pair.scan.target).abs(), uncertainty.foreground(pair.scan.target)
    assert values["rank_spread"] == [uncertainty.rank_correlation(spread, error, mask)]
    assert values["bin_error"] == uncertainty.calibration(
        spread, error, mask, n_bins=4
    )["error"].tolist()  # fmt: skip


@pytest.mark.parametrize(("name", "norm"), [("image", "linf"), ("erase_kspace", "l2")])
def test_attacks_stay_in_their_balls(slice_, name, norm):
    pair, net = STUDY.planted(slice_), network("smug")
    scenario = STUDY.scenario(name)
    assert scenario.attack.norm == norm and scenario.attack.precision == "bfloat16"
    outcome = STUDY.observe(net, pair, name)
    change = outcome.z - pair.scan.operator.adjoint(pair.scan.kspace)
    if norm == "linf":
        assert torch.view_as_real(change).abs().max() <= 0.01 * (1 + 1e-5)
    else:  # ||A^H eta|| <= ||eta||, as ||A|| <= 1
        assert change.norm() <= 0.02 * pair.scan.kspace.norm() * (1 + 1e-5)
    assert change.abs().max() > 1e-3


def test_a_network_without_samples_has_no_spread(slice_):
    assert set(STUDY.measure(network("modl"))(slice_, "clean")) == {
        "recovery", "false", "apparent", "psnr",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "changed"),
    [("seed", 4), ("contrast", -0.3), ("radius", 1.5), ("tissue", 0.7), ("attack_steps", 4),
     ("epsilon", 0.02), ("n_samples", 1), ("attack_samples", 2)],
)  # fmt: skip
def test_every_setting_changes_the_measurement(slice_, setting, changed):
    net, other = network("smug"), LesionStudy(**{**vars(STUDY), setting: changed})
    one, two = (study.measure(net)(slice_, "image")["false"] for study in (STUDY, other))
    assert one != two


@pytest.mark.parametrize(
    "setting",
    [{"contrast": 0.0}, {"radius": 0.0}, {"n_bins": 0}, {"tissue": 2.0}, {"precision": "float16"},
     {"epsilon": 0.0}, {"seed": -1}],
)  # fmt: skip
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        LesionStudy(**setting)
    with pytest.raises(ValueError, match="scenario must be one of"):
        STUDY.scenario("hide")
