"""Benchmark of the data-consistency solvers: ``python -m smuglib.bench``.

Runs of the two solvers are interleaved in one process with one stated number of threads, so that
a drift of the machine's speed meets both. Reported are medians with the range, the ratio of the
medians, the accuracy reached by each, and the number of solves that repays the factorization.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks, random
from smuglib.data import brain
from smuglib.solvers import CGSolver, LinewiseSolver

CG_TOLERANCE = 1e-6

SIZES = ((128, 128, 8), (320, 320, 15))
"""Height, width and coils of the scans: the default profile's, and the poster's."""


@dataclass(frozen=True)
class Timing:
    """Seconds of repeated runs of one piece of work."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median in milliseconds."""
        return 1e3 * statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = 1e3 * min(self.seconds), 1e3 * max(self.seconds)
        return f"{self.median:8.2f} ms ({low:.2f} to {high:.2f})"


def interleaved(
    works: Mapping[str, Callable[[], object]], *, repeats: int, device: torch.device
) -> dict[str, Timing]:
    """Time pieces of work in turn, after one warm-up of each.

    Parameters
    ----------
    works
        Functions by name.
    repeats
        Counted runs of each.
    device
        Where they run; a GPU is waited for.

    Returns
    -------
    dict of str to Timing
        Seconds of every run.
    """
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for counted in (False, *(True,) * checks.integer("repeats", repeats)):
        for name, work in works.items():
            _wait(device)
            start = time.perf_counter()
            work()
            _wait(device)
            if counted:
                seconds[name].append(time.perf_counter() - start)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def relative_residual(
    normal: Callable[[Tensor], Tensor], x: Tensor, rhs: Tensor, lam: float
) -> float:
    """Return ``||(A^H A + lam I) x - rhs|| / ||rhs||``, the largest over images."""
    error = torch.linalg.vector_norm(normal(x) + lam * x - rhs, dim=(-2, -1))
    return (error / torch.linalg.vector_norm(rhs, dim=(-2, -1))).max().item()


def solvers(
    height: int, width: int, n_coils: int, *, repeats: int, device: torch.device
) -> list[str]:
    """Compare the line-wise solver with conjugate gradients on one scan.

    Parameters
    ----------
    height, width, n_coils
        Size of the scan.
    repeats
        Counted runs of each solver.
    device
        Where to run.

    Returns
    -------
    list of str
        The lines of the report.
    """
    scan = brain(height=height, width=width, n_coils=n_coils).to(device)
    A, lam = scan.operator, torch.tensor(1.0, device=device)
    linewise, cg = LinewiseSolver(A), CGSolver(A, tol=CG_TOLERANCE)
    factorize = interleaved(
        {"factorization": lambda: LinewiseSolver(A).inverse(1.0)}, repeats=repeats, device=device
    )["factorization"]
    lines = [f"{height} x {width}, {n_coils} coils: factorization {factorize}"]
    for n_samples in (1, 10):
        noise = random.generator(0, "benchmark", n_samples)
        shape = (1, n_samples, height, width)
        rhs = A.adjoint(scan.kspace).unsqueeze(1) + random.complex_normal(
            shape, 0.05, noise, scan.target
        )
        works = {
            "line-wise": lambda r=rhs: linewise.solve(r, lam),
            "cg": lambda r=rhs: cg.solve(r, lam),
        }
        timings = interleaved(works, repeats=repeats, device=device)
        ratio = timings["cg"].median / timings["line-wise"].median
        saved = (timings["cg"].median - timings["line-wise"].median) / n_samples
        lines.append(f"  {n_samples} right-hand side(s)")
        for name, work in works.items():
            residual = relative_residual(A.normal, work(), rhs, 1.0)
            lines.append(f"    {name:10s} {timings[name]}, relative residual {residual:.1e}")
        lines.append(
            f"    line-wise is {ratio:.1f} x faster; its factorization is repaid after "
            f"{factorize.median / saved:.0f} solves"
            if saved > 0
            else f"    line-wise is {ratio:.2f} x as fast and never repays its factorization"
        )
    return lines


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark and print its report."""
    parser = argparse.ArgumentParser(
        prog="python -m smuglib.bench", description=__doc__.split("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="fewer repeats, the small size only")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--device", default="auto", help="'auto', 'cpu' or 'cuda'")
    options = parser.parse_args(arguments)
    torch.set_num_threads(checks.integer("threads", options.threads))
    device = checks.device("device", options.device)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    print(f"conjugate gradients stop at a relative residual of {CG_TOLERANCE:.0e}")
    sizes = SIZES[:1] if options.quick else SIZES
    for height, width, n_coils in sizes:
        repeats = 5 if options.quick else 15
        print("\n".join(solvers(height, width, n_coils, repeats=repeats, device=device)))


if __name__ == "__main__":
    main()
