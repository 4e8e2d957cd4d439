r"""How much of an image-domain perturbation a measurement could have produced.

``z = A^H y`` moves by ``A^H η`` if the measurement errs by η. Along an eigenvector of ``A^H A`` of
eigenvalue g, a change δ of ``z`` takes an η larger by ``1/\sqrt g``: for small g there is none of
moderate size. A row tells how the energy of one attack's δ is spread over the eigenvalues, and
what of its damage is left once the component of small eigenvalues is taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from smuglib import checks, evaluation, factors, files, random, records
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.ladder import Attack
from smuglib.metrics import psnr
from smuglib.models import UnrolledNetwork
from smuglib.reachable import Reachable
from smuglib.scenarios import Scenario
from smuglib.spectrum import Spectrum

EDGES = (1e-4, 1e-3, 1e-2, 1e-1)
"""Eigenvalues below which the energy of δ is counted."""

FLOOR = Attack().floor
"""Smallest eigenvalue that counts as within reach: that of attacks in the range of ``A^H``."""

COLUMNS = ["method", "training_sigma", "scenario", "epsilon", "seed", "split", "subject", "slice"]
COLUMNS += [f"below_{edge:g}" for edge in EDGES]
COLUMNS += ["relative_norm", "psnr_clean", "psnr", "psnr_within_reach", "weights_sha256"]
"""Columns of `measure`."""


@torch.no_grad()
def measure(
    net: UnrolledNetwork,
    scans: Sequence[Scan],
    scenarios: Sequence[Scenario],
    *,
    method: str,
    training_sigma: float,
    weights_sha256: str,
    seed: int = 0,
) -> pd.DataFrame:
    """Take the perturbations of a method's attacks apart by eigenvalue.

    Parameters
    ----------
    net
        The method.
    scans
        Scans with 1-D masks, each a batch of one.
    scenarios
        Perturbations; ``"clean"`` has none.
    method, training_sigma, weights_sha256, seed
        As for `smuglib.evaluation.evaluate`, whose draws these are.

    Returns
    -------
    pandas.DataFrame
        One row a scan and scenario. ``below_<g>``: share of the energy of δ along eigenvalues
        below g; ``relative_norm``: ``||δ|| / ||z||``; PSNR in dB of the reconstructions of z, of
        ``z + δ`` and of z with the component of δ at eigenvalues of at least `FLOOR` alone.

    Raises
    ------
    ValueError
        If there is nothing to measure, a scenario has no perturbation or a scan is no batch of one.
    """
    if not scans or not scenarios:
        raise ValueError(f"nothing to measure: {len(scans)} scans, {len(scenarios)} scenarios")
    for scenario in scenarios:
        if scenario.attack is None:
            raise ValueError(f"scenario {scenario.name!r} has no perturbation to take apart")
    checks.integer("seed", seed, minimum=0)
    common = {"method": method, "training_sigma": training_sigma, "seed": seed}
    lines = []
    for scan in scans:
        consistency = DataConsistency(scan.operator, net.lam)
        # Kept with the operator: the projection below needs the same factors.
        spectrum = Spectrum(*factors.linewise(scan.operator).eigen())
        place = {"split": scan.split, "subject": int(scan.subject), "slice": int(scan.slice_index)}
        for scenario in scenarios:
            found = _row(net, scan, scenario, consistency, spectrum, seed)
            lines.append({**common, **place, **found, "weights_sha256": weights_sha256})
    return pd.DataFrame(lines, columns=COLUMNS)


def _row(
    net: UnrolledNetwork,
    scan: Scan,
    scenario: Scenario,
    consistency: DataConsistency,
    spectrum: Spectrum,
    seed: int,
) -> dict[str, object]:
    z = consistency.operator.adjoint(scan.kspace)
    delta = evaluation.perturbed(net, scan, scenario, consistency, seed=seed) - z
    within = Reachable(scan.operator, FLOOR)(delta)
    draws = "score", scan.split, int(scan.slice_index)

    def scored(image: Tensor) -> float:
        x = net(image, consistency, generator=random.generator(seed, *draws))
        return psnr(x, scan.target).item()

    return {
        "scenario": scenario.name,
        "epsilon": float(scenario.epsilon),
        **below(spectrum, delta),
        "relative_norm": (delta.norm() / z.norm()).item(),
        "psnr_clean": scored(z),
        "psnr": scored(z + delta),
        "psnr_within_reach": scored(z + within),
    }


def below(spectrum: Spectrum, delta: Tensor) -> dict[str, float]:
    """Return the share of an image's energy along eigenvalues below each of `EDGES`.

    Parameters
    ----------
    spectrum
        Of the scan's ``A^H A``.
    delta
        Complex images, ``[batch, height, width]``, not zero.

    Returns
    -------
    dict of str to float
        Rising shares in [0, 1], named as the columns of `measure`.
    """
    energy = spectrum.energy(delta, torch.tensor(EDGES, dtype=torch.float64))
    shares = energy.cumsum(0) / energy.sum()
    return {f"below_{edge:g}": share.item() for edge, share in zip(EDGES, shares, strict=False)}


def write(path: Path | str, frame: pd.DataFrame, provenance: dict[str, Any]) -> None:
    """Write rows to a CSV file, whole or not at all, with their provenance beside it.

    Parameters
    ----------
    path
        The CSV file; its folder is created.
    frame
        What `measure` returned; frames may be concatenated.
    provenance
        Values that `json.dumps` accepts (see `smuglib.provenance.describe`).
    """
    path = Path(path)
    files.write_text(path, frame.to_csv(index=False, lineterminator="\n"))
    written = {"rows": len(frame), "sha256": files.sha256(path)}
    files.write_json(path.with_suffix(".json"), {**provenance, **written})


def read(path: Path | str) -> pd.DataFrame:
    """Read rows that `write` wrote.

    Parameters
    ----------
    path
        The CSV file.

    Returns
    -------
    pandas.DataFrame
        With the columns of `measure`.

    Raises
    ------
    FileNotFoundError
        If the file or its provenance is missing.
    ValueError
        If the file is not the one that was written.
    """
    if files.sha256(path) != records.read_provenance(path)["sha256"]:
        raise ValueError(f"{path} is truncated or edited: its hash is not that of the file written")
    return pd.read_csv(path)
