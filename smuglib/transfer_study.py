"""The study of transfer between methods: one attacked, all scored on what was found.

If another network's perturbation harms a network more than its own attack does, then its own
attack has failed to search, and no robustness can be read from it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from smuglib import checks
from smuglib.data import Scan
from smuglib.ladder import LADDER, PRECISIONS, Precision
from smuglib.measurements import Measure, Values
from smuglib.models import METHODS, UnrolledNetwork
from smuglib.transfer import transferred

SCENARIO = "adaptive_image"


@dataclass(frozen=True)
class TransferStudy:
    """Settings of the study; the provenance of its measurements holds them.

    Index k of the quantity ``psnr`` (dB) is the k-th of `smuglib.METHODS`, which reconstructs
    from what the row's method was attacked with.

    Parameters
    ----------
    epsilon
        Radius of the ℓ∞ ball on the zero-filled image, in units of the scan's scale.
    attack_steps, attack_samples
        Steps of the ascent, and noise samples of its gradient, fresh in each step.
    precision
        Arithmetic of the ascent's convolutions: ``"bfloat16"`` or ``"float32"``.
    seed
        Seed of attacks and smoothing noise.

    Raises
    ------
    ValueError
        If a setting is out of range.
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
            found = transferred(net, named, scan, attack, epsilon=self.epsilon, seed=self.seed)
            return {"psnr": list(found.values())}

        return measure
