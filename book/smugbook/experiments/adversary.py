"""Adversarial training: fine-tuning sees zero-filled images that were attacked (Madry et al.)."""

import torch
from torch import Tensor

from smuglib.attacks import Attack
from smuglib.attacks.ascent import climb
from smuglib.attacks.balls import Ball
from smuglib.consistency.step import Step
from smuglib.models import UnrolledNetwork
from smuglib.models.reconstruction import frozen
from smuglib.random import Source

ASCENT = Attack(n_steps=3, step_fraction=1 / 1.5)
"""From a random start, as many steps of signs as reach each corner of the ball."""


def attack_examples(
    network: UnrolledNetwork,
    step: Step,
    z: Tensor,
    target: Tensor,
    *,
    epsilon: float,
    n_samples: int,
    generator: Source,
) -> Tensor:
    """Return zero-filled images with a δ of ``||δ||_∞ <= epsilon`` that the network is bad at."""
    radius = torch.full(z.shape[:1], epsilon, dtype=z.real.dtype, device=z.device)

    def errors(delta: Tensor, noise: Source) -> Tensor:
        x = network(z + delta, step, generator=noise, n_samples=n_samples)
        return torch.view_as_real(x - target).square().sum((-3, -2, -1))

    with frozen(network):
        return z + climb(errors, Ball("linf", radius, z), ASCENT, generator)
