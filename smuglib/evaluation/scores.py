"""Records of evaluations: one row per method, scenario, setting and slice.

Tables and figures are made from records alone. The files are those of `smuglib.evaluation.records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from smuglib import checks
from smuglib.evaluation import records as evaluation_records
from smuglib.evaluation.scenarios import Scenario

RESULTS = ("psnr", "ssim", "nmse", "ssim_published", "psnr_zero_filled", "ssim_zero_filled")
"""Columns that are measured."""


@dataclass(frozen=True)
class Score(evaluation_records.Record):
    """What one method made of one slice in one scenario.

    Parameters
    ----------
    training_sigma
        Standard deviation of the noise in training, on each part.
    placement, sigma, n_samples, n_steps
        Smoothing and unrolling at test time; σ and the number of samples are 0 without smoothing.
    epsilon, domain, norm
        Strength and geometry of the perturbation; ``"none"`` without attack. ε is in units of
        the scan's scale, or relative to ``||y||_2`` for ``"l2"`` in ``"kspace"``.
    attack_steps, attack_restarts, attack_samples, attack_precision
        Settings of the ascent (see `Scenario`); 0 and ``"none"`` where the attack has none.
    sampling_rate, consistency_rate
        Fraction of k-space in the mask that measured, and in that of data consistency.
    psnr, ssim, nmse, ssim_published, psnr_zero_filled, ssim_zero_filled
        Quality (see `smuglib.metrics`) of the reconstruction, and of the zero-filled image that
        the method was given, perturbation included; PSNR in dB.
    weights_sha256
        Hash of the weights file; ``"none"`` for a method without weights.
    antithetic
        1 if half of the scored noise samples are the negatives of the others.
    budget
        Name of what the evaluation could afford, where it has several.
    """

    RESULTS: ClassVar[tuple[str, ...]] = RESULTS
    MAKERS: ClassVar[tuple[str, ...]] = ("commit", "versions", "device", "budget")

    method: str
    training_sigma: float
    placement: str
    sigma: float
    n_samples: int
    n_steps: int
    scenario: str
    rung: str
    epsilon: float
    domain: str
    norm: str
    attack_steps: int
    attack_restarts: int
    attack_samples: int
    attack_precision: str
    sampling_rate: float
    consistency_rate: float
    seed: int
    split: str
    subject: int
    slice: int
    psnr: float
    ssim: float
    nmse: float
    ssim_published: float
    psnr_zero_filled: float
    ssim_zero_filled: float
    weights_sha256: str
    commit: str
    versions: str
    device: str
    antithetic: int = 0
    budget: str = "none"

    def __str__(self) -> str:
        """Name the row, for messages."""
        return f"{self.method} in scenario {self.scenario!r}, {self.split} slice {self.slice}"


def write(
    path: Path | str, records: Iterable[Score], provenance: dict[str, Any] | None = None
) -> None:
    """Write scores to a CSV file; see `smuglib.evaluation.records.write`."""
    evaluation_records.write(path, records, Score, provenance)


def update(
    path: Path | str,
    records: Iterable[Score],
    weights: Mapping[str, str],
    provenance: dict[str, Any],
) -> pd.DataFrame:
    """Write records into a file that may hold others; return all, the new ones first.

    Rows of the same settings are replaced, and rows of a method's other weights are dropped: they
    are outdated. ``weights`` are the hashes of the current ones, by method; other methods are left
    alone, and so is what another process writes to the file at the same time. What is refused
    changes nothing.
    """
    new = list(records)
    for row in new:
        if weights.get(row.method) != row.weights_sha256:
            raise ValueError(
                f"{row} is of the weights {row.weights_sha256}, not of those of its method: "
                f"{weights.get(row.method, 'none are named')}"
            )
    replaced = {row.identity for row in new}

    def change(held: list[Score]) -> list[Score]:
        current = [
            row for row in held if weights.get(row.method, row.weights_sha256) == row.weights_sha256
        ]
        return [*new, *(row for row in current if row.identity not in replaced)]

    return evaluation_records.update(path, Score, change, provenance)


def read(path: Path | str, *, verify: bool = True) -> pd.DataFrame:
    """Read and check records: `smuglib.evaluation.records.read`, which says what is refused."""
    return evaluation_records.read(path, Score, verify=verify)


def rows_of(frame: pd.DataFrame) -> list[Score]:
    """Return the records of a table that `read` returned: `smuglib.evaluation.records.rows_of`."""
    return evaluation_records.rows_of(frame, Score)


RATE_TOLERANCE = 0.02
"""Largest difference of a mask's sampling rate to the one asked for."""


def select(block: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return the records of one scenario at its strength and with its attack's settings."""
    checks.instance("block", block, pd.DataFrame)
    attack = checks.instance("scenario", scenario, Scenario).attack
    lacking = {"scenario", "epsilon"}.difference(block.columns)
    if lacking:
        raise ValueError(f"block must have the column {min(lacking)!r}: it is no table of scores")
    chosen = block["scenario"] == scenario.name
    chosen &= np.isclose(block["epsilon"], scenario.epsilon, rtol=1e-6, atol=0)
    if attack is not None and attack.kind == "pgd":
        chosen &= block["attack_steps"] == attack.n_steps
        chosen &= block["attack_restarts"] == attack.n_restarts
        chosen &= block["attack_samples"].isin((0, attack.n_samples))
    if scenario.sampling_rate is not None:
        # A mask holds whole columns, so its rate is the nearest one that they allow.
        chosen &= (block["sampling_rate"] - scenario.sampling_rate).abs() < RATE_TOLERANCE
    if scenario.n_steps is not None:
        chosen &= block["n_steps"] == scenario.n_steps
    if scenario.n_samples is not None:
        chosen &= block["n_samples"].isin((0, scenario.n_samples))
    return block[chosen]


def missing(block: pd.DataFrame, scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Return the scenarios that some method of the block has no records of."""
    scenarios = checks.members("scenarios", scenarios, Scenario)
    if "method" not in checks.instance("block", block, pd.DataFrame):
        raise ValueError("block must have the column 'method': it is no table of scores")
    methods = set(block["method"])
    return [s for s in scenarios if set(select(block, s)["method"]) != methods]
