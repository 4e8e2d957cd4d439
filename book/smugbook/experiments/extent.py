"""How much of the book a profile computes: noise levels, controls, scans and steps of attacks.

The smoke profile proves that everything runs; it need not find anything. One noise level and a
control of each kind do; Table 1 alone keeps the steps of its attacks, which the chapters look for.
"""

from typing import Any

from smugbook import profiles
from smugbook.experiments import controls, sweeps
from smugbook.experiments.controls import Control
from smuglib.methods import SIGMAS

STUDIED = SIGMAS[:1]
"""Noise levels with sweeps and studies, which cost as much as an evaluation each."""

FEW_QUESTIONS = ("seed", "smoothing", "budget", "reference")
"""Questions that the smoke profile has a control of."""


def noise_levels(profile: str) -> tuple[float, ...]:
    """Return the noise levels of the methods."""
    return STUDIED if profiles.base(profile) == "smoke" else SIGMAS


def profile_controls(profile: str) -> list[Control]:
    """Return the controls of a profile; at the smoke profile one each of a few questions."""
    every = controls.controls_of(profiles.get(profile))
    if profiles.base(profile) != "smoke":
        return list(every)
    return [*{one.question: one for one in every if one.question in FEW_QUESTIONS}.values()]


def few_evaluated(profile: str) -> dict[str, Any]:
    """Return the settings of the evaluations that a profile has of its own."""
    return (
        {"n_slices": 2, "batch": 2, "sweep_steps": 1} if profiles.base(profile) == "smoke" else {}
    )


def baselines_at(sigma: float) -> tuple[str, ...]:
    """Return what is evaluated beside MoDL.

    Total variation knows no σ, and its attacks cost as much as a network's: once is enough.
    """
    return ("zero_filled", "tv") if sigma == SIGMAS[0] else ("zero_filled",)


def sweeps_at(sigma: float) -> tuple[str, ...]:
    """Return the sweeps of a noise level."""
    return tuple(sweeps.AXES) if sigma in STUDIED else ()


def evaluation_of(control: Control) -> dict[str, Any]:
    """Return the settings of a control's evaluation."""
    return {
        "variant": control.label if control.training else "",
        "placement": control.placement,
        "scenarios": controls.SCENARIOS,
        "attack_precision": "bfloat16",
    }
