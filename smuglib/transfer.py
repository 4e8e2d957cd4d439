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
        One row a source, target and slice, with `COLUMNS`: PSNR in dB of the target's
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


def _rows(
    nets: Mapping[str, UnrolledNetwork], scan: Scan, attack: Attack, epsilon: float, seed: int
) -> list[dict[str, Any]]:
    """Return the rows of one scan."""
    key = scan.split, int(scan.slice_index)
    operator = scan.operator
    steps = {name: DataConsistency(operator, net.lam) for name, net in nets.items()}
    rows = []
    for source, attacked in nets.items():
        z = attacks.run(
            attack,
            attacked,
            scan.kspace,
            steps[source],
            scan.target,
            epsilon=epsilon,
            generator=random.generator(seed, "attack", *key),
        )
        for target, net in nets.items():
            with torch.no_grad():
                x = net(z, steps[target], generator=random.generator(seed, "score", *key))
            values = source, target, scan.split, int(scan.subject), key[1], seed
            psnr = metrics.psnr(x, scan.target).item()
            rows.append(dict(zip(COLUMNS, (*values, psnr), strict=True)))
    return rows
