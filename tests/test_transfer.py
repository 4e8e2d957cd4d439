"""A transfer matrix pairs every source with every target, and its diagonal is the evaluation."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
import torch

from smuglib.data import Scan
from smuglib.evaluation import evaluate
from smuglib.ladder import LADDER
from smuglib.models import METHODS
from smuglib.scenarios import Scenario
from smuglib.transfer import COLUMNS, transfer_matrix
from smuglib.transfer_study import SCENARIO, TransferStudy
from tests.scans import measurement, network

ATTACK = replace(LADDER["adaptive"], n_steps=3, n_samples=1)
EPSILON = 0.02


def scan(index, batch=1):
    y, A, target = measurement(seed=index, batch=batch, size=16)
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


@pytest.fixture(scope="module")
def matrix(nets, scans):
    return transfer_matrix(nets, scans, ATTACK, epsilon=EPSILON, seed=2)


def test_rows_are_all_pairs_on_all_slices(matrix, nets):
    assert list(matrix.columns) == COLUMNS
    pairs = [(a, b, index // 2, index) for index in range(3) for a in nets for b in nets]
    found = matrix[["source", "target", "subject", "slice"]].itertuples(index=False, name=None)
    assert list(found) == pairs
    assert set(matrix["split"]) == {"test"} and set(matrix["seed"]) == {2}


def test_the_diagonal_is_the_evaluation(matrix, nets, scans):
    scenario = Scenario("own", "adaptive", EPSILON, attack_steps=3, attack_samples=1)
    for name, net in nets.items():
        options = {"method": name, "training_sigma": 0.0, "seed": 2, "progress": False}
        rows = evaluate(net, scans, [scenario], **options)
        own = matrix[(matrix["source"] == name) & (matrix["target"] == name)]
        assert own["psnr"].tolist() == [row.psnr for row in rows]


def test_a_row_depends_on_its_two_networks_and_its_slice_alone(matrix, nets, scans):
    names = ("other", "smug")
    again = transfer_matrix(
        {n: nets[n] for n in names}, scans[::-1], ATTACK, epsilon=EPSILON, seed=2
    )
    keys = ["source", "target", "slice"]
    same = matrix[matrix["source"].isin(names) & matrix["target"].isin(names)]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), same.sort_values(keys, ignore_index=True)
    )
    fresh = transfer_matrix(nets, scans, ATTACK, epsilon=EPSILON, seed=3)
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
    whole = transfer_matrix(nets, scans[:1], ATTACK, epsilon=EPSILON, seed=2)
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


def test_bad_requests(nets, scans):
    with pytest.raises(ValueError, match="nothing to attack: 0 networks"):
        transfer_matrix({}, scans, ATTACK, epsilon=EPSILON)
    with pytest.raises(ValueError, match="attack must be one of"):
        transfer_matrix(nets, scans, "stairs", epsilon=EPSILON)
    with pytest.raises(ValueError, match="epsilon must be >= 0"):
        transfer_matrix(nets, scans, ATTACK, epsilon=-1.0)
    with pytest.raises(ValueError, match="a batch of one, got a batch of 2"):
        transfer_matrix(nets, [scan(0, batch=2)], ATTACK, epsilon=EPSILON)
