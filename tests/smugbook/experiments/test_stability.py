"""What the stability study measures: closed forms, and the functions it calls."""

from __future__ import annotations

import pytest
import torch

from smugbook.experiments.stability import BOUND, EDGES, StabilityStudy
from smuglib import DataConsistency, UnrolledNetwork
from smuglib.analysis import jacobian_norm, journal_bound
from smuglib.smoothing import Smoothing
from tests.scans import network, scan

EXACT = StabilityStudy(tolerance=1e-3, n_iterations=60)


def values(net, scenario, study=EXACT, index=0):
    return study.measure(net)(scan(index, size=16), scenario)


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_an_identity_denoiser_has_the_norm_of_data_consistency_alone(domain):
    """The network is linear: point and ball have one ratio, and responses stay in their bin."""
    found = values(UnrolledNetwork(torch.nn.Identity(), n_steps=3), domain)
    assert found["norm"][0] == pytest.approx(found["identity"][0], rel=1e-3)
    assert found["ball_ratio"][0] == pytest.approx(found["norm"][0], rel=1e-3)
    assert found["residual"][0] <= 1e-3
    for kind in ("eigenvalues", "change", "response"):
        assert sum(found[kind]) == pytest.approx(100, abs=1e-3)
        assert len(found[kind]) == len(EDGES) + 1
    assert found["change"] == pytest.approx(found["response"], abs=0.5)


@pytest.mark.parametrize("domain", ["image", "kspace"])
def test_a_norm_is_that_of_the_jacobian(domain):
    net, found = network("smug"), scan(1, size=16)
    study = StabilityStudy(seed=4)
    z = found.operator.adjoint(found.kspace)
    point = z if domain == "image" else found.kspace
    options = {"n_samples": 2, "tol": 0.05, "max_iter": 16, "seed": 4}
    exact = jacobian_norm(net, point, found.operator, domain=domain, **options)
    measured = values(net, domain, study, 1)
    assert measured["norm"] == exact.value.tolist()
    assert measured["products"] == [exact.n_iterations]
    radius = study.epsilon * (2 * z.numel()) ** 0.5
    assert measured["ball_radius"][0] * z.norm().item() == pytest.approx(radius)


def test_the_bound_is_the_journal_s_and_for_smug_alone():
    nets = {method: network(method) for method in ("modl", "rs_e2e", "smug_v0", "smug")}
    scenarios = {method: EXACT.scenarios(net) for method, net in nets.items()}
    assert [method for method in nets if BOUND in scenarios[method]] == ["smug"]
    found = scan(size=16)
    z = found.operator.adjoint(found.kspace)
    step = DataConsistency(found.operator)
    expected = journal_bound(nets["smug"], z, step, n_samples=2, seed=0)
    measured = values(nets["smug"], BOUND)
    assert measured["constant"] == expected.constants[0].tolist()
    assert measured["critical_sigma"] == expected.critical_sigma.tolist()
    one = UnrolledNetwork(
        nets["smug"].denoiser, n_steps=1, smoothing=Smoothing("denoiser", 0.05, 2)
    )
    # Two steps in all: only the norm after one of them is measured beside that of the whole.
    assert measured["norm_after"] == values(one, "kspace")["norm"]


@pytest.mark.parametrize(
    "setting",
    [{"tolerance": 0.0}, {"n_iterations": 0}, {"epsilon": -1.0}, {"seed": -1}, {"n_samples": 0}],
)
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        StabilityStudy(**setting)
    with pytest.raises(ValueError, match="domain must be one of"):
        values(network(), "pixel")
