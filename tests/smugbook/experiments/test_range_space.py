"""Energy by eigenvalue, against perturbations made along known eigenvectors."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import pytest
import torch

from smugbook.experiments import range_space
from smuglib import metrics, random
from smuglib.analysis import Spectrum
from smuglib.consistency import DataConsistency
from smuglib.evaluation import Scenario, trial
from tests.scans import network, scan

IMAGE = Scenario("transfer", "transfer", 0.02, attack_steps=2)
KSPACE = Scenario("kspace", "kspace", 0.05, attack_steps=2, attack_samples=1)
DESCRIBED = {"method": "smug", "training_sigma": 0.05, "weights_sha256": "f00"}


@pytest.fixture(scope="module")
def frame():
    found = range_space.measure_range_shares(
        network("smug"), [scan(0), scan(1)], [IMAGE, KSPACE], **DESCRIBED
    )
    return pd.DataFrame(map(asdict, found))


def test_an_eigenvector_counts_where_its_eigenvalue_lies():
    operator = scan().operator.to(torch.complex128)
    spectrum = Spectrum.of(operator)
    for k in (0, 20, 31):
        delta = torch.zeros(1, 32, 32, dtype=torch.complex128)
        delta[0, 5] = spectrum.vectors[0, 5, :, k]
        shares = range_space.energy_shares(spectrum, delta)
        value = spectrum.values[0, 5, k].item()
        expected = [float(value < edge) for edge in range_space.EDGES.values()]
        assert list(shares.values()) == pytest.approx(expected, abs=1e-12)


def test_rows_are_those_of_the_evaluation(frame):
    assert frame["scenario"].tolist() == ["transfer", "kspace"] * 2
    net, one = network("smug"), scan(1)
    z, x = trial.reconstruct(net, one, IMAGE)
    row = frame.iloc[2]
    assert row["psnr"] == pytest.approx(metrics.psnr(x, one.target).item(), abs=1e-4)
    clean = one.operator.adjoint(one.kspace)
    assert row["relative_norm"] == pytest.approx(((z - clean).norm() / clean.norm()).item())
    step = DataConsistency(one.operator, net.lam)
    noise = random.generator(0, "score", "test", 1)
    undisturbed = metrics.psnr(net(clean, step, generator=noise), one.target).item()
    assert row["psnr_clean"] == pytest.approx(undisturbed, abs=1e-4)


def test_shares_rise_and_a_measured_perturbation_lies_within_reach(frame):
    shares = frame[list(range_space.EDGES)]
    assert ((shares >= 0) & (shares <= 1)).all(axis=None)
    assert (shares.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)
    image, measured = (frame[frame["scenario"] == name] for name in ("transfer", "kspace"))
    # δ = A^H η has the energy of η times g along every eigenvector.
    assert (measured["below_1e_1"].to_numpy() < 0.1 * image["below_1e_1"].to_numpy()).all()
    shift = (frame["psnr_within_reach"] - frame["psnr"]).abs().groupby(frame["scenario"]).max()
    assert shift["kspace"] < shift["transfer"]


def test_nothing_to_measure_is_refused():
    with pytest.raises(ValueError, match="nothing to measure: 1 scans, 0 scenarios"):
        range_space.measure_range_shares(network(), [scan()], [], **DESCRIBED)
    with pytest.raises(ValueError, match="'clean' has no perturbation"):
        range_space.measure_range_shares(network(), [scan()], [Scenario("clean")], **DESCRIBED)
