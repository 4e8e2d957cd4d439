"""A small scan of two images, and unrolled networks on it."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from smuglib.consistency import DataConsistency
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.random import generator
from smuglib.smoothing import Smoothing
from tests.helpers import ToyDenoiser, draw, line_mask, sense

A = sense(line_mask("01101001", "10110010"), batch=2, height=4)
Z = A.adjoint(draw(2, 3, 4, 8, key="y"))
LAM, SIGMA, SAMPLES, STEPS = 0.7, 0.2, 3, 4


def network(placement: str, denoiser: nn.Module | None = None, **options: Any) -> UnrolledNetwork:
    """Network with the given place of the expectation; options are those of `Smoothing`."""
    smoothing = Smoothing(placement, **{"sigma": SIGMA, "n_samples": SAMPLES} | options)
    return UnrolledNetwork(denoiser or ToyDenoiser(), n_steps=STEPS, lam=LAM, smoothing=smoothing)


def run(
    net: UnrolledNetwork,
    z: Tensor = Z,
    operator: SenseOperator | DataConsistency = A,
    seed: int = 0,
    **options: Any,
) -> Tensor:
    """Reconstruct with a fresh generator, without gradients."""
    return net(z, operator, generator=generator(seed), **options).detach()


def scan(index: int) -> SenseOperator:
    """Operator of one of the two images."""
    return SenseOperator(A.maps[index : index + 1], A.mask[index : index + 1])
