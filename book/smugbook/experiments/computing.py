"""The command that computes a profile, with a process for every part.

Several processes train one part's network where torchrun starts the command with ``--part``.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from smugbook.experiments import estimates, scheduling
from smugbook.experiments.agenda import parts_of
from smugbook.experiments.parts import Pace, Part, Training
from smugbook.experiments.scheduling import OUT_OF_TIME, Outcome
from smugbook.notebooks import processes
from smugbook.results import Store
from smuglib import checks, provenance
from smuglib.files import locked
from smuglib.training import ranks
from smuglib.training.plan import Budget, BudgetSpentError


def compute_part(profile: str, name: str, *, device: str, budget: Budget) -> int:
    """Compute one part in this process, or this one's share of a training; return the exit code."""
    parts = {part.name: part for part in parts_of(profile)}
    part = parts[checks.one_of("part", name, parts)]
    if ranks.n_launched() > 1 and not isinstance(part, Training):
        raise ValueError(f"part must be a training for torchrun's processes to share, got {name!r}")
    with ranks.together(checks.device("device", device)) as own:
        try:
            part.compute(device=str(own), budget=budget)
        except BudgetSpentError as error:
            if ranks.is_first():
                print(error, file=sys.stderr)
            return OUT_OF_TIME
    return 0


def compute_profile(profile: str, *, device: str, n_jobs: int, budget: Budget) -> int:
    """Compute what is left of a profile; return the exit code."""
    if ranks.n_launched() > 1:
        raise ValueError("part must name the training that torchrun's processes share, got None")
    folder = Store.open(profile, "build").folder / "computing"
    processes.hear_hangups()
    with locked(folder / ".lock", f"what computes the profile {profile}"):
        parts = parts_of(profile)
        done = {part.name: part.n_done() for part in parts}
        left = _left(parts, done)
        name = provenance.device_name(checks.device("device", device))

        def tell(part: Part, outcome: Outcome, seconds: float) -> None:
            made = part.n_done() - done[part.name]
            estimates.note(folder / "paces.csv", part.kind, Pace(seconds, made, name))
            print(f"{outcome.value} {part.name} {seconds:.1f} s", flush=True)

        outcomes = scheduling.run(
            left,
            n_jobs=n_jobs,
            begin=lambda part: _begin(part, device, n_jobs, budget),
            budget=budget,
            tell=tell,
        )
    return _conclude(left, outcomes)


def _left(parts: Sequence[Part], done: Mapping[str, int]) -> list[Part]:
    """Return the parts that are not done, or need one that is not."""
    left: dict[str, Part] = {}
    for part in parts:
        if done[part.name] < part.size or any(name in left for name in part.needs):
            left[part.name] = part
    return list(left.values())


def _begin(part: Part, device: str, n_jobs: int, budget: Budget) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "smugbook", "compute", part.profile, "--part", part.name]
    command += ["--device", device]
    if budget.seconds_left is not None:
        command += ["--budget", str(budget.seconds_left)]
    environment = {**os.environ, processes.PARENT: str(os.getpid())}
    if n_jobs > 1:
        # As many threads as cores in every process would wait for each other.
        n_threads = max(1, (os.cpu_count() or 1) // n_jobs)
        environment.setdefault("OMP_NUM_THREADS", str(n_threads))
    part.log.parent.mkdir(parents=True, exist_ok=True)
    with part.log.open("ab") as log:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment
        )


def _conclude(left: Sequence[Part], outcomes: Mapping[str, Outcome]) -> int:
    """Say what failed and what is left; return the exit code."""
    failed = [part for part in left if outcomes[part.name] is Outcome.FAILED]
    for part in failed:
        print(f"error: {part.name} failed: see {part.log}", file=sys.stderr)
    n_left = sum(outcome is not Outcome.DONE for outcome in outcomes.values())
    if n_left:
        print(f"{n_left} of {len(left)} parts are left; the next call goes on with them")
    return 1 if failed else OUT_OF_TIME if n_left else 0


def plan(profile: str, *, device: str) -> str:
    """Return a table of what is left, with the seconds that it will take."""
    parts = parts_of(profile)
    done = {part.name: part.n_done() for part in parts}
    left = _left(parts, done)
    name = provenance.device_name(checks.device("device", device))
    path = Store.open(profile, "build").folder / "computing" / "paces.csv"
    known = estimates.paces(path, parts)
    lines, total, n_unknown = [], 0.0, 0
    for part in left:
        seconds, source = estimates.seconds_left(part, done[part.name], known, name)
        total, n_unknown = total + (seconds or 0), n_unknown + (seconds is None)
        shown = "" if seconds is None else f"{seconds:.0f}"
        progress = f"{done[part.name]}/{part.size}"
        lines.append(f"{part.name:55} {progress:>11} {shown:>8}  {source}")
    head = f"{'part':55} {'done':>11} {'seconds':>8}  estimated from"
    unknown = f", and {n_unknown} parts of unknown time" if n_unknown else ""
    end = f"{len(left)} of {len(parts)} parts are left: {total:.0f} s one by one{unknown} ({name})"
    return "\n".join([head, *lines, end] if left else [f"all {len(parts)} parts are done"])
