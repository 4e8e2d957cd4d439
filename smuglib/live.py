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
from smuglib.evaluation import ZeroFilled, evaluate, reconstruct
from smuglib.metrics import psnr, ssim
from smuglib.models import METHODS, UnrolledNetwork
from smuglib.profiles import Profile
from smuglib.records import Record
from smuglib.scenarios import Scenario
from smuglib.store import Store
from smuglib.tables import select
from smuglib.total_variation import TotalVariation

BASELINES: dict[str, Callable[[], UnrolledNetwork]] = {
    "zero_filled": ZeroFilled,
    "tv": TotalVariation,
}
"""Methods without weights."""

TOLERANCE = 0.05
"""Largest difference of a PSNR, in dB, that another processor may cause."""


def network(store: Store, method: str, sigma: float) -> UnrolledNetwork:
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
    UnrolledNetwork
        The network, on the CPU, in evaluation mode.
    """
    checks.one_of("method", method, (*BASELINES, *METHODS))
    return BASELINES[method]().eval() if method in BASELINES else store.load(method, sigma)


def weights_hash(store: Store, method: str, sigma: float) -> str:
    """Return the hash of a method's weights file; ``"none"`` for a baseline."""
    return files.sha256(store.weights(method, sigma)) if method in METHODS else "none"


def scan_of(profile: Profile, index: int) -> Scan:
    """Simulate a test scan of a profile.

    Parameters
    ----------
    profile
        Settings of the acquisition.
    index
        Index of the slice, below the profile's number of test slices.

    Returns
    -------
    Scan
        A batch of one.
    """
    return brain("test", index, n_slices=profile.n_test, **profile.scan)


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


def scenario_of(row: Record) -> Scenario:
    """Return the scenario that a record describes."""
    if row.rung == "clean":
        return Scenario(row.scenario, n_steps=row.n_steps or None, n_samples=row.n_samples or None)
    return Scenario(
        row.scenario,
        row.rung,
        row.epsilon,
        domain=row.domain,
        norm=row.norm,
        attack_steps=row.attack_steps or None,
        attack_restarts=row.attack_restarts or None,
        attack_samples=row.attack_samples or None,
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
        Records of test slices at the profile's own sampling rate.
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
    scan = scan_of(profile, row.slice)
    _, x = reconstruct(net, scan, scenario_of(row), seed=row.seed)
    return {
        "method": row.method,
        "training_sigma": row.training_sigma,
        "scenario": row.scenario,
        "slice": row.slice,
        "psnr_recorded": row.psnr,
        "psnr_recomputed": psnr(x, scan.target).item(),
        "ssim_recorded": row.ssim,
        "ssim_recomputed": ssim(x, scan.target).item(),
    }
