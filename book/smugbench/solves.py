"""Section (a): data-consistency solves of equal accuracy, and the cost of the factorization."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch

from smugbench.cases import Case, System
from smugbench.peers import Builders, Peer, find_tolerance
from smugbench.rows import Cost, cost_row
from smugbench.timing import Timing, Work, time_in_turn
from smuglib.consistency import CGSolver, LinewiseSolver
from smuglib.consistency.linewise import line_matrices

SECTION = "solves"

SIZES = ((128, 128, 8), (320, 320, 15))
"""Height, width and coils of the default profile, and of the poster."""

LINEWISE, COUNTED = "smuglib, line-wise", "smuglib, line-wise, factorized anew"

CG = "smuglib, CG"

STEPS, PER_STEP = 8, 4
"""Solves of one reconstruction with few samples (32 right-hand sides, four at a time)."""


def measure_solves(
    case: Case, peers: Mapping[str, Peer], *, repeats: int
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Compare solvers on one size of scan."""
    case = replace(case, batch=1, n_steps=0)
    yield _factorization(replace(case, n_samples=0), repeats), []
    rivals: list[str] = []
    for n_rhs in (1, 10, STEPS * PER_STEP):
        sized = replace(case, n_samples=n_rhs)
        system = System.of(sized)
        theirs = {
            name: build for peer in peers.values() for name, build in peer.solves(system).items()
        }
        if n_rhs > 10:
            # More images of the same kind: only the fastest are run again, and not as often.
            theirs = {name: build for name, build in theirs.items() if name in rivals}
            repeats = min(repeats, 3)
        ours = own_solvers(system, "step by step" if n_rhs > 10 else "at once")
        works = {name: build() for name, build in {**ours, **theirs}.items()}
        timings = time_in_turn(works, repeats=repeats, device=case.torch_device)
        rows = [
            cost_row(
                SECTION,
                f"solve, {n_rhs} right-hand side{'s' * (n_rhs > 1)}",
                name,
                sized,
                timing,
                reference=timings[LINEWISE],
                accuracy=works[name].accuracy,
                accuracy_kind="relative residual",
            )
            for name, timing in timings.items()
        ]
        rivals, notes = _fastest(peers, system, timings, n_rhs)
        yield rows, notes


def own_solvers(system: System, how: str) -> Builders:
    """Return the builders of the library's solvers."""
    solver = LinewiseSolver(system.operator)
    parts = system.rhs.split(PER_STEP if how == "step by step" else system.rhs.shape[1], dim=1)
    lam = torch.ones((), device="cpu")  # read at each solve, which would wait for a GPU

    def solve(one: LinewiseSolver) -> torch.Tensor:
        return torch.cat([one.solve(part, lam) for part in parts], dim=1)

    def linewise(fresh: bool) -> Work:
        accuracy = system.residual(solve(solver))
        return Work(
            lambda: solve(LinewiseSolver(system.operator) if fresh else solver), accuracy=accuracy
        )

    builders: dict[str, Callable[[], Work]] = {
        LINEWISE: partial(linewise, False),
        COUNTED: partial(linewise, True),
    }
    if len(parts) == 1:
        builders[CG] = partial(conjugate_gradients, system)
    return builders


def conjugate_gradients(system: System) -> Work:
    """Return the work of the library's conjugate gradients."""
    rhs, lam = system.rhs, torch.ones((), device="cpu")

    def solve(tolerance: float) -> torch.Tensor:
        return CGSolver(system.operator, tol=tolerance).solve(rhs, lam)

    tolerance, residual = find_tolerance(system, solve)
    return Work(lambda: solve(tolerance), accuracy=residual)


def _factorization(case: Case, repeats: int) -> list[Cost]:
    A = case.scan().operator
    shifted = line_matrices(A)
    shifted.diagonal(dim1=-2, dim2=-1).add_(1.0)
    works = {
        "torch, inverse of formed matrices": Work(
            lambda: torch.cholesky_inverse(torch.linalg.cholesky(shifted))
        ),
        "smuglib, forming the matrices": Work(lambda: line_matrices(A)),
        "smuglib, formed and inverted": Work(lambda: LinewiseSolver(A).inverse(1.0)),
    }
    timings = time_in_turn(works, repeats=repeats, device=case.torch_device)
    reference = next(iter(timings.values()))
    return [
        cost_row(SECTION, "factorization", name, case, timing, reference=reference)
        for name, timing in timings.items()
    ]


def _fastest(
    peers: Mapping[str, Peer], system: System, timings: Mapping[str, Timing], n_rhs: int
) -> tuple[list[str], list[str]]:
    """Return the fastest solvers of each kind of peer, and what there is to say about the first."""
    names, notes = [], []
    # Python's are rivals for more images if they are near the fastest: one at a time gains on all
    # at once as images become many.
    for kind, is_python, near in (("Python peer", True, 1.5), ("other peer", False, 1.0)):
        seconds = {
            name: timings[name].median
            for peer in peers.values()
            if peer.is_python == is_python
            for name in peer.solves(system)
            if name in timings
        }
        if seconds:
            first = min(seconds, key=lambda name: seconds[name])
            names += [name for name in seconds if seconds[name] <= near * seconds[first]]
            notes.append(f"fastest {kind}: {first}, {_comparison(timings, first, n_rhs)}")
    return names, notes


def _comparison(timings: Mapping[str, Timing], rival: str, n_rhs: int) -> str:
    ours, theirs = timings[LINEWISE].median, timings[rival].median
    ratio = f"{theirs / ours:.1f} x the time of line-wise"
    if theirs <= ours:
        return f"{ratio}; the factorization is never repaid"
    factorization = timings[COUNTED].median - ours
    n_repaid = factorization / (theirs - ours) * n_rhs
    return f"{ratio}; the factorization is repaid after {n_repaid:.0f} solves"
