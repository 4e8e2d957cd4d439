"""Perturbations made on one network and scored on another."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from smuglib import attacks, metrics, random
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.ladder import Attack
from smuglib.models import UnrolledNetwork


def transferred(
    source: UnrolledNetwork,
    targets: Mapping[str, UnrolledNetwork],
    scan: Scan,
    attack: Attack,
    *,
    epsilon: float,
    seed: int = 0,
) -> dict[str, float]:
    """Attack one network at a scan, and return the PSNR (dB) of others under its perturbation.

    Random draws are those of `evaluation`: the attack's and the score's are functions of the seed
    and the slice alone, so that the value of the source itself is the record of that attack.
    """
    key = scan.split, int(scan.slice_index)
    z = attacks.run(
        attack,
        source,
        scan.kspace,
        DataConsistency(scan.operator, source.lam),
        scan.target,
        epsilon=epsilon,
        generator=random.generator(seed, "attack", *key),
    )

    @torch.no_grad()
    def scored(net: UnrolledNetwork) -> float:
        step, draws = DataConsistency(scan.operator, net.lam), random.generator(seed, "score", *key)
        return metrics.psnr(net(z, step, generator=draws), scan.target).item()

    return {name: scored(net) for name, net in targets.items()}
