"""Records computed in a chapter, from weights: those that are missing, and a check of the others.

A table must not outlive what it was made from: a chapter draws a few of its rows and computes
them again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd
import torch

from smuglib import checks, files, records
from smuglib.data import Scan, brain
from smuglib.evaluation import evaluate
from smuglib.models import METHODS, UnrolledNetwork, ZeroFilled
from smuglib.profiles import Profile
from smuglib.records import Record
from smuglib.scenarios import Scenario
from smuglib.store import Store
from smuglib.tables import select
from smuglib.total_variation import TotalVariation

Method = UnrolledNetwork | ZeroFilled | TotalVariation

BASELINES: dict[str, Callable[[], Method]] = {
    "zero_filled": ZeroFilled,
    "tv": TotalVariation,
}
"""Methods without weights."""

TOLERANCE = 0.05
"""Largest difference of a PSNR, in dB, that another processor may cause."""


def network(store: Store, method: str, sigma: float) -> Method:
    """Load a method, or make a baseline.

    Parameters
    ----------
    store
        Where the weights lie.
    method
        A name of `smuglib.models.METHODS` or of `BASELINES`.
    sigma
        Noise of the method's training.

    Returns
    -------
    UnrolledNetwork, ZeroFilled or TotalVariation
        The network, on the CPU, in evaluation mode.
    """
    checks.one_of("method", method, (*BASELINES, *METHODS))
    return BASELINES[method]().eval() if method in BASELINES else store.load(method, sigma)


def weights_hash(store: Store, method: str, sigma: float) -> str:
    """Return the hash of a method's weights file; ``"none"`` for a baseline."""
    return files.sha256(store.weights(method, sigma)) if method in METHODS else "none"


def scan_of(profile: Profile, index: int, sampling_rate: float | None = None) -> Scan:
    """Simulate a test scan of a profile.

    Parameters
    ----------
    profile
        Settings of the acquisition.
    index
        Index of the slice, below the profile's number of test slices.
    sampling_rate
        Sampled fraction of the columns; the profile's own if left out.

    Returns
    -------
    Scan
        A batch of one.
    """
    measured = profile.scan
    if sampling_rate is not None:
        measured["sampling_rate"] = sampling_rate
    return brain("test", index, n_slices=profile.n_test, **measured)


def rescanned(profile: Profile) -> Callable[[Scan, float], Scan]:
    """Return what `smuglib.evaluation.evaluate` needs to change the sampling rate of a scan."""
    return lambda scan, rate: scan_of(profile, int(scan.slice_index), rate)


def complete(
    block: pd.DataFrame,
    scenarios: Sequence[Scenario],
    store: Store,
    profile: Profile,
    *,
    n_slices: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Compute scenarios that records lack, for every method of the records.

    Parameters
    ----------
    block
        Records of one noise level.
    scenarios
        What to compute; rows that the block has of them are replaced.
    store
        Where the weights lie.
    profile
        Settings of the acquisition.
    n_slices
        How many test slices, from the first on.
    seed
        Seed of attacks and smoothing noise.

    Returns
    -------
    pandas.DataFrame
        The records with the new rows.
    """
    if not scenarios:
        return block
    scans = [scan_of(profile, index) for index in range(n_slices)]
    rows: list[Record] = []
    for method, sigma in block[["method", "training_sigma"]].drop_duplicates().values.tolist():
        net = network(store, method, sigma)
        rows += evaluate(
            net,
            scans,
            scenarios,
            method=method,
            training_sigma=sigma,
            weights_sha256=weights_hash(store, method, sigma),
            seed=seed,
        )
    old = pd.concat([select(block, scenario) for scenario in scenarios]).index
    return pd.concat([block.drop(old), pd.DataFrame(map(asdict, rows))], ignore_index=True)


def scenario_of(row: Record, profile: Profile) -> Scenario:
    """Return the scenario that a record describes.

    Parameters
    ----------
    row
        The record.
    profile
        Settings of the acquisition: tell a changed sampling rate from the scan's own.

    Returns
    -------
    Scenario
        What `smuglib.evaluation.evaluate` was asked for.
    """
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
    )


def recheck(
    frame: pd.DataFrame,
    store: Store,
    profile: Profile,
    *,
    n_rows: int = 4,
    tolerance: float = TOLERANCE,
    generator: torch.Generator,
) -> pd.DataFrame:
    """Compute a random handful of records again, and fail if they disagree.

    Parameters
    ----------
    frame
        Records of test slices.
    store
        Where the weights lie.
    profile
        Settings of the acquisition.
    n_rows
        How many rows.
    tolerance
        Largest difference of PSNR, in dB, that passes.
    generator
        Draws the rows.

    Returns
    -------
    pandas.DataFrame
        The rows: method, training noise, scenario, slice, recorded and recomputed PSNR and SSIM.

    Raises
    ------
    RuntimeError
        If weights are not those of the records, or a PSNR differs by more than ``tolerance``.
    """
    checks.integer("n_rows", n_rows)
    checks.positive("tolerance", tolerance)
    drawn = torch.randperm(len(frame), generator=generator)[:n_rows].tolist()
    lines = [_recomputed(row, store, profile) for row in records.rows_of(frame.iloc[drawn])]
    found = pd.DataFrame(lines)
    worst = (found["psnr_recorded"] - found["psnr_recomputed"]).abs()
    if (worst > tolerance).any():
        bad = found[worst > tolerance].to_string(index=False)
        raise RuntimeError(
            f"records disagree with their weights by more than {tolerance} dB:\n{bad}"
        )
    return found


def _recomputed(row: Record, store: Store, profile: Profile) -> dict[str, object]:
    net = network(store, row.method, row.training_sigma)
    if weights_hash(store, row.method, row.training_sigma) != row.weights_sha256:
        path = store.weights(row.method, row.training_sigma)
        raise RuntimeError(f"the records of {row.method} were not made with the weights {path}")
    (fresh,) = evaluate(
        net,
        [scan_of(profile, row.slice)],
        [scenario_of(row, profile)],
        method=row.method,
        training_sigma=row.training_sigma,
        weights_sha256=row.weights_sha256,
        seed=row.seed,
        rescan=rescanned(profile),
        progress=False,
    )
    if fresh.identity != row.identity:
        raise RuntimeError(f"a record cannot be computed again from what it says: {row}")
    return {
        "method": row.method,
        "training_sigma": row.training_sigma,
        "scenario": row.scenario,
        "slice": row.slice,
        "psnr_recorded": row.psnr,
        "psnr_recomputed": fresh.psnr,
        "ssim_recorded": row.ssim,
        "ssim_recomputed": fresh.ssim,
    }
