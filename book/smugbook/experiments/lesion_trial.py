"""What a scenario does to lesions: reconstructions with and without them, and their measures."""

from dataclasses import dataclass

import pandas as pd
import torch
from torch import Tensor

from smuglib import random
from smuglib.analysis import lesions, uncertainty
from smuglib.analysis.lesions import Planted
from smuglib.evaluation import Scenario, trial
from smuglib.models import Reconstruction, UnrolledNetwork
from smuglib.models.reconstruction import bind


@dataclass(frozen=True, eq=False)
class Outcome:
    """Reconstructions of one scan, ``x`` with and ``free`` without lesions, in units of either.

    Perturbation and noise are the same; ``z`` is the zero-filled image that led to ``x``.
    """

    x: Tensor
    free: Tensor
    z: Tensor


def observe(
    net: Reconstruction,
    planted: Planted,
    scenario: Scenario,
    *,
    aim: str = "error",
    seed: int = 0,
) -> Outcome:
    """Put a scan with lesions through a scenario, and the same scan without them.

    The adversary attacks one of the two scans. Its perturbation, in absolute units, is added to
    the other one too, and both are reconstructed with the same noise: what differs is the lesions.
    """
    if scenario.sampling_rate is not None:
        raise ValueError(f"scenario {scenario.name!r} must leave sampling_rate to the scan")
    objective = lesions.objective(planted, aim)
    operator = planted.scan.operator
    z, z_free = (operator.adjoint(scan.kspace) for scan in (planted.scan, planted.free))
    if scenario.attack is not None:
        victim = planted.free if aim == "create" else planted.scan
        attacked = trial.perturbed(net, victim, scenario, operator, seed=seed, objective=objective)
        if aim == "create":
            z, z_free = z + (attacked - z_free) / planted.factor, attacked
        else:
            z, z_free = attacked, z_free + planted.factor * (attacked - z)
    method = bind(net, operator, n_steps=scenario.n_steps, n_samples=scenario.n_samples)
    with torch.no_grad():
        x, free = (method(start, _noise(planted, seed)) for start in (z, z_free))
    return Outcome(x, free, z)


@torch.no_grad()
def with_spread(
    net: UnrolledNetwork, planted: Planted, outcome: Outcome, *, seed: int = 0
) -> tuple[Tensor, Tensor | None]:
    """Reconstruct the scan with lesions with all noise samples of the network."""
    operator, noise = planted.scan.operator, _noise(planted, seed)
    if not net.smoothing.is_active:
        return net(outcome.z, operator), None
    return uncertainty.reconstruct(net, outcome.z, operator, generator=noise)


def measure_lesions(planted: Planted, outcome: Outcome) -> pd.DataFrame:
    """Measure every lesion of a scan."""
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


def _noise(planted: Planted, seed: int) -> torch.Generator:
    """Return the noise with which evaluations score a slice."""
    scan = planted.scan
    return random.generator(seed, "score", scan.split, int(scan.slice_index))
