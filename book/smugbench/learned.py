"""Section (e): a λ that is learned, and so another one at every update, against a fixed one.

The library inverts a scan's matrices anew for every λ. Their eigendecomposition would serve all of
them, for two products a solve instead of one. The gradient with respect to λ is one inner product.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from smugbench.cases import Case, System
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib.consistency import DataConsistency, LinewiseSolver

SECTION = "learned"

FIXED, LEARNED, DECOMPOSED = "fixed λ", "learned λ", "learned λ, eigendecomposition"

Step = Callable[[Tensor, Tensor], Tensor]


def measure_learned(case: Case, *, repeats: int) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time what a scan costs for each λ, or once, and what a step costs every time."""
    case = replace(case, n_steps=0)
    system = System.of(case)
    solver = LinewiseSolver(system.operator)
    factors = {
        FIXED: Work(lambda: LinewiseSolver(system.operator).inverse(1.0)),
        DECOMPOSED: Work(lambda: LinewiseSolver(system.operator).eigen()),
    }
    yield _rows("factors of a scan", factors, replace(case, n_samples=0), repeats), []
    lam = torch.ones((), device=case.torch_device, dtype=torch.float32).requires_grad_(True)
    steps: dict[str, tuple[Step, list[Tensor]]] = {
        FIXED: (DataConsistency(system.operator, 1.0), []),
        LEARNED: (DataConsistency(system.operator, lam), [lam]),
        DECOMPOSED: (partial(_decomposed, solver, lam), [lam]),
    }
    works = {
        name: Work(
            partial(_solution, step, system), accuracy=system.residual(_solution(step, system))
        )
        for name, (step, _) in steps.items()
    }
    yield _rows("data-consistency step", works, case, repeats), []
    works = {name: Work(partial(_gradients, *pair, system)) for name, pair in steps.items()}
    yield _rows("data-consistency step and its gradient", works, case, repeats), []


def _decomposed(solver: LinewiseSolver, lam: Tensor, z: Tensor, d: Tensor) -> Tensor:
    """Solve by the eigenvectors of every image row, whatever λ is."""
    values, vectors = solver.eigen()
    rows = (z.unsqueeze(1) + lam * d).transpose(1, 2)
    coefficients = (rows @ vectors.conj()) / (values[..., None, :] + lam)
    return (coefficients @ vectors.mT).transpose(1, 2)


@torch.no_grad()
def _solution(step: Step, system: System) -> Tensor:
    return step(system.start, system.denoised)


def _gradients(step: Step, weights: list[Tensor], system: System) -> tuple[Tensor, ...]:
    """Differentiate towards the denoised images, and towards λ where it learns."""
    denoised = system.denoised.detach().requires_grad_(True)
    x = step(system.start, denoised)
    return torch.autograd.grad(torch.view_as_real(x).square().sum(), [denoised, *weights])


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
