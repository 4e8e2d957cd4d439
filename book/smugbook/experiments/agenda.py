"""All parts of a profile, in the order in which they are begun.

Where λ is learned, the first noise level comes first with all that explains it, and the others
last: the poster's σ is among the controls, with its λ.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from smugbook import profiles
from smugbook.experiments import extent
from smugbook.experiments.candidates import Tuning, candidates_of
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
from smugbook.experiments.runs import pretraining_changes
from smugbook.experiments.stops import Stops
from smugbook.results.store import Store, run_name
from smuglib.evaluation import table_scenarios
from smuglib.methods import METHODS

SLOWEST_FIRST = tuple(reversed(METHODS))
"""What takes longest is begun first, so that nothing waits for it alone at the end."""


def parts_of(profile: str) -> list[Part]:
    """Return the parts of Table 1, then the controls', then the sweeps, each after its needs."""
    levels = extent.noise_levels(profile)
    first, later = (levels[:1], levels[1:]) if profiles.get(profile).lam_learned else (levels, ())
    every: list[Part] = [*_scans(profile), *_level_parts(profile, first)]
    for control in extent.profile_controls(profile):
        every += _parts_of_control(profile, control)
    every += _tuning(profile)
    runs = [(method, sigma) for sigma in levels for method in SLOWEST_FIRST]
    every += _level_parts(profile, later)
    every += [_sweeps(profile, *run) for run in runs if extent.sweeps_at(run[1], profile)]
    found: dict[str, Part] = {}
    for part in every:
        # Several controls start from one pre-training.
        found.setdefault(part.name, part)
    return list(found.values())


def _level_parts(profile: str, levels: Sequence[float]) -> Iterator[Part]:
    """Yield the trainings of all methods at some noise levels, then their evaluations."""
    runs = [(method, sigma) for sigma in levels for method in SLOWEST_FIRST]
    yield from (_pretraining(profile, sigma, {}) for sigma in levels)
    yield from (_finetuning(profile, *run, {}) for run in runs)
    yield from (_table(profile, *run) for run in runs)


def _scans(profile: str) -> list[Scans]:
    starts = range(0, n_scans(profile), SCANS_AT_ONCE)
    return [Scans(profile, f"scans/{start}", (), start) for start in starts]


def _pretraining(profile: str, sigma: float, changes: Mapping[str, Any]) -> Training:
    name = _name(profile, run_name("pretrained", sigma), changes)
    needs = tuple(part.name for part in _scans(profile))
    return Training(profile, name, needs, "pretrained", sigma, changes)


def _finetuning(profile: str, method: str, sigma: float, changes: Mapping[str, Any]) -> Training:
    first = _pretraining(profile, sigma, pretraining_changes(changes))
    needs = (first.name,) if changes.get("pretrained", True) else first.needs
    name = _name(profile, run_name(method, sigma), changes)
    return Training(profile, name, needs, method, sigma, changes)


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
            yield _pretraining(profile, sigma, pretraining_changes(control.training))
        training = _finetuning(profile, method, sigma, control.training)
        yield training
        run = training.name
    elif control.stopped:
        stops = Stops(profile, f"stops/{run}", (run,), method, sigma)
        yield stops
        run = stops.name
    settings = extent.evaluation_of(control, profile) | extent.few_evaluated(profile)
    asked = Evaluation(profile, method, sigma, **settings)
    name = f"variants/{asked.label}/records/{run_name(method, sigma)}"
    yield Records(profile, name, (run,), asked)


def _tuning(profile: str) -> Iterator[Part]:
    """Yield what scores the candidates that strengths are chosen from, after their trainings."""
    for candidate in candidates_of(extent.profile_controls(profile)):
        *_, records = _parts_of_control(profile, candidate.control)
        name = f"tuning/{candidate.label}"
        yield Tuning(profile, name, records.needs, candidate, **extent.few_tuned(profile))


def _name(profile: str, run: str, changes: Mapping[str, Any]) -> str:
    """Name a training by its folder below the profile's, and its run."""
    own = Store.open(profile, "build")
    return (own.variant(changes).folder / run).relative_to(own.folder).as_posix()
