"""Scenarios: those of the table, and settings that are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smuglib.attacks import LADDER
from smuglib.evaluation import Scenario, evaluate, table_scenarios
from tests.evaluated import OPTIONS
from tests.scans import network


def test_table_scenarios_run_and_order_the_damage(scans):
    scenarios = table_scenarios(0.02, attack_steps=3, attack_samples=1)
    assert [scenario.name for scenario in scenarios] == [
        "clean",
        "noise",
        "transfer_published",
        "transfer",
        "adaptive_image",
        "adaptive_kspace_l2",
        "adaptive_kspace_linf",
    ]
    rows = {row.scenario: row for row in evaluate(network(), scans[:1], scenarios, **OPTIONS)}
    assert rows["transfer"].psnr < rows["noise"].psnr < rows["clean"].psnr + 0.5
    assert rows["transfer"].psnr == rows["adaptive_image"].psnr
    for name in ("adaptive_kspace_l2", "adaptive_kspace_linf"):
        assert rows[name].domain == "kspace"
        assert rows[name].psnr < rows["clean"].psnr


def test_default_table_has_the_posters_strength():
    by_name = {scenario.name: scenario for scenario in table_scenarios()}
    assert by_name["noise"].epsilon == by_name["transfer"].epsilon == 1 / 255
    assert by_name["noise"].attack == replace(LADDER["random_gaussian"], n_samples=2)
    assert by_name["transfer"].attack == replace(LADDER["transfer"], n_samples=2)
    assert by_name["adaptive_kspace_l2"].epsilon == 0.02
    assert by_name["adaptive_kspace_l2"].attack.norm == "l2"
    assert by_name["adaptive_kspace_linf"].epsilon == 0.01
    assert by_name["adaptive_kspace_linf"].attack.norm == "linf"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": ""}, "name must be a string"),
        ({"rung": "stairs"}, "rung must be one of 'clean', 'random_gaussian'"),
        ({"epsilon": -1.0}, "epsilon must be >= 0"),
        ({"rung": "clean"}, "epsilon must be 0 for rung 'clean'"),
        ({"domain": "mars"}, "domain must be one of"),
        ({"norm": "l1"}, "norm must be one of"),
        ({"attack_steps": 0}, "attack_steps must be"),
        ({"attack_restarts": 0}, "attack_restarts must be"),
        ({"attack_samples": 0}, "attack_samples must be"),
        ({"sampling_rate": 1.5}, "sampling_rate must lie in"),
        ({"n_steps": 0}, "n_steps must be"),
        ({"n_samples": 0}, "n_samples must be"),
        ({"precision": "float16"}, "precision must be one of 'float32', 'bfloat16'"),
        ({"mask_mismatch": True}, "mask_mismatch needs a sampling_rate"),
    ],
)
def test_bad_scenarios(settings, message):
    with pytest.raises(ValueError, match=message):
        Scenario(**{"name": "x", "rung": "adaptive", "epsilon": 0.01, **settings})
