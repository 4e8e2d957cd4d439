"""All parts of a profile, in the order in which they are begun."""

from collections.abc import Iterator, Mapping
from typing import Any

from smugbook.experiments import extent
from smugbook.experiments.controls import Control
from smugbook.experiments.evaluations import Evaluation
from smugbook.experiments.parts import (
    SCANS_AT_ONCE,
    Part,
    Records,
    Scans,
    Training,
    n_scans,
)
from smugbook.results.store import Store, run_name
from smuglib.evaluation import table_scenarios
from smuglib.methods import METHODS

SLOWEST_FIRST = tuple(reversed(METHODS))
"""What takes longest is begun first, so that nothing waits for it alone at the end."""


def parts_of(profile: str) -> list[Part]:
    """Return the parts of Table 1, then the controls', then the sweeps, each after its needs."""
    levels = extent.noise_levels(profile)
    runs = [(method, sigma) for sigma in levels for method in SLOWEST_FIRST]
    every: list[Part] = [*_scans(profile)]
    every += [_pretraining(profile, sigma, {}) for sigma in levels]
    every += [_finetuning(profile, *run, {}) for run in runs]
    every += [_table(profile, *run) for run in runs]
    for control in extent.profile_controls(profile):
        every += _parts_of_control(profile, control)
    every += [_sweeps(profile, *run) for run in runs if extent.sweeps_at(run[1], profile)]
    found: dict[str, Part] = {}
    for part in every:
        # Several controls start from one pre-training.
        found.setdefault(part.name, part)
    return list(found.values())


def _scans(profile: str) -> list[Scans]:
    starts = range(0, n_scans(profile), SCANS_AT_ONCE)
    return [Scans(profile, f"scans/{start}", (), start) for start in starts]


def _pretraining(profile: str, sigma: float, changes: Mapping[str, Any]) -> Training:
    name = _name(profile, run_name("pretrained", sigma), changes)
    needs = tuple(part.name for part in _scans(profile))
    return Training(profile, name, needs, "pretrained", sigma, changes)


def _finetuning(profile: str, method: str, sigma: float, changes: Mapping[str, Any]) -> Training:
    first = _pretraining(profile, sigma, _seed_of(changes))
    needs = (first.name,) if changes.get("pretrained", True) else first.needs
    name = _name(profile, run_name(method, sigma), changes)
    return Training(profile, name, needs, method, sigma, changes)


def _seed_of(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a pre-training knows of the changes of a fine-tuning."""
    return {name: value for name, value in changes.items() if name == "seed"}


def _table(profile: str, method: str, sigma: float) -> Records:
    settings = {"baselines": extent.baselines_at(sigma, profile)} | extent.few_evaluated(profile)
    asked = Evaluation(profile, method, sigma, **settings)
    run = run_name(method, sigma)
    return Records(profile, f"records/{run}", (run,), asked)


def _sweeps(profile: str, method: str, sigma: float) -> Records:
    """Return the table with the sweeps: the rows of the table are there already."""
    asked = Evaluation(
        profile,
        method,
        sigma,
        scenarios=[scenario.name for scenario in table_scenarios()],
        sweeps=extent.sweeps_at(sigma, profile),
        baselines=extent.baselines_at(sigma, profile),
        **extent.few_evaluated(profile),
    )
    run = run_name(method, sigma)
    return Records(profile, f"sweeps/{run}", (f"records/{run}",), asked)


def _parts_of_control(profile: str, control: Control) -> Iterator[Part]:
    method, sigma = control.method, control.sigma
    run = run_name(method, sigma)
    if control.training:
        if control.training.get("pretrained", True):
            yield _pretraining(profile, sigma, _seed_of(control.training))
        training = _finetuning(profile, method, sigma, control.training)
        yield training
        run = training.name
    settings = extent.evaluation_of(control, profile) | extent.few_evaluated(profile)
    asked = Evaluation(profile, method, sigma, **settings)
    name = f"variants/{asked.label}/records/{run_name(method, sigma)}"
    yield Records(profile, name, (run,), asked)


def _name(profile: str, run: str, changes: Mapping[str, Any]) -> str:
    """Name a training by its folder below the profile's, and its run."""
    own = Store.open(profile, "build")
    return (own.variant(changes).folder / run).relative_to(own.folder).as_posix()
