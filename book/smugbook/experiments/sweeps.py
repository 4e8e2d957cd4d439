"""Sweeps around Table 1: strengths, acquisitions, and settings of the network and of attacks."""

from typing import Any

from smuglib import checks
from smuglib.attacks import LADDER
from smuglib.evaluation import Scenario

AXES = {
    "strength": "epsilon",
    "kspace": "epsilon",
    "rate": "sampling_rate",
    "mask": "sampling_rate",
    "steps": "n_steps",
    "samples": "n_samples",
    "strong": "epsilon",
    "plateau": "epsilon",
    "range": "epsilon",
}
"""Sweeps, and the column of the records that each one varies."""

STRENGTHS = tuple(value / 255 for value in (0.5, 1, 2, 4))
"""Around the poster's 1/255, in units of the scan's scale."""

KSPACE_STRENGTHS = (0.005, 0.02)
"""Relative to ``||y||_2``."""

SAMPLING_RATES = (0.125, 0.5)
"""Accelerations 8 and 2, both directions from the 4 of the training."""

UNROLLING_STEPS = (1, 2, 4, 16)
"""Around the 8 of the training."""

NOISE_SAMPLES = (1, 2, 5, 20)
"""Around the 10 of the profiles."""


def sweep_scenarios(
    sweep: str,
    epsilon: float = 1 / 255,
    *,
    attack_steps: int = 10,
    attack_samples: int = 2,
    strong_steps: int = LADDER["adaptive_strong"].n_steps,
    precision: str = "bfloat16",
) -> tuple[Scenario, ...]:
    """Return the scenarios of a sweep, no two alike; ``plateau`` takes twice the strong steps."""
    checks.one_of("sweep", sweep, AXES)
    few: dict[str, Any] = {"attack_samples": attack_samples, "precision": precision}
    ascent: dict[str, Any] = {"attack_steps": attack_steps, **few}
    if sweep == "strength":
        return tuple(
            Scenario(f"strength_{name}", rung, strength, **settings)
            for strength in STRENGTHS
            for name, rung, settings in (
                ("random", "random_uniform", {}),
                ("transfer", "transfer", ascent),
                ("adaptive", "adaptive", ascent),
            )
        )
    if sweep == "kspace":
        return tuple(
            Scenario(f"kspace_{name}", rung, strength, domain="kspace", norm="l2", **settings)
            for strength in KSPACE_STRENGTHS
            for name, rung, settings in (
                ("random", "random_gaussian", {}),
                ("adaptive", "kspace", ascent),
            )
        )
    if sweep == "strong":
        return tuple(
            Scenario("strong_image", "adaptive_strong", value, attack_steps=strong_steps, **few)
            for value in STRENGTHS
        )
    if sweep == "plateau":
        longer: dict[str, Any] = {"attack_steps": 2 * strong_steps, "attack_restarts": 3, **few}
        return (Scenario("plateau_image", "adaptive_strong", epsilon, **longer),)
    if sweep == "range":
        return (Scenario("range_image", "adaptive", epsilon, domain="range", **ascent),)
    settings = _settings(sweep)
    clean = [Scenario(f"{sweep}_clean", **setting) for setting in settings]
    if sweep == "mask":
        return tuple(clean)
    attacked = [
        Scenario(f"{sweep}_adaptive", "adaptive", epsilon, **ascent, **setting)
        for setting in settings
    ]
    return (*clean, *attacked)


def _settings(sweep: str) -> list[dict[str, Any]]:
    """Return what a sweep over the acquisition or the network varies, value by value."""
    if sweep == "steps":
        return [{"n_steps": count} for count in UNROLLING_STEPS]
    if sweep == "samples":
        return [{"n_samples": count} for count in NOISE_SAMPLES]
    mismatch = sweep == "mask"
    return [{"sampling_rate": rate, "mask_mismatch": mismatch} for rate in SAMPLING_RATES]
