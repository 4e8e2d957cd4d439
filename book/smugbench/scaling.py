"""Section (d): how cost grows with samples, steps, image size, coils and batch, one at a time."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

from smugbench.cases import Case, System
from smugbench.implementation import Setup, Smuglib
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib.consistency import CGSolver, LinewiseSolver
from smuglib.consistency.linewise import Solver

SECTION = "scaling"

AXES: dict[str, tuple[int, ...]] = {
    "n_samples": (1, 3, 10, 20),
    "n_steps": (2, 4, 8, 16),
    "size": (64, 128, 256),
    "n_coils": (4, 8, 16),
    "batch": (1, 2, 4),
}
"""Values of what is varied; ``size`` is height and width."""


def measure_scaling(
    case: Case, *, repeats: int, axes: dict[str, tuple[int, ...]] | None = None
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time SMUG's forward pass and both solvers around a case."""
    for axis, values in (AXES if axes is None else axes).items():
        cases = [_varied(case, axis, value) for value in values]
        yield _forwards(axis, cases, repeats) + _solvers(axis, cases, repeats), []


def _varied(case: Case, axis: str, value: int) -> Case:
    changes = {"height": value, "width": value} if axis == "size" else {axis: value}
    return replace(case, **changes)  # type: ignore[arg-type]


def _forwards(axis: str, cases: list[Case], repeats: int) -> list[Cost]:
    works = {}
    for number, case in enumerate(cases):
        network = Smuglib(Setup.of(case))
        works[str(number)] = Work(partial(network.forward, "denoiser"))
    timings = time_in_turn(works, repeats=repeats, device=cases[0].torch_device)
    return [
        cost_row(SECTION, f"SMUG forward, {axis} varied", "smuglib", case, timings[str(number)])
        for number, case in enumerate(cases)
    ]


def _solvers(axis: str, cases: list[Case], repeats: int) -> list[Cost]:
    if axis == "n_steps":
        return []
    works: dict[str, Work] = {}
    for number, case in enumerate(cases):
        system = System.of(case)
        rhs, lam = system.rhs, torch.ones((), device="cpu")
        solvers: dict[str, Solver] = {
            "line-wise": LinewiseSolver(system.operator),
            "CG": CGSolver(system.operator),
        }
        for name, solver in solvers.items():
            works[f"{name} {number}"] = Work(partial(solver.solve, rhs, lam))
    timings = time_in_turn(works, repeats=repeats, device=cases[0].torch_device)
    return [
        cost_row(
            SECTION,
            f"solve, {axis} varied",
            f"smuglib, {name}",
            replace(case, n_steps=0),
            timings[f"{name} {number}"],
        )
        for name in ("line-wise", "CG")
        for number, case in enumerate(cases)
    ]
