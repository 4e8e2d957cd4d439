"""How fast the live explorers answer: ``python -m smugbook.explorers.live.latency``.

Sliders are moved as a reader would: to settings that were not asked for before, one at a time.
Networks, scans of other settings and their factors may be kept from the moves before, as in a
session. What is timed is the first picture and the final one, pixels included.
"""

import argparse
import os
import time
from collections.abc import Iterator

import pandas as pd
import torch

from smugbook.explorers.live.forward import ForwardExplorer, forward
from smugbook.explorers.live.robustness import RobustnessExplorer, robustness
from smugbook.explorers.live.robustness_engine import ATTACKS
from smugbook.words.labels import METHOD_LABELS
from smuglib.data.template import template

RATES = (30, 35, 40, 45, 50)
"""Percents of columns that a slider is moved to; none is that of the start."""


class _Stopwatch:
    """Times the pictures of an explorer from the move of a control on."""

    def __init__(self, explorer: RobustnessExplorer | ForwardExplorer) -> None:
        self._explorer = explorer
        self._times: list[float] = []
        explorer.pictures.observe(lambda _: self._times.append(time.perf_counter()), names="value")

    def move(self, control: str, value: object) -> tuple[float, float]:
        """Move a control; return the seconds until the first and until the last picture."""
        self._explorer.wait()
        self._times.clear()
        begun = time.perf_counter()
        self._explorer.controls[control].value = value
        self._explorer.wait()
        if not self._times:
            raise RuntimeError(f"{control} = {value}: {self._explorer.message.value}")
        return self._times[0] - begun, self._times[-1] - begun


def moves(profile: str, attack_steps: int) -> Iterator[dict[str, object]]:
    """Move the sliders of both explorers."""
    explorer = robustness(profile=profile, method="zero_filled")
    watch = _Stopwatch(explorer)
    template()  # which the explorer reads, too, while its first picture is looked at
    for method in METHOD_LABELS:
        explorer.controls["view"].value = "clean"
        explorer.controls["method"].value = method
        for rate in RATES:
            yield _line(method, "clean", "rate", watch.move("sampling_rate", rate))
        explorer.controls["view"].value = "noise"
        for epsilon in (0.5, 1.5, 2.0, 2.5, 3.0):
            yield _line(method, "noise", "ε", watch.move("epsilon", epsilon))
    explorer.controls["attack_steps"].value = max(attack_steps, 1)
    for method in ("modl", "smug") if attack_steps else ():
        explorer.controls["method"].value = method
        for attack in ATTACKS:
            explorer.controls["view"].value = "noise"
            explorer.controls["attack"].value = attack
            yield _line(method, attack, f"{attack_steps} steps", watch.move("view", "attack"))
    masks = _Stopwatch(forward(profile=profile))
    for rate in RATES:
        yield _line("forward model", "", "rate", masks.move("sampling_rate", rate))


def _line(shown: str, view: str, moved: str, seconds: tuple[float, float]) -> dict[str, object]:
    first, last = seconds
    return {"shown": shown, "view": view, "moved": moved, "first": first, "final": last}


def main() -> None:
    """Print medians and worst cases in seconds, with the load of the machine around them."""
    parser = argparse.ArgumentParser(
        prog="python -m smugbook.explorers.live.latency", description=__doc__
    )
    parser.add_argument("--profile", default="default", help="settings of data and networks")
    parser.add_argument("--attack-steps", type=int, default=10, help="0: no attacks")
    asked = parser.parse_args()
    before = os.getloadavg()[0]
    table = pd.DataFrame(moves(asked.profile, asked.attack_steps))
    groups = table.groupby(["shown", "view", "moved"], sort=False)
    print(groups[["first", "final"]].agg(["median", "max"]).round(3).to_string())
    print(
        f"seconds until the first and the final picture; {torch.get_num_threads()} threads, "
        f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
