r"""How much of an image-domain perturbation a measurement could have produced.

``z = A^H y`` moves by ``A^H η`` if the measurement errs by η. Along an eigenvector of ``A^H A`` of
eigenvalue g, a change δ of ``z`` takes an η larger by :math:`1/\sqrt{g}`. For small g there is none
of moderate size. A row tells how the energy of one attack's δ is spread over the eigenvalues, and
what of its damage is left once the component of small eigenvalues is taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from smuglib import checks, evaluation, random
from smuglib.analysis import Spectrum
from smuglib.attacks import Attack
from smuglib.consistency import DataConsistency, RangeSpace, linewise
from smuglib.data import Scan
from smuglib.evaluation import Scenario, trial
from smuglib.metrics import psnr
from smuglib.models import UnrolledNetwork

EDGES = {"below_1e_4": 1e-4, "below_1e_3": 1e-3, "below_1e_2": 1e-2, "below_1e_1": 1e-1}
"""Fields of `RangeShare`, and the eigenvalues below which they count the energy of δ."""

FLOOR = Attack().floor
"""Smallest eigenvalue that counts as within reach, that of attacks in the range of ``A^H``."""


@dataclass(frozen=True)
class RangeShare(evaluation.Record):
    """How one perturbation δ of a scan lies along the eigenvectors of ``A^H A``.

    ``below_...`` are shares of the energy of δ along eigenvalues below that, and
    ``psnr_within_reach`` is with its component at eigenvalues of at least `FLOOR` alone.
    """

    RESULTS: ClassVar[tuple[str, ...]] = (
        *(f"below_1e_{power}" for power in (4, 3, 2, 1)),
        *("relative_norm", "psnr_clean", "psnr", "psnr_within_reach"),
    )

    method: str
    training_sigma: float
    weights_sha256: str
    scenario: str
    epsilon: float
    seed: int
    split: str
    subject: int
    slice: int
    below_1e_4: float
    below_1e_3: float
    below_1e_2: float
    below_1e_1: float
    relative_norm: float
    psnr_clean: float
    psnr: float
    psnr_within_reach: float


@torch.no_grad()
def measure_range_shares(
    net: UnrolledNetwork,
    scans: Sequence[Scan],
    scenarios: Sequence[Scenario],
    *,
    method: str,
    training_sigma: float,
    weights_sha256: str,
    seed: int = 0,
) -> list[RangeShare]:
    """Take the perturbations of a method's attacks apart by eigenvalue."""
    if not scans or not scenarios:
        raise ValueError(f"nothing to measure: {len(scans)} scans, {len(scenarios)} scenarios")
    for scenario in scenarios:
        if scenario.attack is None:
            raise ValueError(f"scenario {scenario.name!r} has no perturbation to take apart")
    checks.integer("seed", seed, minimum=0)
    network: dict[str, Any] = {"method": method, "training_sigma": training_sigma, "seed": seed}
    network["weights_sha256"] = weights_sha256
    found = []
    for scan in scans:
        consistency = DataConsistency(scan.operator, net.lam)
        # Kept with the operator: the projection below needs the same factors.
        spectrum = Spectrum(*linewise.linewise(scan.operator).eigen())
        place: dict[str, Any] = {
            "split": scan.split,
            "subject": int(scan.subject),
            "slice": int(scan.slice_index),
        }
        for scenario in scenarios:
            values = _values(net, scan, scenario, consistency, spectrum, seed)
            settings: dict[str, Any] = {
                "scenario": scenario.name,
                "epsilon": float(scenario.epsilon),
            }
            found.append(RangeShare(**network, **place, **settings, **values))
    return found


def _values(
    net: UnrolledNetwork,
    scan: Scan,
    scenario: Scenario,
    consistency: DataConsistency,
    spectrum: Spectrum,
    seed: int,
) -> dict[str, Any]:
    z = consistency.operator.adjoint(scan.kspace)
    delta = trial.perturbed(net, scan, scenario, consistency, seed=seed) - z
    within = RangeSpace(scan.operator, FLOOR)(delta)
    draws = "score", scan.split, int(scan.slice_index)

    def scored(image: Tensor) -> float:
        x = net(image, consistency, generator=random.generator(seed, *draws))
        return psnr(x, scan.target).item()

    return {
        **energy_shares(spectrum, delta),
        "relative_norm": (delta.norm() / z.norm()).item(),
        "psnr_clean": scored(z),
        "psnr": scored(z + delta),
        "psnr_within_reach": scored(z + within),
    }


def energy_shares(spectrum: Spectrum, delta: Tensor) -> dict[str, float]:
    """Return the share of an image's energy along eigenvalues below each of `EDGES`."""
    energy = spectrum.energy(delta, torch.tensor(list(EDGES.values()), dtype=torch.float64))
    shares = energy.cumsum(0) / energy.sum()
    return {name: share.item() for name, share in zip(EDGES, shares, strict=False)}
