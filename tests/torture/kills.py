"""Kills at random instants and at every crash point: a rerun ends with bitwise the same result."""

from __future__ import annotations

import random
import time
from itertools import count
from pathlib import Path

from tests.crashes import Disk, killed, raised
from tests.torture.forks import KILLS, Child
from tests.torture.outcome import Outcome
from tests.torture.works import WORKS, Work, prepared, redone, undisturbed, workplace

STOPS = {"killed": killed, "raised": raised}


def run(seed: int, n: int) -> list[Outcome]:
    """Kill each work in turn, ``n`` kills in all, up to three in a row before it may end."""
    rng, names, outcomes = random.Random(seed), list(WORKS), list[Outcome]()
    with workplace() as place:
        whole = {name: _whole(work, place / name) for name, work in WORKS.items()}
        for number in count():
            if len(outcomes) == n:
                return outcomes
            name = names[number % len(names)]
            result, seconds = whole[name]
            folder, told = prepared(WORKS[name], place / str(number)), []
            for _ in range(min(rng.choice((1, 1, 1, 2, 3)), n - len(outcomes))):
                delay, sent = rng.uniform(0, seconds), rng.choice(KILLS)
                child = Child(WORKS[name].do, folder, 0)
                time.sleep(delay)
                child.kill(sent)
                child.end()
                told.append(f"{seed}/{number}: {sent.name} after {delay:.3f} s")
            wrong = redone(WORKS[name], folder, result)
            outcomes += [Outcome.of(f"kill: {name}", one, wrong) for one in told]
    return outcomes


def _whole(work: Work, folder: Path) -> tuple[object, float]:
    """Return the result of an undisturbed work, and how long it takes when all is imported."""
    result = undisturbed(work, folder)
    again = prepared(work, folder.with_name(f"{folder.name} again"))
    start = time.monotonic()
    end = Child(work.do, again, 0).end()
    if end.error or work.result(again) != result:
        raise RuntimeError(f"{folder.name} is not the same twice: {end.error}")
    return result, time.monotonic() - start


def crash_points(seed: int, n: int | None = None) -> list[Outcome]:
    """Stop each work at every change of the disk, or at ``n`` of them; killed, or by an error."""
    outcomes, points, whole = [], [], {}
    with workplace() as place:
        for name, work in WORKS.items():
            whole[name] = undisturbed(work, place / name)
            changes = range(1, n_changes(work, place / f"{name} counted") + 1)
            points += [(name, at, stop) for at in changes for stop in STOPS]
        random.Random(seed).shuffle(points)
        for name, at, stop in points[:n]:
            work, folder = WORKS[name], place / f"{name} {stop} {at}"
            prepared(work, folder)
            Child(_stopped, work, folder, at, stop).end()
            wrong = redone(work, folder, whole[name])
            outcomes.append(Outcome.of(f"crash point: {name}", f"{stop} at change {at}", wrong))
    return outcomes


def _stopped(work: Work, folder: Path, at: int, stop: str) -> None:
    with Disk(at, STOPS[stop]):
        work.do(folder, 0)


def n_changes(work: Work, folder: Path) -> int:
    """Count a work's changes of the disk."""
    prepared(work, folder)
    with Disk(0, raised) as disk:
        work.do(folder, 0)
    return disk.n_calls
