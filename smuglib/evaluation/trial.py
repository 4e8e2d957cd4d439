"""Trials: one network, one scan, one scenario.

The random draws of a trial are a function of the seed and the slice alone.
"""

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
    """Put one scan, a batch of one at the scenario's sampling rate, through a scenario.

    Parameters
    ----------
    A
        What the method is called with, if it is not the scan's operator or the method's step on
        it (see `smuglib.models.reconstruction.operand`).

    Returns
    -------
    Tensor, Tensor
        The zero-filled image that the method was given, perturbation included, and the
        reconstruction, complex, ``[1, height, width]``.
    """
    check_single(scan)
    A = scan.operator if A is None else A
    method = bind(net, A, n_steps=scenario.n_steps, n_samples=scenario.n_samples)
    z = perturbed(net, scan, scenario, A, seed=seed)
    with torch.no_grad():
        x = method(z, random.generator(seed, "score", scan.split, int(scan.slice_index)))
    return z, x


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
    result is complex, ``[1, height, width]``.
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
        generator=random.generator(seed, "attack", scan.split, int(scan.slice_index)),
    )


def check_single(scan: Scan) -> None:
    """Refuse more than one slice at a time: random draws are a function of the slice."""
    if len(scan) != 1:
        raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
