"""``smuglib attack``: what a small perturbation can do to the reconstruction of a scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.attacks.ladder import LADDER, Attack
from smuglib.attacks.pgd import pgd, pgd_kspace
from smuglib.commands import reconstruct as images
from smuglib.commands.reconstruct import Settings
from smuglib.data.kspace import KSpaceFile
from smuglib.data.scan import Scan
from smuglib.metrics import psnr
from smuglib.models.reconstruction import bind
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.random import generator

Domain = Literal["image", "kspace"]

STRENGTHS: dict[Domain, float] = {"image": 1 / 255, "kspace": 0.02}
"""Default ε of each domain."""

LARGE = 2**16
"""Pixels beyond which a network keeps no more for its gradient than it must."""


def attack_slice(
    net: nn.Module,
    scan: Scan,
    settings: Settings,
    *,
    domain: Domain = "image",
    epsilon: float | None = None,
    attack: Attack = LADDER["adaptive_strong"],
) -> dict[str, Tensor]:
    """Attack a scan, a batch of one, by default as strongly as the ladder does.

    Parameters
    ----------
    domain, epsilon
        ``"image"``: ε is the largest real or imaginary part of δ in units of the scan's scale, by
        default 1/255. ``"kspace"``: ε is ``||δ||_2 / ||y||_2``, by default 0.02.
    attack
        Everything else about the attack, with two noise samples, as the evaluations have.

    Returns
    -------
    dict
        ``perturbed`` (``A^H y + δ``, or ``y + δ``); ``clean``, ``noisy`` (after random noise in the
        same ball) and ``attacked`` reconstructions; ``reference``: the target or, without one, the
        clean reconstruction. All are in units of the scan's scale.
    """
    epsilon = STRENGTHS[checks.one_of("domain", domain, STRENGTHS)] if epsilon is None else epsilon  # type: ignore[index]
    norm: Literal["l2", "linf"] = "l2" if domain == "kspace" else "linf"
    attack = replace(attack, domain=domain, norm=norm, n_samples=2)
    y, A, adjoint = scan.kspace, images.operator_for(net, scan, settings.lam), scan.operator.adjoint
    start, climb = (y, pgd_kspace) if domain == "kspace" else (adjoint(y), pgd)
    method = bind(net, A)
    if isinstance(net, UnrolledNetwork):
        net.checkpoint = scan.target.numel() > LARGE

    @torch.no_grad()
    def reconstruct(perturbed: Tensor) -> Tensor:
        z = adjoint(perturbed) if domain == "kspace" else perturbed
        return method(z, generator(settings.seed, "smoothing", device=z.device))

    clean = reconstruct(start)
    reference = scan.target if scan.has_target else clean

    def perturbed(attack: Attack) -> Tensor:
        noise = generator(settings.seed, "attack", device=start.device)
        return climb(net, start, A, reference, epsilon=epsilon, attack=attack, generator=noise)

    worst, noise = perturbed(attack), perturbed(replace(attack, kind="uniform"))
    found = {"perturbed": worst, "clean": clean, "noisy": reconstruct(noise)}
    return {**found, "attacked": reconstruct(worst), "reference": reference}


def attack_file(
    file: KSpaceFile,
    index: int,
    output: Path | str,
    net: nn.Module,
    settings: Settings,
    *,
    domain: Domain,
    epsilon: float | None,
    n_steps: int | None = None,
    force: bool = False,
) -> str:
    """Attack a slice of a file, and write what came of it, HDF5; return a table of levels.

    A complete scan is undersampled to the sampling rate of the settings; another one is taken as it
    is. Images and k-space are complex64, in the input's own units.
    """
    output = checks.path("output", output, is_new=True)
    strong = LADDER["adaptive_strong"]
    strong = replace(strong, n_steps=strong.n_steps if n_steps is None else n_steps)
    mark = images.mark_of(file, net, settings, attack=[domain, epsilon, index, strong.n_steps])
    images.is_finished(output, mark, force=force)
    rate = settings.sampling_rate if file.is_complete(index) else None
    scan = images.read_scan(file, index, replace(settings, sampling_rate=rate))
    found = attack_slice(net, scan, settings, domain=domain, epsilon=epsilon, attack=strong)
    with images.new_hdf5(output, mark) as volume:
        for name, value in found.items():
            volume[name] = (scan.scale * value)[0].cpu().numpy()
    return tabulate_levels(found, scan.has_target)


def tabulate_levels(found: dict[str, Tensor], has_target: bool) -> str:
    """Write PSNR in dB before and after an attack, and the damage if there is a reference."""
    reference = found["reference"]
    level = {name: psnr(found[name], reference).item() for name in ("clean", "noisy", "attacked")}
    rows = {"noise of the same size": level["noisy"], "attacked": level["attacked"]}
    if has_target:
        damage = level["clean"] - level["attacked"]
        rows = {"clean": level["clean"], **rows, "damage by the attack": damage}
    title = f"PSNR against the {'reference' if has_target else 'clean one'}"
    return "\n".join([f"{title:32}      dB", *(f"{n:32}{x:8.2f}" for n, x in rows.items())])
