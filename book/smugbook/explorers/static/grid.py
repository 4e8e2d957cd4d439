"""Data of the book's static explorer: one test slice, every method, over ε and sampling rate.

A page without a kernel can only show what was computed before. `compute` puts one slice through
every combination of a `Grid`; `write_explorer` keeps the numbers as records, and the
reconstructions and error maps as sheets of small images, one row per sampling rate and one column
per state of the input: clean, then random noise and then the attack, each in the order of the
strengths.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from tqdm import tqdm

from smugbook.explorers.static import sprites
from smugbook.explorers.static.sprites import Sheet
from smugbook.paths import plain_name
from smugbook.profiles import Profile
from smugbook.results.scans import scan_of
from smugbook.results.store import Store, network, weights_hash
from smuglib import checks, files
from smuglib.evaluation import Scenario, Score, evaluate, records, scores, table_scenarios
from smuglib.methods import METHODS

VIEWS = ("clean", "noise", "adaptive_image")
"""Scenarios that a reader chooses from; see `smuglib.evaluation.table_scenarios`."""

KINDS = ("image", "error")
"""What is drawn of a reconstruction, its magnitude or that of its difference to the target."""


@dataclass(frozen=True)
class Grid:
    """What the explorer can be asked for: strengths and rates ascend.

    ``epsilons`` are in units of the scan's scale; ``error_limit``, in units of ``max |t|``, is the
    error drawn brightest.
    """

    epsilons: tuple[float, ...] = (0.2 / 255, 0.5 / 255, 1 / 255, 2 / 255)
    sampling_rates: tuple[float, ...] = (0.125, 0.1875, 0.25, 0.375, 0.5)
    methods: tuple[str, ...] = ("zero_filled", *METHODS)
    error_limit: float = 0.1

    def __post_init__(self) -> None:
        for name in ("epsilons", "sampling_rates", "methods"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in ("epsilons", "sampling_rates"):
            values = [checks.positive(name, value) for value in getattr(self, name)]
            if sorted(set(values)) != values:
                raise ValueError(f"{name} must ascend, got {values}")
        checks.fraction("sampling_rates", self.sampling_rates[-1])
        for method in self.methods:
            checks.one_of("methods", method, ("zero_filled", *METHODS))
        checks.positive("error_limit", self.error_limit)

    @property
    def states(self) -> tuple[tuple[str, float], ...]:
        """View and ε of every column of a sheet."""
        perturbed = [(view, epsilon) for view in VIEWS[1:] for epsilon in self.epsilons]
        return ("clean", 0.0), *perturbed

    def nearest(self, sampling_rate: float, epsilon: float) -> tuple[int, int]:
        """Return the positions of the sampling rate and of the strength next to the given."""

        def position(values: tuple[float, ...], wanted: float) -> int:
            return min(range(len(values)), key=lambda place: abs(values[place] - wanted))

        return position(self.sampling_rates, sampling_rate), position(self.epsilons, epsilon)


@dataclass(frozen=True)
class Explorer:
    """Numbers and images of every combination, one row of ``frame`` each.

    Sheets are ``[rate * height, state * width]``, by ``"<method>_<kind>"``, and ``"target"``. Image
    levels are relative to ``max |t|``, error levels to ``error_limit * max |t|``.
    """

    grid: Grid
    frame: pd.DataFrame
    sheets: Mapping[str, Sheet]

    def row(self, method: str, rate: int, state: int) -> pd.Series[Any]:
        """Return the record of a method at the positions of a sampling rate and a state."""
        view, epsilon = self.grid.states[state]
        frame = self.frame
        rates = sorted(set(frame["sampling_rate"]))
        found = frame[
            (frame["method"] == method)
            & (frame["scenario"] == view)
            & np.isclose(frame["epsilon"], epsilon)
            & (frame["sampling_rate"] == rates[rate])
        ]
        if len(found) != 1:
            raise ValueError(
                f"{len(found)} records of {method}, {view}, {epsilon:g}, {rates[rate]}"
            )
        return found.iloc[0]

    def cell(self, method: str, kind: str, rate: int, state: int) -> Sheet:
        """Return the levels of one small image, ``[height, width]``."""
        height, width = self.sheets["target"].shape
        rows, columns = slice(rate * height, None), slice(state * width, None)
        return self.sheets[f"{method}_{kind}"][rows, columns][:height, :width]


def compute(
    store: Store,
    profile: Profile,
    grid: Grid,
    *,
    sigma: float,
    index: int = 0,
    seed: int = 0,
    device: torch.device | str = "cpu",
    progress: bool = True,
) -> Explorer:
    """Put one test slice through every combination."""
    scans = [scan_of(profile, index, rate) for rate in grid.sampling_rates]
    networks = {name: network(store, name, sigma).to(device) for name in grid.methods}
    height, width = scans[0].target.shape[1:]
    shape = len(scans), height, len(grid.states), width
    drawn = {f"{name}_{kind}": np.zeros(shape, np.uint8) for name in networks for kind in KINDS}
    rows: list[Score] = []
    columns = list(product(networks, enumerate(grid.states)))
    for method, (column, state) in tqdm(columns, desc="explorer", disable=not progress):
        images: list[Tensor] = []
        rows += evaluate(
            networks[method],
            scans,
            [state_scenario(*state)],
            method=method,
            training_sigma=sigma if method in METHODS else 0.0,
            weights_sha256=weights_hash(store, method, sigma),
            seed=seed,
            keep=partial(_collect, images),
            progress=False,
        )
        for place, (scan, x) in enumerate(zip(scans, images, strict=True)):
            for kind, levels in zip(KINDS, _levels(x, scan.target, grid.error_limit), strict=True):
                drawn[f"{method}_{kind}"][place, :, column] = levels
    sheets = {name: array.reshape(shape[0] * height, -1) for name, array in drawn.items()}
    sheets["target"] = _levels(scans[0].target, scans[0].target, 1.0)[0]
    return Explorer(grid, pd.DataFrame(map(asdict, rows)), sheets)


def _collect(images: list[Tensor], _: Score, x: Tensor) -> None:
    images.append(x.cpu())


def state_scenario(view: str, epsilon: float) -> Scenario:
    """Return the scenario of a state of a `Grid`."""
    # The ascents are nearly all of the time, and what they find is scored in float32.
    known = table_scenarios(epsilon, precision="bfloat16") if epsilon else (Scenario("clean"),)
    return next(scenario for scenario in known if scenario.name == view)


def _levels(x: Tensor, target: Tensor, error_limit: float) -> tuple[Sheet, Sheet]:
    """Return the levels of a reconstruction and of its error, ``[height, width]``."""
    peak = target.abs().max().item()
    image, error = x[0].abs().numpy(), (x - target)[0].abs().numpy()
    return sprites.levels(image, peak), sprites.levels(error, error_limit * peak)


def write_explorer(explorer: Explorer, path: Path | str, described: Mapping[str, Any]) -> None:
    """Write the records, their provenance and the sheets of an explorer."""
    path = Path(path)
    images = {name: path.with_name(f"{name}.webp") for name in explorer.sheets}
    for name, file in images.items():
        sprites.write_sheet(file, explorer.sheets[name], coloured=name.endswith("_error"))
    written = {
        "grid": asdict(explorer.grid),
        "images": {file.name: files.sha256(file) for file in images.values()},
    }
    # Records last: whoever finds them whole finds the images that they name.
    rows = scores.rows_of(explorer.frame)
    scores.write(path, rows, {**described, **written})


def read_explorer(path: Path | str) -> Explorer:
    """Read what `write_explorer` wrote."""
    path = Path(path)
    frame = scores.read(path)
    written = records.read_provenance(path)
    with files.reading(path.with_suffix(".json"), "what describes an explorer"):
        for name, expected in written["images"].items():
            plain_name("image", name)
            if files.sha256(path.with_name(name)) != expected:
                raise files.UnreadableFileError(
                    path.with_name(name), f"it is not the image written with {path}"
                )
        sheets = {
            Path(name).stem: sprites.read_sheet(
                path.with_name(name), coloured=name.endswith("_error.webp")
            )
            for name in written["images"]
        }
        grid: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in written["grid"].items()
        }
        return Explorer(Grid(**grid), frame, sheets)
