"""Trials: one network, one scan, one scenario.

The random draws of a trial are a function of the seed and the slice alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from smuglib import attacks, random
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.models import UnrolledNetwork
from smuglib.scenarios import Scenario


def reconstruct(
    net: UnrolledNetwork,
    scan: Scan,
    scenario: Scenario,
    *,
    seed: int = 0,
    consistency: DataConsistency | None = None,
) -> tuple[Tensor, Tensor]:
    """Put one scan through a scenario.

    Parameters
    ----------
    net
        The method.
    scan
        A batch of one, already of the scenario's sampling rate, on the network's device.
    scenario
        What to do to it.
    seed
        Seed of the attack and of the smoothing noise.
    consistency
        The scan's data-consistency step, if it is at hand.

    Returns
    -------
    Tensor, Tensor
        The zero-filled image that the network was given, perturbation included, and the
        reconstruction, complex, ``[1, height, width]``.

    Raises
    ------
    ValueError
        If the scan is not a batch of one.
    RuntimeError
        If the attack's gradient vanishes.
    """
    check_single(scan)
    if consistency is None:
        consistency = DataConsistency(scan.operator, net.lam)
    key = scan.split, int(scan.slice_index)
    z = perturbed(net, scan, scenario, consistency, seed=seed)
    with torch.no_grad():
        x = net(
            z,
            consistency,
            generator=random.generator(seed, "score", *key),
            n_steps=scenario.n_steps,
            n_samples=scenario.n_samples,
        )
    return z, x


def perturbed(
    net: UnrolledNetwork,
    scan: Scan,
    scenario: Scenario,
    consistency: DataConsistency,
    *,
    seed: int,
    objective: attacks.Objective | None = None,
) -> Tensor:
    """Return the zero-filled image that a scenario gives a network, perturbation included.

    Parameters
    ----------
    net, scan, scenario, consistency, seed
        See `reconstruct`.
    objective
        What the attacker maximizes; by default the squared error.

    Returns
    -------
    Tensor
        Complex, ``[1, height, width]``.

    Raises
    ------
    RuntimeError
        If the attack's gradient vanishes.
    """
    if scenario.attack is None:
        return consistency.operator.adjoint(scan.kspace)
    return attacks.run(
        scenario.attack,
        net,
        scan.kspace,
        consistency,
        scan.target,
        epsilon=scenario.epsilon,
        unrolling_steps=scenario.n_steps,
        objective=objective,
        generator=random.generator(seed, "attack", scan.split, int(scan.slice_index)),
    )


def check_single(scan: Scan) -> None:
    """Refuse more than one slice at a time: random draws are a function of the slice.

    Parameters
    ----------
    scan
        A batch of scans.

    Raises
    ------
    ValueError
        If the scan is not a batch of one.
    """
    if len(scan) != 1:
        raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
