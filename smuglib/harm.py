"""What a scenario does to lesions: reconstructions with and without them, and their records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from smuglib import checks, evaluation, lesions, random, statistics, uncertainty
from smuglib.consistency import DataConsistency
from smuglib.lesions import Planted
from smuglib.models import UnrolledNetwork
from smuglib.scenarios import Scenario


@dataclass(frozen=True, eq=False)
class Outcome:
    """Reconstructions of one scan with and without lesions.

    Parameters
    ----------
    x
        With lesions, complex, ``[1, height, width]``, in units of the scan with lesions.
    free
        Without them, under the same perturbation and noise, in units of the scan without.
    spread
        Spread of x over the noise samples, real, likewise; None where there are none.
    """

    x: Tensor
    free: Tensor
    spread: Tensor | None


def observe(
    net: UnrolledNetwork, planted: Planted, scenario: Scenario, *, seed: int = 0
) -> Outcome:
    """Put a scan with lesions through a scenario, and the same scan without them.

    The adversary attacks the scan with lesions, and aims at the error of the whole slice. Its
    perturbation, in absolute units, is added to the scan without lesions too, and both are
    reconstructed with the same noise: what differs is the lesions.

    Parameters
    ----------
    net
        The method.
    planted
        The scans.
    scenario
        What to do to them; at the scans' own sampling rate.
    seed
        Seed of the attack and of the smoothing noise. Draws are those of
        `smuglib.evaluation.reconstruct`.

    Returns
    -------
    Outcome
        Both reconstructions, and the spread.

    Raises
    ------
    ValueError
        If the scenario names a sampling rate.
    """
    if scenario.sampling_rate is not None:
        raise ValueError(f"scenario {scenario.name!r} must leave sampling_rate to the scan")
    scan, key = planted.scan, (planted.scan.split, int(planted.scan.slice_index))
    consistency = DataConsistency(scan.operator, net.lam)
    z = consistency.operator.adjoint(scan.kspace)
    z_free = consistency.operator.adjoint(planted.free.kspace)
    if scenario.attack is not None:
        attacked = evaluation.perturbed(net, scan, scenario, consistency, seed=seed)
        z, z_free = attacked, z_free + planted.factor * (attacked - z)
    x, spread = _reconstruct(net, z, consistency, scenario, random.generator(seed, "score", *key))
    again = random.generator(seed, "score", *key)
    return Outcome(x, _reconstruct(net, z_free, consistency, scenario, again)[0], spread)


@torch.no_grad()
def _reconstruct(
    net: UnrolledNetwork,
    z: Tensor,
    consistency: DataConsistency,
    scenario: Scenario,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor | None]:
    n_steps, n_samples = scenario.n_steps, scenario.n_samples
    samples = n_samples or net.smoothing.n_samples
    if net.smoothing.is_active and samples > 1:
        return uncertainty.reconstruct(
            net, z, consistency, generator=generator, n_steps=n_steps, n_samples=n_samples
        )
    x = net(z, consistency, generator=generator, n_steps=n_steps, n_samples=n_samples)
    return x, None


def measures(planted: Planted, outcome: Outcome) -> pd.DataFrame:
    """Measure every lesion of a scan.

    Parameters
    ----------
    planted
        The scans.
    outcome
        Their reconstructions.

    Returns
    -------
    pandas.DataFrame
        One row a lesion: ``split``, ``subject``, ``slice``, ``lesion``, and ``recovery``,
        ``false`` and ``apparent`` (see `smuglib.lesions`).
    """
    return pd.DataFrame(
        {
            "split": planted.scan.split,
            "subject": int(planted.scan.subject),
            "slice": int(planted.scan.slice_index),
            "lesion": range(len(planted.lesions)),
            "recovery": lesions.contrast_recovery(planted, outcome.x, outcome.free).numpy(),
            "false": lesions.false_contrast(planted, outcome.free).numpy(),
            "apparent": lesions.apparent_contrast(planted, outcome.x).numpy(),
        }
    )


def summary(
    rows: pd.DataFrame,
    value: str,
    *,
    by: Sequence[str] = ("scenario", "method"),
    root_mean_square: bool = False,
) -> pd.DataFrame:
    """Average a column with its bootstrap interval over subjects.

    Parameters
    ----------
    rows
        Rows with ``split``, ``subject``, the columns of ``by``, and numbers to average.
    value
        Which numbers.
    by
        Columns that hold apart what must not be averaged.
    root_mean_square
        Return the root of the mean square, and the roots of its interval's ends, instead of the
        mean: for errors of either sign.

    Returns
    -------
    pandas.DataFrame
        One row a group, in the order of the rows: ``mean``, ``low`` and ``high`` (NaN for fewer
        than two subjects), ``n`` values and ``n_subjects``, indexed by group.

    Raises
    ------
    ValueError
        If a column is unknown or a value not finite.
    """
    for name in (value, *by):
        checks.one_of("column", name, map(str, rows.columns))
    lines = {}
    for group, part in rows.groupby(list(by), sort=False):
        values = part[value].to_numpy(dtype=float)
        values = values**2 if root_mean_square else values
        subjects = [f"{s} {n}" for s, n in zip(part["split"], part["subject"], strict=True)]
        interval = statistics.Interval(float(values.mean()), np.nan, np.nan)
        if len(set(subjects)) > 1:
            interval = statistics.bootstrap(values, subjects)
        ends = [float(np.sqrt(end)) if root_mean_square else end for end in interval]
        lines[group] = [*ends, len(values), len(set(subjects))]
    index = pd.MultiIndex.from_tuples(lines, names=list(by))
    columns = ["mean", "low", "high", "n", "n_subjects"]
    return pd.DataFrame(list(lines.values()), index=index, columns=columns)
