"""Perturbations made on one network and scored on another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import torch

from smuglib import attacks, checks, metrics, random
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.ladder import LADDER, Attack
from smuglib.models import UnrolledNetwork
from smuglib.precision import tf32

COLUMNS = ["source", "target", "split", "subject", "slice", "seed", "psnr"]
"""Columns of a transfer matrix's rows."""


def transfer_matrix(
    nets: Mapping[str, UnrolledNetwork],
    scans: Sequence[Scan],
    attack: str | Attack,
    *,
    epsilon: float,
    seed: int = 0,
) -> pd.DataFrame:
    """Attack every network, and let every network reconstruct from the result.

    Random draws are those of `evaluation`: the attack's and the score's are functions of the seed
    and the slice alone, so that a row of a network on itself is the record of that attack.

    Parameters
    ----------
    nets
        Networks by name, on one device, in evaluation mode.
    scans
        Scans, each a batch of one, on the same device.
    attack
        A rung of the ladder, or an attack. All but random noise depends on its network.
    epsilon
        Strength ε >= 0, in the units of the attack's domain and norm.
    seed
        Seed of attacks and smoothing noise, >= 0.

    Returns
    -------
    pandas.DataFrame
        One row per source, target and slice, with `COLUMNS`: PSNR in dB of the target's
        reconstruction under the perturbation that the source's gradient led to.

    Raises
    ------
    ValueError
        If there is no network or no scan, a scan is not a batch of one, or a setting is out of
        range; before anything is computed.
    RuntimeError
        If an attack's gradient vanishes.
    """
    if not nets or not scans:
        raise ValueError(f"nothing to attack: {len(nets)} networks, {len(scans)} scans")
    checks.non_negative("epsilon", epsilon)
    checks.integer("seed", seed, minimum=0)
    chosen = (
        attack if isinstance(attack, Attack) else LADDER[checks.one_of("attack", attack, LADDER)]
    )
    for scan in scans:
        if len(scan) != 1:
            raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
    with tf32(False):
        rows = [row for scan in scans for row in _rows(nets, scan, chosen, epsilon, seed)]
    return pd.DataFrame(rows, columns=COLUMNS)


def transferred(
    source: UnrolledNetwork,
    targets: Mapping[str, UnrolledNetwork],
    scan: Scan,
    attack: Attack,
    *,
    epsilon: float,
    seed: int = 0,
) -> dict[str, float]:
    """Attack one network at a scan, and let others reconstruct from the result.

    Parameters
    ----------
    source
        The network whose gradient the attack follows.
    targets
        Networks by name; the source may be among them.
    scan
        A batch of one.
    attack, epsilon, seed
        See `transfer_matrix`.

    Returns
    -------
    dict of str to float
        PSNR in dB of every target's reconstruction.

    Raises
    ------
    RuntimeError
        If the attack's gradient vanishes.
    """
    key = scan.split, int(scan.slice_index)
    z = attacks.run(
        attack,
        source,
        scan.kspace,
        DataConsistency(scan.operator, source.lam),
        scan.target,
        epsilon=epsilon,
        generator=random.generator(seed, "attack", *key),
    )

    @torch.no_grad()
    def scored(net: UnrolledNetwork) -> float:
        step, draws = DataConsistency(scan.operator, net.lam), random.generator(seed, "score", *key)
        return metrics.psnr(net(z, step, generator=draws), scan.target).item()

    return {name: scored(net) for name, net in targets.items()}


def _rows(
    nets: Mapping[str, UnrolledNetwork], scan: Scan, attack: Attack, epsilon: float, seed: int
) -> list[dict[str, Any]]:
    """Return the rows of one scan."""
    where = scan.split, int(scan.subject), int(scan.slice_index), seed
    return [
        dict(zip(COLUMNS, (source, target, *where, psnr), strict=True))
        for source, net in nets.items()
        for target, psnr in transferred(net, nets, scan, attack, epsilon=epsilon, seed=seed).items()
    ]
