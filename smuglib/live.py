"""Records computed in a chapter, from weights: those that are missing, and others again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict

import pandas as pd

from smuglib import checks, files, records
from smuglib.data import Scan, brain
from smuglib.evaluation import evaluate
from smuglib.models import METHODS, UnrolledNetwork, ZeroFilled
from smuglib.profiles import Profile
from smuglib.recheck import Again
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


def network(store: Store, method: str, sigma: float) -> Method:
    """Load a method, or make a baseline, on the CPU and in evaluation mode."""
    checks.one_of("method", method, (*BASELINES, *METHODS))
    return BASELINES[method]().eval() if method in BASELINES else store.load(method, sigma)


def weights_hash(store: Store, method: str, sigma: float) -> str:
    """Return the hash of a method's weights file; ``"none"`` for a baseline."""
    return files.sha256(store.weights(method, sigma)) if method in METHODS else "none"


def scan_of(profile: Profile, index: int, sampling_rate: float | None = None) -> Scan:
    """Simulate a test scan of a profile, a batch of one, at its sampling rate or another."""
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
    """Compute scenarios that a block lacks for all its methods; rows that it has are replaced."""
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
    )


def again(store: Store, profile: Profile) -> Again:
    """Return what evaluates a record of a test slice again, for `smuglib.recheck.recheck`."""

    def compute(drawn: pd.DataFrame) -> list[Record]:
        (row,) = records.rows_of(drawn)
        if weights_hash(store, row.method, row.training_sigma) != row.weights_sha256:
            path = store.weights(row.method, row.training_sigma)
            raise RuntimeError(f"the records of {row.method} were not made with the weights {path}")
        return evaluate(
            network(store, row.method, row.training_sigma),
            [scan_of(profile, row.slice)],
            [scenario_of(row, profile)],
            method=row.method,
            training_sigma=row.training_sigma,
            weights_sha256=row.weights_sha256,
            seed=row.seed,
            rescan=rescanned(profile),
            progress=False,
        )

    return compute
