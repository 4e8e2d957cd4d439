"""Trials: one network, one scenario, and scans, each with draws of its own seed and slice."""

from typing import Any

import torch
from torch import Tensor

from smuglib import random
from smuglib.attacks.pgd import Objective, run
from smuglib.consistency.step import Step, operator_of
from smuglib.data.scan import Scan
from smuglib.evaluation.scenarios import Scenario
from smuglib.models.reconstruction import Reconstruction, bind
from smuglib.operators.sense import SenseOperator


def reconstruct(
    net: Reconstruction,
    scan: Scan,
    scenario: Scenario,
    *,
    seed: int = 0,
    A: SenseOperator | Step | None = None,
) -> tuple[Tensor, Tensor]:
    """Put scans, at the scenario's sampling rate, through a scenario.

    Parameters
    ----------
    A
        What the method is called with, if it is not the scan's operator or the method's step on
        it (see `smuglib.models.reconstruction.operand`).

    Returns
    -------
    Tensor, Tensor
        The zero-filled image that the method was given, perturbation included, and the
        reconstruction, complex, ``[batch, height, width]``.
    """
    A = scan.operator if A is None else A
    method = bind(net, A, **scored_options(scenario))
    z = perturbed(net, scan, scenario, A, seed=seed)
    with torch.no_grad():
        x = method(z, _source(seed, "score", scan))
    return z, x


def scored_options(scenario: Scenario) -> dict[str, Any]:
    """Return what a scenario asks of the method that is scored, for `options`."""
    return {name: getattr(scenario, name) for name in ("n_steps", "n_samples", "antithetic")}


def perturbed(
    net: Reconstruction,
    scan: Scan,
    scenario: Scenario,
    A: SenseOperator | Step,
    *,
    seed: int,
    objective: Objective | None = None,
) -> Tensor:
    """Return the zero-filled image that a scenario gives a method, perturbation included.

    The attacker maximizes ``objective``, by default the squared error; see `reconstruct`. The
    result is complex, ``[batch, height, width]``.
    """
    if scenario.attack is None:
        return operator_of(A).adjoint(scan.kspace)
    return run(
        scenario.attack,
        net,
        scan.kspace,
        A,
        scan.target,
        epsilon=scenario.epsilon,
        unrolling_steps=scenario.n_steps,
        objective=objective,
        generator=_source(seed, "attack", scan),
    )


def _source(seed: int, use: str, scan: Scan) -> random.Source:
    """Return the source of a use's draws: on the scans' device, a generator for each scan."""
    index = scan.slice_index
    slices = index.tolist() if isinstance(index, Tensor) and index.ndim else [int(index)]
    device = scan.kspace.device
    found = [random.generator(seed, use, scan.split, index, device=device) for index in slices]
    return found[0] if len(found) == 1 else random.PerScan(found)
