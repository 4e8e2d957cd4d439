"""The simulator is the slow one, written out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from smuglib.data import simulator
from smuglib.data.simulator import simulate
from tests import simulator_reference
from tests.brains import SMALL


@pytest.mark.parametrize(
    ("split", "index", "protocol"),
    [
        ("train", 5, {"height": 64, "width": 64, "n_coils": 4}),
        ("val", 3, {"height": 96, "width": 80, "n_coils": 5}),
        ("test", 41, {"height": 40, "width": 72, "n_coils": 2, "sampling_rate": 0.5, "seed": 3}),
        ("train", 37, {"height": 128, "width": 128, "n_coils": 3, "noise": 0.02}),
    ],
)
def test_a_scan_is_that_of_the_slow_simulator(split, index, protocol):
    settings = simulator.Protocol(**protocol)
    found = simulate(settings, split, index)
    kspace, maps, target, scale = simulator_reference.scan(settings, split, index)
    assert found.scale == pytest.approx(scale, rel=1e-6)
    for name, value in (("kspace", kspace), ("maps", maps), ("target", target)):
        largest = np.abs(value).max()
        assert np.abs(getattr(found, name)[0].numpy() - value).max() <= 1e-6 * largest, name


def test_unsampled_kspace_is_plus_zero():
    scan = simulate(simulator.Protocol(**SMALL), "test", 0)
    unsampled = torch.view_as_real(scan.kspace[..., ~scan.mask.flatten()])
    assert (unsampled == 0).all() and not unsampled.signbit().any()
