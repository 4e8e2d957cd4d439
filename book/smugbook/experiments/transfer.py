"""Perturbations made on one network and scored on another."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import torch

from smugbook.experiments.measurements import Measure, Values
from smuglib import attacks, checks, metrics, random
from smuglib.attacks import LADDER, Attack
from smuglib.attacks.ladder import PRECISIONS, Precision
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.methods import METHODS
from smuglib.models import UnrolledNetwork


def transfer_psnr(
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


SCENARIO = "adaptive_image"


@dataclass(frozen=True)
class TransferStudy:
    """Settings of the study; the provenance of its measurements holds them.

    Index k of the quantity ``psnr`` (dB) is the k-th of `METHODS`, which reconstructs
    from what the row's method was attacked with.
    """

    companions: ClassVar[tuple[str, ...]] = tuple(METHODS)
    """Methods whose networks `measure` needs beside the one that it measures."""

    epsilon: float = 1 / 255
    attack_steps: int = 10
    attack_samples: int = 2
    precision: Precision = "bfloat16"
    seed: int = 0

    def __post_init__(self) -> None:
        checks.positive("epsilon", self.epsilon)
        for name in ("attack_steps", "attack_samples"):
            checks.integer(name, getattr(self, name))
        checks.one_of("precision", self.precision, PRECISIONS)
        checks.integer("seed", self.seed, minimum=0)

    def scenarios(self, net: UnrolledNetwork) -> tuple[str, ...]:
        """Return the one scenario."""
        return (SCENARIO,)

    def measure(self, net: UnrolledNetwork, *targets: UnrolledNetwork) -> Measure:
        """Return what attacks a network at a slice, and scores all methods there."""
        attack = replace(
            LADDER["adaptive"],
            n_steps=self.attack_steps,
            n_samples=self.attack_samples,
            precision=self.precision,
        )
        named = dict(zip(self.companions, targets, strict=True))

        def measure(scan: Scan, name: str) -> Values:
            checks.one_of("scenario", name, (SCENARIO,))
            found = transfer_psnr(net, named, scan, attack, epsilon=self.epsilon, seed=self.seed)
            return {"psnr": list(found.values())}

        return measure
