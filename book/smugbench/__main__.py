"""The benchmark's command line: ``python -m smugbench``."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from smugbench import (
    agreement,
    floor,
    learned,
    memory,
    networks,
    peers,
    report,
    scaling,
    solves,
    throughput,
)
from smugbench.cases import TARGET_RESIDUAL, Case
from smugbench.peers import Peer
from smugbench.rows import Cost, format_costs
from smuglib import checks
from smuglib.models.precision import tf32
from smuglib.training.plan import Budget

Results = Iterator[tuple[list[Cost], list[str]]]

Section = Callable[[Case, Mapping[str, Peer], bool], Results]


def _solves(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    for number, (height, width, n_coils) in enumerate(solves.SIZES[: 1 if quick else None]):
        size = replace(case, height=height, width=width, n_coils=n_coils)
        yield from solves.measure_solves(size, found, repeats=3 if quick or number else 15)


QUICK = ("SMUG forward", "SMUG training step, few samples", "SMUG adaptive attack step")

SMUG = (*QUICK, "SMUG training step")

OTHERS = [
    f"{name} {step}"
    for name in ("SMUGv0", "RS-E2E")
    for step in ("forward", "adaptive attack step")
]


def _networks(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    names = [*(QUICK if quick else SMUG), "transfer attack step", *([] if quick else OTHERS)]
    return networks.measure_networks(case, found, names=names, repeats=1 if quick else 3)


def _floor(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    return floor.measure_floor(case, names=QUICK if quick else SMUG, repeats=1 if quick else 5)


def _batches(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    for batch in (1, 4) if quick else (1, 4, 16):
        yield from floor.measure_floor(
            replace(case, batch=batch),
            names=QUICK[:2],
            repeats=1 if quick else 3,
            section="batches",
        )


def _learned(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    return learned.measure_learned(case, repeats=1 if quick else 15)


def _memory(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    sizes = solves.SIZES[: 1 if quick else None]
    works = QUICK[::2] if quick else (*SMUG, OTHERS[-1])
    return memory.measure_memory(case, found, works=works, sizes=sizes)


def _scaling(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    # Two samples cost a fifth of ten, and grow alike with everything else.
    return (
        scaling.measure_scaling(replace(case, n_samples=2), repeats=1)
        if quick
        else scaling.measure_scaling(case, repeats=3)
    )


def _agreement(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    return agreement.measure_agreement(_small(case) if quick else case)


def _small(case: Case) -> Case:
    return replace(case, height=64, width=64, n_coils=4, n_steps=2, n_samples=2)


def _throughput(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    strong = throughput.STRONG
    if quick:
        return throughput.measure_throughput(
            _small(case), batches=(1, 2), n_attacked=2, attack=replace(strong, n_steps=1), repeats=1
        )
    return throughput.measure_throughput(
        case, batches=(1, 8), n_attacked=16, attack=strong, repeats=20
    )


def _compiled(case: Case, found: Mapping[str, Peer], quick: bool) -> Results:
    if quick:
        return throughput.measure_compiled(_small(case), batches=(1,), repeats=1)
    return throughput.measure_compiled(case, batches=(1, 8), repeats=20)


FAILED = "failed: "

SECTIONS: dict[str, Section] = {
    "solves": _solves,
    "networks": _networks,
    "floor": _floor,
    "batches": _batches,
    "learned": _learned,
    "memory": _memory,
    "scaling": _scaling,
}

ON_GPU: dict[str, Section] = {
    "agreement": _agreement,
    "throughput": _throughput,
    "compiled": _compiled,
}
"""Sections that are run where they are asked for: on a CPU they say little, or take hours."""


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark, print its tables and write its records."""
    options = _parser().parse_args(arguments)
    names = options.only.split(",") if options.only else list(SECTIONS)
    for name in names:
        checks.one_of("--only", name, {**SECTIONS, **ON_GPU})
    torch.set_num_threads(checks.integer("--threads", options.threads))
    device = checks.device("--device", options.device)
    found, left_out = peers.find_peers(device)
    print(f"torch {torch.__version__}, {device}, {torch.get_num_threads()} threads")
    print(f"solvers are compared at a relative residual of {TARGET_RESIDUAL:.0e}")
    print("\n".join([f"{name} {peer.version}" for name, peer in found.items()] + left_out))
    rows: list[Cost] = []
    notes = list(left_out)
    folder = options.output or report.default_folder(device)
    versions = {name: peer.version for name, peer in found.items()}
    case, budget = Case(device=str(device)), Budget(options.budget)
    with tf32(False):
        for name, more, remarks in _measured(names, case, found, options.quick, budget):
            print(f"\n== {name} ==")
            print("\n".join([format_costs(more), *remarks]), flush=True)
            rows += more
            notes += remarks
            # Each time: what was measured outlives a run that is ended from outside.
            path = report.write_benchmark(folder, rows, device=device, peers=versions, notes=notes)
    print(f"\n{len(rows)} rows in {path}")
    if any(note.startswith(FAILED) for note in notes):
        sys.exit(1)


def _measured(
    names: Sequence[str], case: Case, found: Mapping[str, Peer], quick: bool, budget: Budget
) -> Iterator[tuple[str, list[Cost], list[str]]]:
    """Run sections; one that fails or is late says so, and is no reason to lose the others."""
    for name in names:
        try:
            for rows, remarks in {**SECTIONS, **ON_GPU}[name](case, found, quick):
                yield name, rows, remarks
                if budget.is_spent:
                    yield name, [], [f"{name}: cut short, the time is up"]
                    return
        except RuntimeError as error:
            yield name, [], [f"{FAILED}{name}: {type(error).__name__}: {error}".splitlines()[0]]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m smugbench", description="Run the benchmark.")
    parser.add_argument("--quick", action="store_true", help="fewer repeats and sizes: minutes")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--device", default="auto", help="'auto', 'cpu' or 'cuda'")
    parser.add_argument("--budget", type=float, metavar="SECONDS", help="start nothing after them")
    parser.add_argument("--output", type=Path, help="folder of the records; build/benchmark")
    parser.add_argument(
        "--only", help=f"sections, with commas: {','.join(SECTIONS)}; {','.join(ON_GPU)}"
    )
    return parser


if __name__ == "__main__":
    main()
