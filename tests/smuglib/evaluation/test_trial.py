"""One scan in one scenario: what the attacker sees and what is scored."""

from __future__ import annotations

from dataclasses import replace
from functools import wraps

import pytest
import torch

from smuglib.evaluation import Scenario
from smuglib.evaluation.trial import reconstruct
from tests.evaluated import ADAPTIVE
from tests.scans import network


def test_score_uses_noise_that_the_attacker_did_not_see(scans, monkeypatch):
    net, seeds = network("smug"), []
    forward = net.forward

    @wraps(forward)
    def recorded(*args, **kwargs):
        seeds.append(kwargs["generator"].initial_seed())
        return forward(*args, **kwargs)

    monkeypatch.setattr(net, "forward", recorded)
    reconstruct(net, scans[0], ADAPTIVE)
    assert len(seeds) == 3
    assert seeds[0] == seeds[1] != seeds[2]


def test_unrolling_steps_are_attacked_as_scored(scans):
    short = network("modl", n_steps=1)
    overridden, own = (
        reconstruct(net, scans[0], scenario)
        for net, scenario in (
            (network("modl", n_steps=3), replace(ADAPTIVE, n_steps=1)),
            (short, ADAPTIVE),
        )
    )
    assert torch.equal(overridden[0], own[0])
    assert torch.equal(overridden[1], own[1])


def test_noise_scenario_has_standard_deviation_epsilon(scans):
    z, _ = reconstruct(network(), scans[0], Scenario("noise", "random_gaussian", 0.01))
    noise = z - scans[0].operator.adjoint(scans[0].kspace)
    assert torch.view_as_real(noise).std().item() == pytest.approx(0.01, rel=0.05)
