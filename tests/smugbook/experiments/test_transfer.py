"""A network scored on its own perturbation is the evaluation; others see the same perturbation."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from smugbook.experiments.transfer import SCENARIO, TransferStudy, transfer_psnr
from smuglib.attacks import LADDER
from smuglib.data import Scan
from smuglib.evaluation import Scenario, evaluate
from smuglib.methods import METHODS
from tests.scans import measurement, network

ATTACK = replace(LADDER["adaptive"], n_steps=3, n_samples=1)
EPSILON = 0.02


def scan(index):
    y, A, target = measurement(seed=index, size=16)
    return Scan(y, A.maps, A.mask, target, 1.0, index // 2, index, "test")


@pytest.fixture(scope="module")
def nets():
    networks = {"modl": network("modl"), "smug": network("smug", sigma=0.3)}
    other = network("modl", n_steps=3)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)
    return {**networks, "other": other}


@pytest.fixture(scope="module")
def scans():
    return [scan(index) for index in range(3)]


def transfer_matrix(nets, scans, seed=2):
    """Score every network on the perturbation of every network, on every scan."""
    rows = [
        (source, target, scan.slice_index, psnr)
        for scan in scans
        for source, net in nets.items()
        for target, psnr in transfer_psnr(
            net, nets, scan, ATTACK, epsilon=EPSILON, seed=seed
        ).items()
    ]
    return pd.DataFrame(rows, columns=["source", "target", "slice", "psnr"])


@pytest.fixture(scope="module")
def matrix(nets, scans):
    return transfer_matrix(nets, scans)


def test_the_diagonal_is_the_evaluation(matrix, nets, scans):
    scenario = Scenario("own", "adaptive", EPSILON, attack_steps=3, attack_samples=1)
    for name, net in nets.items():
        options = {"method": name, "training_sigma": 0.0, "seed": 2, "progress": False}
        rows = evaluate(net, scans, [scenario], **options)
        own = matrix[(matrix["source"] == name) & (matrix["target"] == name)]
        assert own["psnr"].tolist() == [row.psnr for row in rows]


def test_a_row_depends_on_its_two_networks_and_its_slice_alone(matrix, nets, scans):
    names = ("other", "smug")
    again = transfer_matrix({n: nets[n] for n in names}, scans[::-1])
    keys = ["source", "target", "slice"]
    same = matrix[matrix["source"].isin(names) & matrix["target"].isin(names)]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), same.sort_values(keys, ignore_index=True)
    )
    fresh = transfer_matrix(nets, scans, seed=3)
    assert (fresh["psnr"] != matrix["psnr"]).all()


def test_a_networks_own_attack_hurts_it_most(matrix):
    """Of all sources, each target suffers most from itself, on average over the slices."""
    means = matrix.groupby(["source", "target"])["psnr"].mean().unstack("target")
    for name in ("modl", "other"):
        assert means[name].idxmin() == name


def test_the_study_is_a_row_of_the_matrix(scans):
    nets = {name: network(name, sigma=0.3) for name in METHODS}
    study = TransferStudy(EPSILON, attack_steps=3, attack_samples=1, precision="float32", seed=2)
    values = study.measure(nets["smug"], *nets.values())(scans[0], SCENARIO)
    whole = transfer_matrix(nets, scans[:1])
    assert values["psnr"] == whole.loc[whole["source"] == "smug", "psnr"].tolist()
    with pytest.raises(ValueError, match="scenario must be one of"):
        study.measure(nets["smug"], *nets.values())(scans[0], "clean")


@pytest.mark.parametrize(
    "setting",
    [{"epsilon": 0.0}, {"attack_steps": 0}, {"attack_samples": 0}, {"precision": "int8"}],
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        TransferStudy(**setting)
