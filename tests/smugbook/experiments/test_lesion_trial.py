"""Scans with lesions meet what evaluations meet, and attackers who want the lesion."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from smugbook.experiments import lesion_trial
from smuglib.analysis.lesions import AIMS, Lesion, mean_in, plant
from smuglib.evaluation import Scenario
from smuglib.evaluation.trial import reconstruct
from smuglib.models import ZeroFilled
from tests.lesions import at_the_peak, planted, scan
from tests.scans import network

KSPACE = Scenario("k", "kspace", 0.02, attack_steps=2)
IMAGE = Scenario("i", "adaptive", 0.02, attack_steps=2)


@pytest.mark.parametrize("scenario", [Scenario("clean"), KSPACE, IMAGE])
def test_the_scan_with_lesions_meets_what_evaluations_meet(scenario):
    pair, net = planted(dtype=torch.complex64), network("smug")
    outcome = lesion_trial.observe(net, pair, scenario, seed=3)
    _, x = reconstruct(net, pair.scan, scenario, seed=3)
    torch.testing.assert_close(outcome.x, x)
    _, other = reconstruct(net, pair.scan, scenario, seed=4)
    assert not torch.allclose(outcome.x, other)


@pytest.mark.parametrize("scenario", [KSPACE, IMAGE])
def test_both_scans_bear_one_perturbation(scenario):
    """Of a linear reconstruction it cancels in the difference, in absolute units."""
    pair = at_the_peak()
    clean, attacked = (
        lesion_trial.observe(ZeroFilled(), pair, each) for each in (Scenario("clean"), scenario)
    )
    differences = [pair.factor * each.x - each.free for each in (clean, attacked)]
    torch.testing.assert_close(*differences)
    assert (attacked.free - clean.free).abs().max() > 1e-3


def test_without_lesions_left_both_reconstructions_are_one():
    """A lesion too weak to see: the same noise leaves the same image."""
    found = scan(dtype=torch.complex64)
    pair = plant(found, [Lesion(24, 24, 2.0, 1e-7)])
    outcome = lesion_trial.observe(network("smug"), pair, Scenario("clean"))
    torch.testing.assert_close(outcome.x, outcome.free, rtol=0, atol=1e-5)


def test_spreads_are_of_all_samples_of_the_network():
    pair, few = planted(dtype=torch.complex64), Scenario("clean", n_samples=1)
    for method in ("modl", "smug"):
        net = network(method)
        x, spread = lesion_trial.with_spread(
            net, pair, lesion_trial.observe(net, pair, few, seed=3), seed=3
        )
        torch.testing.assert_close(x, lesion_trial.observe(net, pair, Scenario("clean"), seed=3).x)
        assert (spread is None) == (method == "modl")
    assert spread.shape == pair.scan.target.shape and spread.min() > 0


@pytest.mark.parametrize("contrast", [0.5, -0.5])
@pytest.mark.parametrize("aim", ["erase", "create"])
def test_an_aimed_attack_on_the_zero_filled_image_does_the_most_that_its_ball_allows(aim, contrast):
    """Each pixel's magnitude moves by ε (|cos φ| + |sin φ|) at most, in disc and annulus."""
    pair, epsilon = planted(contrast=contrast), 1e-4
    scenario = Scenario("aimed", "adaptive", epsilon, attack_steps=8)
    clean, attacked = (
        lesion_trial.observe(ZeroFilled(), pair, each, aim=aim)
        for each in (Scenario("clean"), scenario)
    )
    before, after = (
        getattr(outcome, "x" if aim == "erase" else "free") for outcome in (clean, attacked)
    )
    phase = torch.view_as_real(before / before.abs())[0].abs().sum(-1)
    most = sum((phase * mask[0]).sum() / mask[0].sum() for mask in (pair.discs, pair.annuli))
    shift = [mean_in(image[0].abs(), pair.discs[0]) - mean_in(image[0].abs(), pair.annuli[0])
             for image in (before, after)]  # fmt: skip
    wanted = math.copysign(1, contrast) * (-1 if aim == "erase" else 1)
    # The magnitude is linear in the perturbation up to ε over the magnitude, below 1e-3 here.
    assert (shift[1] - shift[0]).item() == pytest.approx(wanted * epsilon * most.item(), rel=5e-3)


def test_an_aimed_attack_finds_more_than_one_on_the_error():
    pair, net = planted(dtype=torch.complex64), network("smug")
    scenario = Scenario("k", "kspace", 0.05, attack_steps=4)
    found = {aim: lesion_trial.observe(net, pair, scenario, aim=aim) for aim in AIMS}
    measured = {
        aim: lesion_trial.measure_lesions(pair, outcome).iloc[0] for aim, outcome in found.items()
    }
    assert measured["erase"]["apparent"] < measured["error"]["apparent"] - 0.05
    assert measured["create"]["false"] > measured["error"]["false"] + 0.05
    errors = {aim: (o.x - pair.scan.target).norm() for aim, o in found.items()}
    assert errors["error"] > errors["erase"]


def test_the_attack_that_creates_never_sees_the_lesion():
    """Its perturbation, in units of the scan without lesions, is one found on that scan alone."""
    pair, net = at_the_peak(torch.complex64), network()
    scenario = Scenario("i", "adaptive", 0.02, attack_steps=2)
    found = lesion_trial.observe(net, pair, scenario, aim="create", seed=5)
    other = plant(pair.free, [replace(pair.lesions[0], contrast=0.01)])
    torch.testing.assert_close(
        lesion_trial.observe(net, other, scenario, aim="create", seed=5).free, found.free
    )
    clean = pair.scan.operator.adjoint(pair.scan.kspace)
    assert (pair.factor * (found.z - clean)).abs().max() <= 0.02 * 2**0.5 * 1.001


def test_a_scenario_of_another_rate_is_refused():
    with pytest.raises(ValueError, match="must leave sampling_rate to the scan"):
        lesion_trial.observe(network(), planted(), Scenario("half", sampling_rate=0.5))


def test_measures_name_the_lesion():
    pair = planted(seed=5)
    rows = lesion_trial.measure_lesions(
        pair, lesion_trial.Outcome(pair.scan.target, pair.free.target, pair.scan.target)
    )
    assert rows[["split", "subject", "slice", "lesion"]].values.tolist() == [
        ["test", 5, 5, 0],
        ["test", 5, 5, 1],
    ]
    np.testing.assert_allclose(rows[["recovery", "false", "apparent"]], [[1, 0, 1]] * 2, atol=1e-9)
