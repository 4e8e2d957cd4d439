"""Tuning of total variation: the weight of the best validation PSNR, scenario by scenario.

Each candidate is attacked with its own weight. A weight's mean PSNR has one peak in all that was
seen, so that the search climbs from the weight of the case before instead of trying all.
"""

from collections.abc import Callable
from pathlib import Path

import torch

from smugbook.experiments.protocol import LEVELS, THREATS
from smugbook.profiles import Profile
from smugbook.results import dataset_of
from smugbook.results.tuning import COLUMNS, case_of, read_candidates
from smuglib import files
from smuglib.evaluation import Scenario, trial
from smuglib.metrics import psnr
from smuglib.models import TotalVariation

WEIGHTS = tuple(scale * 10.0**power for power in (-4, -3, -2, -1) for scale in (1, 2, 5))
"""Weights that are tried, in units of the scan's scale."""

FIRST = 5e-3
"""The weight that the search begins at."""

N_SLICES = 3
"""Validation slices, of as many subjects."""


def tuning_scenarios(epsilon: float = 1 / 255, *, n_steps: int = 10) -> list[Scenario]:
    """Return the scenarios that a weight is chosen for: ten adaptive steps in each ball."""
    attacked = [
        Scenario("tuned", "adaptive", attack_steps=n_steps, **{**how, "epsilon": strength})
        for threat, how in THREATS.items()
        for strength in LEVELS[threat]
    ]
    return [Scenario("clean"), Scenario("noise", "random_gaussian", epsilon), *attacked]


def tune(
    profile: Profile,
    path: Path,
    scenarios: list[Scenario] | None = None,
    *,
    n_slices: int = N_SLICES,
    device: torch.device | str = "cpu",
) -> Path:
    """Try weights on validation slices until every case has a peak; a stopped search goes on."""
    n_slices = min(n_slices, profile.n_validation)
    dataset = dataset_of(profile, "val", profile.n_validation)
    scans = [dataset[k * (profile.n_validation // n_slices)].to(device) for k in range(n_slices)]
    table = read_candidates(path)
    held = {
        (str(case), float(weight), int(number)): float(decibels)
        for _, weight, case, number, decibels in table.itertuples(index=False)
    }
    nearest = min(WEIGHTS, key=lambda weight: abs(weight - FIRST))
    best = WEIGHTS.index(nearest)
    for scenario in tuning_scenarios() if scenarios is None else scenarios:
        case = case_of(scenario)

        def score(place: int, scenario: Scenario = scenario, case: str = case) -> float:
            net, found = TotalVariation(WEIGHTS[place]).to(device), []
            for scan in scans:
                key = case, WEIGHTS[place], int(scan.slice_index)
                if key not in held:
                    _, x = trial.reconstruct(net, scan, scenario)
                    held[key] = psnr(x, scan.target).item()
                found.append(held[key])
            _keep(path, held)
            return sum(found) / len(found)

        best = climb_grid(score, best, len(WEIGHTS))
    return path


def climb_grid(score: Callable[[int], float], start: int, size: int) -> int:
    """Return the place of the peak that is reached uphill from a place on a grid."""
    place, here = start, score(start)
    for way in (1, -1):
        moved = False
        while 0 <= place + way < size and (there := score(place + way)) > here:
            place, here, moved = place + way, there, True
        if moved:
            break
    return place


def _keep(path: Path, held: dict[tuple[str, float, int], float]) -> None:
    lines = [
        f"tv,{weight:g},{case},{number},{value}" for (case, weight, number), value in held.items()
    ]
    files.write_text(path, "\n".join([",".join(COLUMNS), *lines]) + "\n")
