"""Ranges of the parameter names that all notebooks share, such as ``epsilon`` and ``method``."""

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from functools import partial
from pathlib import Path

from smugbook import paths, profiles
from smugbook.words import labels
from smuglib import checks
from smuglib.methods import METHODS, REFERENCES, SIGMAS

SHIPPED = Path(__file__).parents[2] / "shipped"
"""Folder of the shipped records, a folder per profile."""

SWEEPS = (
    *("strength", "kspace", "rate", "mask", "steps", "samples", "strong", "plateau", "range"),
    *("standard", "level", "eot", "check"),
)
"""Names of `smugbook.experiments.sweeps.AXES` and of `smugbook.experiments.protocol.SWEEPS`, which
only torch's importers know."""

BUDGETS = ("", "none", "cpu", "full")
"""Names of `smugbook.experiments.protocol.PROTOCOLS`, likewise; empty: as the profile has it."""

DEPARTURES = ("start_only", "share_noise", "target_units", "cg_coupled", "seed=1")
"""Names of `smugbook.experiments.departures.DEPARTURES`, likewise."""

_COUNT = checks.integer

_COUNT_OR_ZERO = partial(checks.integer, minimum=0)

_METHOD = partial(checks.one_of, allowed=METHODS)

STRONG = ("strong_image", "strong_range", "strong_kspace")
"""Names of the strong attacks of `smugbook.experiments.protocol`."""

_SCENARIO = partial(checks.one_of, allowed=(*labels.SCENARIO_LABELS, *STRONG))


def _device(name: str, value: object) -> object:
    """Refuse a name that no device has; whether a GPU is there, only torch knows."""
    if not isinstance(value, str) or not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError(f"{name} must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {value!r}")
    return checks.device(name, value) if value.startswith("cuda") else value


def _contrast(name: str, value: object) -> object:
    if checks.real_number(name, value) <= -1 or value == 0:
        raise ValueError(f"{name} must be > -1 and not 0, got {value!r}")
    return value


def _inside(name: str, value: object) -> Path:
    """Refuse the path of a folder that leads out of the project."""
    path = Path(value) if isinstance(value, str) else Path()
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name} must be the path of a folder in the project, got {value!r}")
    return paths.project_root() / path


def _benchmark(name: str, value: object) -> object:
    """Refuse a folder that is not there."""
    if value != "shipped" and not _inside(name, value).is_dir():
        raise ValueError(f"{name} must be 'shipped' or a folder in the project, got {value!r}")
    return value


def _kspace(name: str, value: object) -> object:
    """Refuse a file that is not there; none stands for one that the chapter makes up."""
    if not isinstance(value, str) or (value and not Path(value).is_file()):
        raise ValueError(f"{name} must be the path of a file of k-space, or '', got {value!r}")
    return value


def _even(name: str, value: object) -> object:
    if checks.integer(name, value, minimum=2) % 2:
        raise ValueError(f"{name} must be even, got {value!r}")
    return value


_ASCENT_PRECISION = partial(checks.one_of, allowed=("float32", "bfloat16"))

RANGES: dict[str, Callable[[str, object], object]] = {
    "attack_precision": _ASCENT_PRECISION,
    "baselines": partial(checks.one_of, allowed=("zero_filled", "tv", "tv_tuned")),
    "benchmark": _benchmark,
    "budget": partial(checks.one_of, allowed=BUDGETS),
    "center_fraction": checks.fraction,
    "contrast": _contrast,
    "density": partial(checks.one_of, allowed=profiles.DENSITIES),
    "departures": partial(checks.one_of, allowed=DEPARTURES),
    "device": _device,
    "epsilon": checks.non_negative,
    "epsilons": checks.non_negative,
    "executed": _inside,
    "images": partial(checks.one_of, allowed=("shipped", "build")),
    "index": _COUNT_OR_ZERO,
    "jitters": paths.plain_name,
    "lams": checks.positive,
    "limit": checks.positive,
    "method": _METHOD,
    "methods": _METHOD,
    "metric": partial(checks.one_of, allowed=("psnr", "ssim", "nmse")),
    "n_checked": _COUNT,
    "n_reference": _even,
    "n_repeats": partial(checks.integer, minimum=2),
    "n_restarts": _COUNT,
    "n_slices": _COUNT,
    "n_steps_attack": _COUNT,
    "n_updates": _COUNT,
    "noise_levels": checks.non_negative,
    "path": _kspace,
    "pictured": _METHOD,
    "placement": partial(checks.one_of, allowed=("", *METHODS.values())),
    "precision": partial(checks.one_of, allowed=profiles.PRECISIONS),
    "profile": lambda name, value: profiles.get(value),  # type: ignore[arg-type]
    "reference": partial(checks.one_of, allowed=REFERENCES),
    "results": partial(checks.one_of, allowed=("shipped", "build")),
    "sample_counts": _COUNT,
    "sampling_rate": checks.fraction,
    "sampling_rates": checks.fraction,
    "scenario": _SCENARIO,
    "scenarios": _SCENARIO,
    "seeds": _COUNT_OR_ZERO,
    "sigma": checks.non_negative,
    "sigmas": checks.non_negative,
    "sweeps": partial(checks.one_of, allowed=SWEEPS),
    "variant": lambda name, value: value and paths.plain_name(name, value),
    "view": _SCENARIO,
}
"""Check of each name; that of a list's name is for every element."""

SIZES = {"coil": "n_coils", "index": "n_test"}
"""Names of indices, and the field of a profile that they stay below."""


def check_ranges(values: Mapping[str, object], *, of_test: bool = False) -> None:
    """Check values by their names; a name that is neither here nor a profile's field passes.

    What a notebook looks for is checked too: columns of a mask, and results of a profile.
    ``of_test`` says that ``n_slices`` are test slices, which a profile may have too few of.
    """
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
        if of_test and int(str(given.get("n_slices", 1))) > profile.n_test:
            raise ValueError(
                f"n_slices must be <= n_test {profile.n_test}, got {given['n_slices']}"
            )
        if "sampling_rate" in given or "center_fraction" in given:
            _check_columns(profile)
        if given.get("results") == "shipped":
            _check_shipped(given)
    sigma, sigmas = given.get("sigma"), given.get("sigmas")
    if sigma is not None and isinstance(sigmas, list) and sigma not in sigmas:
        raise ValueError(f"sigma must be one of sigmas = {sigmas}, got {sigma!r}")


def _check_columns(profile: profiles.Profile) -> None:
    """Refuse a mask that cannot be drawn: more columns in its centre than in all."""
    rate, center = profile.sampling_rate, profile.center_fraction
    sampled, least = round(rate * profile.width), max(1, round(center * profile.width))
    if sampled < least:
        raise ValueError(
            f"sampling_rate must be at least {least / profile.width:.3g}, the fully sampled centre "
            f"of center_fraction {center} in a width of {profile.width}, got {rate!r}"
        )


def _check_shipped(given: Mapping[str, object]) -> None:
    """Refuse a profile, or a noise level, of which nothing is shipped."""
    known = sorted(path.name for path in SHIPPED.glob("*/") if path.name in profiles.PROFILES)
    if known and given["profile"] not in known:
        raise ValueError(
            f"results of profile {given['profile']!r} are not shipped, those of "
            f"{', '.join(known)} are: make reproduce computes it, for -p results build"
        )
    if given.get("variant") or given.get("pretrained") is False:
        return
    for name in given.keys() & {"sigma", "sigmas"}:
        value = given[name]
        for sigma in value if isinstance(value, list) else [value]:
            if sigma not in SIGMAS:
                raise ValueError(
                    f"{name} must be one of {', '.join(map(str, SIGMAS))}, the shipped noise "
                    f"levels, got {sigma!r}"
                )
