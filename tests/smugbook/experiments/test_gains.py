"""Measured gains against the recursion, where the denoiser is one whose slope is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from smugbook import profiles
from smugbook.experiments.gains import measure_gains
from smugbook.results import scan_of
from smuglib.analysis.spectrum import gain
from smuglib.models import UnrolledNetwork


class Scaling(nn.Module):
    """A denoiser of one slope everywhere."""

    def forward(self, x):
        return 0.9 * x


@pytest.mark.parametrize("lam", [1.0, 0.05])
def test_gains_are_those_of_the_recursion(lam):
    scan = scan_of(profiles.get("smoke"), 0)
    found = measure_gains(UnrolledNetwork(Scaling(), n_steps=4), scan, lam)
    assert len(found) == 6 and found.index.is_monotonic_increasing
    ends = [gain(torch.tensor([g]), 4, lam=lam, slope=0.9).item() for g in (0.0, 1e-4)]
    # Below the first border the gain is nearly constant; single precision of a change of 1e-3.
    assert found["gain"].iloc[0] == pytest.approx(sum(ends) / 2, rel=0.01)
    low, high = (gain(torch.tensor([g]), 4, lam=lam, slope=0.9).item() for g in (1.3, 0.4))
    assert low < found["gain"].iloc[-1] < high


def test_a_smaller_weight_amplifies_what_nothing_measures_in_proportion():
    scan = scan_of(profiles.get("smoke"), 0)
    network = UnrolledNetwork(Scaling(), n_steps=4)
    large, small = (measure_gains(network, scan, lam)["gain"] for lam in (1.0, 0.05))
    assert small.iloc[0] / large.iloc[0] > 10 > 2 > small.iloc[-1] / large.iloc[-1]


@pytest.mark.parametrize("lam", [1.0, 0.2, 0.02])
def test_a_step_s_gain_for_the_samples_is_bounded(lam):
    g = torch.linspace(0, 1, 100001, dtype=torch.float64)
    per_step = g.sqrt() / (g + lam)
    bound = 1 / (2 * lam**0.5)
    assert per_step.max().item() == pytest.approx(bound, rel=1e-6)
    assert g[per_step.argmax()].item() == pytest.approx(lam, abs=2e-5)
