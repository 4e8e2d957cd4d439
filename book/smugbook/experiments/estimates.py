"""How long the parts that are left will take, from what others of their kind took."""

import csv
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pandas as pd

from smugbook import profiles
from smugbook.experiments.adversary import ASCENT
from smugbook.experiments.parts import Pace, Part, Training
from smugbook.profiles import Profile
from smugbook.results import Store
from smuglib import files

H200_UPDATES_PER_SECOND = 10.0
"""Of every training of the default profile alone on an H200 with torch 2.11, measured once."""

WORK: tuple[str, ...] = ("height", "width", "n_coils", "strip_height", "blocks", "n_steps")
WORK += ("batch", "denoiser", "n_samples_training", "pretraining_batch")
"""Settings that trainings share whose updates take as long, but for channels and attacks."""

COLUMNS = ("kind", "seconds", "size", "device")


def note(path: Path, kind: str, pace: Pace) -> None:
    """Add to the file of paces what a process did."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.is_file()
    with path.open("a", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS] if is_new else [])
        writer.writerow([kind, round(pace.seconds, 1), pace.size, pace.device])


def paces(path: Path, parts: Iterable[Part]) -> dict[str, list[Pace]]:
    """Return the paces that are known, by kind: those of logs, else those of the file."""
    found: dict[str, list[Pace]] = {}
    if path.is_file():
        with files.reading(path, "a table of paces"):
            for kind, seconds, size, device in pd.read_csv(path)[list(COLUMNS)].to_numpy():
                found.setdefault(kind, []).append(Pace(seconds, size, device))
    of_logs: dict[str, list[Pace]] = {}
    for part in parts:
        pace = part.pace()
        if pace is not None:
            of_logs.setdefault(part.kind, []).append(pace)
    return found | of_logs


def seconds_left(
    part: Part, n_done: int, known: dict[str, list[Pace]], device: str
) -> tuple[float | None, str]:
    """Return the seconds that a part will take on a device, and where that is known from.

    Several processes at once on one device slow each other; what they took is with that.
    """
    own = part.pace() if n_done else None
    sources = {
        "its own log": [own] if own else [],
        "others of its kind": known.get(part.kind, []),
    }
    for source, found in sources.items():
        here = [pace for pace in found if _model(pace.device) == _model(device)]
        count = sum(pace.size for pace in here)
        if count:
            return sum(pace.seconds for pace in here) / count * (part.size - n_done), source
    return _elsewhere(part, part.size - n_done, device)


def _elsewhere(part: Part, count: int, device: str) -> tuple[float | None, str]:
    """Return what a training takes by those of its kind on the machines that were measured."""
    if isinstance(part, Training):
        settings = part.settings
        alike = [
            one
            for one in profiles.PROFILES.values()
            if all(getattr(one, name) == getattr(settings, name) for name in WORK)
        ]
        for measured in alike:
            with suppress(FileNotFoundError):
                last = Store.open(measured.name).read_log(part.method, part.sigma).iloc[-1]
                times = count * _work(settings) / _work(measured)
                if "CPU" not in device:
                    return times / H200_UPDATES_PER_SECOND, "an H200"
                return times * last["seconds"] / last["update"], "the shipped log"
    return None, "unknown"


def _work(settings: Profile) -> float:
    """Return how long an update takes, in units that only ratios have a meaning in."""
    n_gradients = 1 + (ASCENT.n_steps if settings.adversarial else 0)
    return n_gradients * settings.channels**2


def _model(device: str) -> str:
    """Return the name of a device without its number of threads, which processes share."""
    return device.partition(",")[0]
