"""Ranges of the parameter names that all notebooks share, such as ``epsilon`` and ``method``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial

from smugbook import profiles
from smugbook.words import labels
from smuglib import checks
from smuglib.methods import METHODS

_COUNT = checks.integer

_COUNT_OR_ZERO = partial(checks.integer, minimum=0)

_METHOD = partial(checks.one_of, allowed=METHODS)

_SCENARIO = partial(checks.one_of, allowed=labels.SCENARIO_LABELS)


def _device(name: str, value: object) -> object:
    """Refuse a name that no device has; whether a GPU is there, only torch knows."""
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError(f"{name} must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {value!r}")
    return checks.device(name, value) if value.startswith("cuda") else value


RANGES: dict[str, Callable[[str, object], object]] = {
    "density": partial(checks.one_of, allowed=("variable", "uniform")),
    "device": _device,
    "epsilon": checks.non_negative,
    "epsilons": checks.non_negative,
    "images": partial(checks.one_of, allowed=("shipped", "build")),
    "index": _COUNT_OR_ZERO,
    "method": _METHOD,
    "methods": _METHOD,
    "metric": partial(checks.one_of, allowed=("psnr", "ssim", "nmse")),
    "n_checked": _COUNT,
    "n_repeats": partial(checks.integer, minimum=2),
    "n_restarts": _COUNT,
    "n_slices": _COUNT,
    "n_steps_attack": _COUNT,
    "n_updates": _COUNT,
    "noise_levels": checks.non_negative,
    "placement": partial(checks.one_of, allowed=("", *METHODS.values())),
    "profile": partial(checks.one_of, allowed=profiles.PROFILES),
    "results": partial(checks.one_of, allowed=("shipped", "build")),
    "sample_counts": _COUNT,
    "sampling_rates": checks.fraction,
    "scenario": _SCENARIO,
    "scenarios": _SCENARIO,
    "seeds": _COUNT_OR_ZERO,
    "sigma": checks.non_negative,
    "sigmas": checks.non_negative,
    "view": _SCENARIO,
}
"""Check of each name; that of a list's name is for every element."""

SIZES = {"coil": "n_coils", "index": "n_test"}
"""Names of indices, and the field of a profile that they stay below."""


def check(values: Mapping[str, object]) -> None:
    """Check values by their names; a name that is neither here nor a profile's field passes."""
    given = {name: value for name, value in values.items() if value is not None}
    for name, value in given.items():
        if name in RANGES:
            for element in value if isinstance(value, list) else [value]:
                RANGES[name](name, element)
    if "profile" in given:
        known = {field.name for field in fields(profiles.Profile)} - {"name"}
        overrides = {name: value for name, value in given.items() if name in known}
        profile = profiles.get(str(given["profile"])).replace(**overrides)
        for name in given.keys() & SIZES:
            size, index = getattr(profile, SIZES[name]), given[name]
            if isinstance(index, int) and index >= size:
                raise ValueError(
                    f"{name} must be < {SIZES[name]} = {size} of profile {profile.name!r}, "
                    f"got {index}"
                )
