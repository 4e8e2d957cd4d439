"""How much of the book a profile computes: noise levels, controls, scans and steps of attacks.

The smoke profile proves that everything runs; it need not find anything. One noise level and a
control of each kind do; Table 1 alone keeps the steps of its attacks, which the chapters look for.
"""

from typing import Any

from smugbook import profiles
from smugbook.experiments import controls, protocol, sweeps
from smugbook.experiments.controls import Control
from smugbook.experiments.protocol import Protocol, protocol_of
from smugbook.results.tuning import TUNED
from smuglib.evaluation import Scenario
from smuglib.methods import SIGMAS

STUDIED = SIGMAS[:1]
"""Noise levels with sweeps and studies, which cost as much as an evaluation each."""

FEW_QUESTIONS = ("seed", "smoothing", "budget", "reference")
"""Questions that the smoke profile has a control of."""

FEW_FULL_QUESTIONS = ("adversarial", "stop", "lambdas", "width")
"""The same, of those that a profile with a learned λ asks."""


def noise_levels(profile: str) -> tuple[float, ...]:
    """Return the noise levels of the methods."""
    return STUDIED if profiles.base(profile) == "smoke" else SIGMAS


def profile_controls(profile: str) -> list[Control]:
    """Return the controls of a profile; at the smoke profile one each of a few questions."""
    settings = profiles.get(profile)
    every = controls.controls_of(settings)
    if profiles.base(profile) != "smoke":
        return list(every)
    few = {one.question: one for one in every if one.question in FEW_QUESTIONS}
    for one in controls.full_controls(settings):
        if one.question in FEW_FULL_QUESTIONS:
            few.setdefault(one.question, one)
    return list(few.values())


def few_evaluated(profile: str) -> dict[str, Any]:
    """Return the settings of the evaluations that a profile has of its own."""
    return (
        {"n_slices": 2, "batch": 2, "sweep_steps": 1} if profiles.base(profile) == "smoke" else {}
    )


def few_tuned(profile: str) -> dict[str, Any]:
    """Return the settings of the tuning that a profile has of its own."""
    return {"n_steps": 2} if profiles.base(profile) == "smoke" else {}


def baselines_at(sigma: float, profile: str) -> tuple[str, ...]:
    """Return what is evaluated beside MoDL.

    Total variation knows no σ, and its attacks cost as much as a network's: once is enough.
    """
    if sigma != SIGMAS[0]:
        return ("zero_filled",)
    tuned = (TUNED,) if protocol_of(profiles.get(profile)).strong else ()
    return ("zero_filled", "tv", *tuned)


NETWORK_SWEEPS = ("rate", "mask", "steps", "samples")
"""Sweeps of what is changed of the acquisition or the network, not of attacks."""


def sweeps_at(sigma: float, profile: str) -> tuple[str, ...]:
    """Return the sweeps of a noise level."""
    if not protocol_of(profiles.get(profile)).strong:
        return tuple(sweeps.AXES) if sigma in STUDIED else ()
    return (*protocol.SWEEPS, *NETWORK_SWEEPS) if sigma in STUDIED else ("standard",)


def control_columns(asked: Protocol) -> list[Scenario]:
    """Return the scenarios that every control of a protocol went through and is judged by."""
    columns = list(asked.columns.values())
    return columns if asked.strong else [c for c in columns if c.name in controls.SCENARIOS]


def evaluation_of(control: Control, profile: str) -> dict[str, Any]:
    """Return the settings of a control's evaluation."""
    masks = {name: control.training[name] for name in control.training.keys() & {"density"}}
    place = {"variant": control.variant, "placement": control.placement, **masks}
    if protocol_of(profiles.get(profile)).strong:
        return {**place, "scenarios": ("clean", "noise"), "sweeps": ("standard",)}
    return {**place, "scenarios": controls.SCENARIOS, "attack_precision": "bfloat16"}
