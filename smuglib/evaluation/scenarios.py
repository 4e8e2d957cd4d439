"""Scenarios: what every method is put through, from clean scans to the strongest attack."""

from dataclasses import dataclass, replace
from typing import Any

from smuglib import checks
from smuglib.attacks.ladder import LADDER, Attack

RUNGS = ("clean", *LADDER)


@dataclass(frozen=True)
class Scenario:
    """What a method is put through.

    Parameters
    ----------
    name
        Its name in records, tables and figures.
    rung, domain, norm, attack_steps, attack_restarts
        ``"clean"``, or a rung of `smuglib.attacks.LADDER` and what to override of it.
    epsilon
        Strength of the perturbation, >= 0; 0 for ``"clean"``.
    attack_samples
        Noise samples of the attacked reconstruction's gradient; few, since they are redrawn at
        each step. None: as many as the network has.
    sampling_rate
        Sampling rate of the scan to reconstruct from; None: the scan as it is.
    n_steps, n_samples
        Unrolling steps (attacked and scored) and noise samples (scored); None: the network's own.
    antithetic
        Score a smoothed method with antithetic pairs of its noise; attacks draw theirs as the
        method itself does (see `smuglib.smoothing.Smoothing`).
    mask_mismatch
        Keep the mask of the scan as it is in data consistency, whatever mask ``sampling_rate``
        measured with, as the published code does.
    precision
        Arithmetic of the attack's ascent (see `smuglib.attacks.Attack`); scores are in float32.

    Examples
    --------
    >>> Scenario("weak", "adaptive", epsilon=1 / 255, attack_steps=2).attack.n_steps
    2
    """

    name: str
    rung: str = "clean"
    epsilon: float = 0.0
    domain: str | None = None
    norm: str | None = None
    attack_steps: int | None = None
    attack_restarts: int | None = None
    attack_samples: int | None = 2
    sampling_rate: float | None = None
    n_steps: int | None = None
    n_samples: int | None = None
    mask_mismatch: bool = False
    precision: str | None = None
    antithetic: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"name must be a string that is not empty, got {self.name!r}")
        checks.one_of("rung", self.rung, RUNGS)
        counts = ("attack_steps", "attack_restarts", "attack_samples", "n_steps", "n_samples")
        checks.replace_fields(
            self,
            epsilon=checks.non_negative("epsilon", self.epsilon),
            sampling_rate=checks.optional(checks.fraction, "sampling_rate", self.sampling_rate),
            mask_mismatch=checks.boolean("mask_mismatch", self.mask_mismatch),
            antithetic=checks.boolean("antithetic", self.antithetic),
            **{n: checks.optional(checks.integer, n, getattr(self, n)) for n in counts},
        )
        if self.rung == "clean" and self.epsilon != 0:
            raise ValueError(f"epsilon must be 0 for rung 'clean', got {self.epsilon!r}")
        if self.mask_mismatch and self.sampling_rate is None:
            raise ValueError("mask_mismatch needs a sampling_rate that differs from the scan's")
        self.attack  # noqa: B018  # building it checks what it takes

    @property
    def attack(self) -> Attack | None:
        """The rung with this scenario's overrides; None for ``"clean"``."""
        if self.rung == "clean":
            return None
        overrides: dict[str, Any] = {
            "domain": self.domain,
            "norm": self.norm,
            "n_steps": self.attack_steps,
            "n_restarts": self.attack_restarts,
            "n_samples": self.attack_samples,
            "precision": self.precision,
        }
        return replace(LADDER[self.rung], **{n: v for n, v in overrides.items() if v is not None})


def table_scenarios(
    epsilon: float = 1 / 255,
    *,
    epsilon_kspace_l2: float = 0.02,
    epsilon_kspace_linf: float = 0.01,
    attack_steps: int = 10,
    attack_samples: int = 2,
    precision: str = "float32",
) -> tuple[Scenario, ...]:
    """Return the scenarios of Table 1.

    Parameters
    ----------
    epsilon
        Strength of the random noise (its σ) and of the image-domain attacks; the poster's 1/255.
    epsilon_kspace_l2, epsilon_kspace_linf
        Relative ℓ2 and absolute ℓ∞ strength of the attacks on the measured samples.
    attack_steps, attack_samples, precision
        See `Scenario`.
    """
    steps: dict[str, Any] = {"attack_steps": attack_steps, "attack_samples": attack_samples}
    steps["precision"] = precision
    epsilon = checks.non_negative("epsilon", epsilon)
    epsilon_kspace_l2 = checks.non_negative("epsilon_kspace_l2", epsilon_kspace_l2)
    epsilon_kspace_linf = checks.non_negative("epsilon_kspace_linf", epsilon_kspace_linf)
    return (
        Scenario("clean"),
        Scenario("noise", "random_gaussian", epsilon),
        Scenario("transfer_published", "transfer_published", epsilon, **steps),
        Scenario("transfer", "transfer", epsilon, **steps),
        Scenario("adaptive_image", "adaptive", epsilon, **steps),
        Scenario("adaptive_kspace_l2", "kspace", epsilon_kspace_l2, norm="l2", **steps),
        Scenario("adaptive_kspace_linf", "kspace", epsilon_kspace_linf, norm="linf", **steps),
    )
