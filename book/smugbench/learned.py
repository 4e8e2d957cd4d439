"""Section (e): a λ that is learned, new at every update, against a fixed one.

For a fixed λ a scan's matrices are inverted once; for one that learns, their eigendecomposition
serves every value, and each solve takes two products instead of one. The gradient with respect to
λ is one inner product more.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from smugbench.cases import Case, System
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib.consistency import DataConsistency, LinewiseSolver

SECTION = "learned"

FIXED, LEARNED = "fixed λ", "learned λ"


def measure_learned(case: Case, *, repeats: int) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time what a scan costs once, and what a step costs every time."""
    case = replace(case, n_steps=0)
    A = case.scan().operator
    once = {
        FIXED: Work(lambda: LinewiseSolver(A).inverse(1.0)),
        LEARNED: Work(lambda: LinewiseSolver(A).eigen()),
    }
    yield _rows("factors of a scan", once, replace(case, n_samples=0), repeats), []
    system = System.of(case)
    steps = {
        FIXED: DataConsistency(system.operator, 1.0),
        LEARNED: DataConsistency(system.operator, _learned_weight(case)),
    }
    works = {
        name: Work(
            partial(_solution, step, system), accuracy=system.residual(_solution(step, system))
        )
        for name, step in steps.items()
    }
    yield _rows("data-consistency step", works, case, repeats), []
    works = {name: Work(partial(_gradients, step, system)) for name, step in steps.items()}
    yield _rows("data-consistency step and its gradient", works, case, repeats), []


def _learned_weight(case: Case) -> Tensor:
    return torch.ones((), device=case.torch_device, dtype=torch.float32).requires_grad_(True)


@torch.no_grad()
def _solution(step: DataConsistency, system: System) -> Tensor:
    return step(system.start, system.denoised)


def _gradients(step: DataConsistency, system: System) -> tuple[Tensor, ...]:
    """Differentiate towards the denoised images, and towards λ where it learns."""
    denoised = system.denoised.detach().requires_grad_(True)
    wanted = [denoised, *([step.lam] if step.lam.requires_grad else [])]
    x = step(system.start, denoised)
    return torch.autograd.grad(torch.view_as_real(x).square().sum(), wanted)


def _rows(work: str, works: dict[str, Work], case: Case, repeats: int) -> list[Cost]:
    timings = time_in_turn(works, repeats=repeats, device=case.torch_device)
    return [
        cost_row(
            SECTION,
            work,
            name,
            case,
            timing,
            reference=timings[FIXED],
            accuracy=works[name].accuracy,
            accuracy_kind="relative residual" if works[name].accuracy >= 0 else "",
        )
        for name, timing in timings.items()
    ]
