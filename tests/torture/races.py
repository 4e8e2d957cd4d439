"""Races: processes do one work in one folder at one instant, and nothing of any is lost."""

from __future__ import annotations

import os
import random
from pathlib import Path

from tests.torture.forks import Child
from tests.torture.outcome import Outcome
from tests.torture.works import WORKS, Work, prepared, undisturbed, workplace


def run(seed: int, n: int) -> list[Outcome]:
    """Let two to four processes race, ``n`` times, at each work in turn."""
    rng, names, outcomes, whole = random.Random(seed), list(WORKS), [], {}
    with workplace() as place:
        for number in range(n):
            name, n_workers = names[number % len(names)], rng.randint(2, 4)
            work = WORKS[name]
            workers = tuple(range(n_workers))
            if (name, n_workers) not in whole:
                folder = place / f"{name} {n_workers}"
                whole[name, n_workers] = undisturbed(work, folder, workers)
            folder = prepared(work, place / str(number))
            wrong = _race(work, folder, workers)
            wrong = wrong or _difference(work, folder, whole[name, n_workers])
            case = f"{seed}/{number}: {n_workers} processes"
            outcomes.append(Outcome.of(f"race: {name}", case, wrong))
    return outcomes


def _race(work: Work, folder: Path, workers: tuple[int, ...]) -> str:
    """Start the workers at one instant; return their errors."""
    waiting, gate = os.pipe()

    def start(worker: int) -> None:
        os.close(gate)
        os.read(waiting, 1)
        work.do(folder, worker)

    children = [Child(start, worker) for worker in workers]
    os.close(waiting)
    os.close(gate)
    ends = [child.end() for child in children]
    return "; ".join(end.error for end in ends if end.error)


def _difference(work: Work, folder: Path, whole: object) -> str:
    try:
        return "" if work.result(folder) == whole else "another result"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
