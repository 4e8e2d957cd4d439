"""A check of records: a random handful, computed again from the weights.

A table must not outlive what it was made from, so a chapter draws a few of its records, computes
them again and fails if they disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd
import torch

from smugbook.profiles import Profile
from smugbook.results.scans import rescanner, scan_of
from smugbook.results.store import Store, network, weights_hash
from smugbook.results.tuning import TUNED
from smuglib import checks
from smuglib.evaluation import Record, Scenario, Score, evaluate, scores, select

KEYS = ["method", "training_sigma", "scenario", "slice"]
"""What is computed at once: all numbers of a method at a slice in a scenario."""

TOLERANCE_PSNR = 0.05
"""Largest difference of a PSNR, in dB, that another processor may cause."""

TOLERANCE = 0.02
"""Largest difference of another quantity, relative to its root mean square."""

Recompute = Callable[[pd.DataFrame], Sequence[Record]]
"""Computes drawn records again."""

Tolerances = Callable[[pd.DataFrame], "pd.Series[float]"]
"""Says how much each of the drawn records may differ."""

SUFFIXES = ("_recorded", "_recomputed")

SCORES = [*KEYS, *(f"{name}{suffix}" for name in ("psnr", "ssim") for suffix in SUFFIXES)]
"""Columns to show of records that were computed again."""


def recheck(
    records: pd.DataFrame,
    recompute: Recompute,
    *,
    value: str = "psnr",
    tolerance: float | Tolerances = TOLERANCE_PSNR,
    by: Sequence[str] | None = None,
    n_drawn: int = 4,
    generator: torch.Generator,
) -> pd.DataFrame:
    """Compute ``n_drawn`` random records, or groups of equal ``by``, again; fail if they disagree.

    They come back with each result ``_recorded`` and ``_recomputed``, and with the ``difference``
    of ``value`` in units of the tolerance.
    """
    checks.integer("n_drawn", n_drawn)
    if not callable(tolerance):
        checks.positive("tolerance", tolerance)
    groups = (
        [records.iloc[[number]] for number in range(len(records))]
        if by is None
        else [group for _, group in records.groupby(list(by), sort=True)]
    )
    drawn = torch.randperm(len(groups), generator=generator)[:n_drawn].tolist()
    before, after = (f"{value}{suffix}" for suffix in SUFFIXES)
    parts = []
    for group in (groups[number] for number in drawn):
        part = _side_by_side(group, recompute(group))
        part["tolerance"] = tolerance(part) if callable(tolerance) else tolerance
        difference = ((part[before] - part[after]).abs() / part["tolerance"]).fillna(0.0)
        # Records without a partner have no difference: they must fail too.
        alone = part[[before, after]].isna().any(axis=1)
        parts.append(part.assign(difference=difference.where(~alone, torch.inf)))
    checked = pd.concat(parts, ignore_index=True)
    bad = checked[checked["difference"] > 1]
    if len(bad):
        named = [name for name in (*KEYS, "quantity", "index") if name in bad]
        listed = bad[[*named, before, after, "tolerance"]].to_string(index=False)
        raise RuntimeError(f"records disagree with their weights by more than allowed:\n{listed}")
    return checked


def _side_by_side(old: pd.DataFrame, fresh: Sequence[Record]) -> pd.DataFrame:
    """Join recorded and recomputed results of the same settings."""
    keys = list(fresh[0].keys())
    columns = [*keys, *fresh[0].RESULTS]
    new = pd.DataFrame(map(asdict, fresh))[columns]
    return old[columns].merge(new, on=keys, how="outer", suffixes=SUFFIXES)


def recheck_measurements(
    records: pd.DataFrame,
    recompute: Recompute,
    *,
    tolerance: float = TOLERANCE,
    tolerance_psnr: float = TOLERANCE_PSNR,
    n_drawn: int = 2,
    generator: torch.Generator,
) -> pd.DataFrame:
    """Measure a random handful of `KEYS` again: how many numbers, and which differs most.

    The ``tolerance`` is relative to the root mean square of the quantity, that of a PSNR in dB.
    """
    checks.positive("tolerance", tolerance)
    checks.positive("tolerance_psnr", tolerance_psnr)

    def allowed(rows: pd.DataFrame) -> pd.Series[float]:
        recorded = rows.groupby("quantity")["value_recorded"]
        size = recorded.transform(lambda values: (values**2).mean() ** 0.5)
        return (tolerance * size).where(rows["quantity"] != "psnr", tolerance_psnr)

    checked = recheck(
        records,
        recompute,
        value="value",
        tolerance=allowed,
        by=KEYS,
        n_drawn=n_drawn,
        generator=generator,
    )
    groups = checked.groupby(KEYS, sort=False)
    found = checked.loc[groups["difference"].idxmax(), [*KEYS, "quantity", "difference"]]
    found.insert(len(KEYS), "rows", groups.size().to_numpy())
    return found.reset_index(drop=True)


def complete(
    block: pd.DataFrame,
    scenarios: Sequence[Scenario],
    store: Store,
    profile: Profile,
    *,
    n_slices: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute scenarios that a block lacks for all its methods; rows that it has are replaced."""
    if not scenarios:
        return block
    scans = [scan_of(profile, index) for index in range(n_slices)]
    rows: list[Score] = []
    for method, sigma in block[["method", "training_sigma"]].drop_duplicates().values.tolist():
        for group in [[one] for one in scenarios] if method == TUNED else [scenarios]:
            rows += evaluate(
                network(store, method, sigma, group[0]),
                scans,
                group,
                method=method,
                training_sigma=sigma,
                weights_sha256=weights_hash(store, method, sigma),
                seed=seed,
            )
    old = pd.concat([select(block, scenario) for scenario in scenarios]).index
    return pd.concat([block.drop(old), pd.DataFrame(map(asdict, rows))], ignore_index=True)


def scenario_of(row: Score, profile: Profile) -> Scenario:
    """Return the scenario that a record describes; the profile has the scan's own rate."""
    ascends = row.attack_steps > 0
    own_rate = round(profile.sampling_rate * profile.width) / profile.width
    return Scenario(
        row.scenario,
        row.rung,
        row.epsilon,
        domain=None if row.domain == "none" else row.domain,
        norm=None if row.norm == "none" else row.norm,
        attack_steps=row.attack_steps or None,
        attack_restarts=row.attack_restarts or None,
        attack_samples=row.attack_samples or None,
        precision=row.attack_precision if ascends else None,
        sampling_rate=None if row.sampling_rate == own_rate else row.sampling_rate,
        mask_mismatch=row.consistency_rate != row.sampling_rate,
        n_steps=row.n_steps or None,
        n_samples=row.n_samples or None,
        antithetic=bool(row.antithetic),
    )


def score_recomputer(store: Store, profile: Profile) -> Recompute:
    """Return what evaluates a record of a test slice again, for `recheck`."""

    def compute(drawn: pd.DataFrame) -> list[Score]:
        (row,) = scores.rows_of(drawn)
        if weights_hash(store, row.method, row.training_sigma) != row.weights_sha256:
            path = store.weights(row.method, row.training_sigma)
            raise RuntimeError(f"the records of {row.method} were not made with the weights {path}")
        scenario = scenario_of(row, profile)
        return evaluate(
            network(store, row.method, row.training_sigma, scenario),
            [scan_of(profile, row.slice)],
            [scenario],
            method=row.method,
            training_sigma=row.training_sigma,
            weights_sha256=row.weights_sha256,
            seed=row.seed,
            rescan=rescanner(profile),
            progress=False,
        )

    return compute
