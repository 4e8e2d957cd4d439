"""Section (c): peak memory of each work, run once in a process of its own."""

import ctypes
import gc
import multiprocessing
import resource
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import torch

from smugbench import networks, solves
from smugbench.cases import Case, System
from smugbench.implementation import Setup
from smugbench.peers import Peer, find_peers
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work

SECTION = "memory"

WARM_UP = Case(height=32, width=32, n_coils=2, n_samples=1, n_steps=1)

SOLVE = "solve, 10 right-hand sides"

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def measure_memory(
    case: Case,
    peers: Mapping[str, Peer],
    *,
    works: tuple[str, ...],
    sizes: tuple[tuple[int, int, int], ...],
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Measure works of the sections on solves and on networks."""
    for height, width, n_coils in sizes:
        sized = replace(case, height=height, width=width, n_coils=n_coils, n_samples=10, n_steps=0)
        yield _rows(SOLVE, solver_names(peers), sized), []
    rivals = [name for name in network_names(peers) if not name.endswith("our layers")]
    for work in works:
        _, is_few = networks.network_works()[work]
        sized = replace(case, n_samples=networks.TRAINING_SAMPLES) if is_few else case
        yield _rows(work, rivals, sized), []


def solver_names(peers: Mapping[str, Peer]) -> list[str]:
    """Return the names of all solvers with a memory of their own to measure."""
    system = System.of(WARM_UP)
    theirs = [name for peer in peers.values() for name in peer.solves(system)]
    # One number of threads is enough: BART's memory does not depend on it.
    one_each = [name for name in theirs if not name.endswith("threads")]
    return [solves.COUNTED, solves.CG, *one_each]


def network_names(peers: Mapping[str, Peer]) -> list[str]:
    """Return the names of all implementations of the network."""
    return list(networks.implementations(Setup.of(WARM_UP), peers))


def _rows(work: str, names: list[str], case: Case) -> list[Cost]:
    # Two at a time: memory is each process's own, and most of the time is their start.
    with ThreadPoolExecutor(2) as pool:
        peaks = list(pool.map(lambda name: peak(work, name, case), names))
    return [
        cost_row(SECTION, work, name, case, peak_bytes=n_bytes)
        for name, n_bytes in zip(names, peaks, strict=True)
    ]


def peak(work: str, name: str, case: Case) -> int:
    """Run a work once in a fresh process and return how far its memory grew, in bytes."""
    arguments = (work, name, case, torch.get_num_threads())
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(_peak_here, arguments)


def _peak_here(work: str, name: str, case: Case, threads: int) -> int:
    torch.set_num_threads(threads)
    torch.backends.cudnn.allow_tf32 = False
    # The first call of anything loads code and starts threads, which is not what is asked for.
    build_work(work, name, replace(WARM_UP, device=case.device)).run()
    prepared = build_work(work, name, case)
    if prepared.peak_bytes is not None:
        return prepared.peak_bytes()
    if case.torch_device.type == "cuda":
        return _growth_on_gpu(prepared.run, case.torch_device)
    return _growth(prepared.run)


def build_work(work: str, name: str, case: Case) -> Work:
    """Build a work by name."""
    is_own = name.startswith("smuglib")
    peers: Mapping[str, Peer] = {} if is_own else find_peers(case.torch_device)[0]
    if work == SOLVE:
        system = System.of(case)
        builders = dict(solves.own_solvers(system, "at once"))
        for peer in peers.values():
            builders |= peer.solves(system)
        return builders[name]()
    implementation = networks.implementations(Setup.of(case), peers)[name]
    step, _ = networks.network_works()[work]
    return Work(lambda: step(implementation))


def _growth(run: Callable[[], object]) -> int:
    """Return the growth of the peak of this process's resident set."""
    before = _resident()
    run()
    return max(_highest() - before, 0)


def _resident() -> int:
    """Return the resident set, and start its peak anew where the system can."""
    # Memory that was used and freed would be taken again without growth: give it back first.
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    if _RESET.exists():
        _RESET.write_text("5", encoding="ascii")
    return _highest()


def _highest() -> int:
    # Not ru_maxrss where it can be helped: it is inherited from the process that started this one.
    if _STATUS.is_file():
        lines = dict(line.split(":", 1) for line in _STATUS.read_text("ascii").splitlines())
        return 1024 * int(lines["VmHWM"].split()[0])
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _growth_on_gpu(run: Callable[[], object], device: torch.device) -> int:
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    run()
    return torch.cuda.max_memory_allocated(device) - before
