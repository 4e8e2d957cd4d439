"""``smuglib attack``: what a small perturbation can do to the reconstruction of a scan."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.attacks.balls import Norm
from smuglib.attacks.ladder import LADDER, Attack
from smuglib.attacks.pgd import pgd, pgd_kspace
from smuglib.commands.reconstruct import (
    Settings,
    is_finished,
    mark_of,
    new_hdf5,
    operator_for,
    read_scan,
)
from smuglib.data.kspace import KSpaceFile
from smuglib.data.scan import Scan
from smuglib.metrics import psnr
from smuglib.models.reconstruction import bind
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.random import generator

Domain = Literal["image", "kspace"]

STRENGTHS: dict[Domain, float] = {"image": 1 / 255, "kspace": 0.02}
"""Default ε of each domain."""

ASCENT_SAMPLES = 2
"""Noise samples of a gradient, as in the evaluations; what is found is scored with all."""

LARGE = 2**16
"""Pixels beyond which a network keeps no more for its gradient than it must."""


@dataclass(frozen=True)
class Outcome:
    """A scan before and after: what was perturbed, and what was made of it, in scaled units."""

    perturbed: Tensor
    """``A^H y + δ``, or ``y + δ``."""
    clean: Tensor
    attacked: Tensor
    noisy: Tensor
    """Reconstructed under random noise in the same ball."""
    reference: Tensor
    """The scan's target, or, where it has none, the clean reconstruction."""

    def levels(self) -> dict[str, float]:
        """Return PSNR in dB against the reference, and the damage of both perturbations."""
        found = {
            name: psnr(getattr(self, name), self.reference).item()
            for name in ("clean", "noisy", "attacked")
        }
        return {**found, "damage": found["clean"] - found["attacked"]}


def attack_slice(
    net: nn.Module,
    scan: Scan,
    *,
    domain: Domain = "image",
    epsilon: float | None = None,
    lam: float | None = None,
    seed: int = 0,
    attack: Attack = LADDER["adaptive_strong"],
) -> Outcome:
    """Attack a scan, a batch of one, as strongly as the ladder does.

    Parameters
    ----------
    domain, epsilon
        ``"image"``: ε is the largest real or imaginary part of δ in units of the scan's scale, by
        default 1/255. ``"kspace"``: ε is ``||δ||_2 / ||y||_2``, by default 0.02.
    lam, seed
        Weight λ of data consistency instead of the method's own; seed of all draws.
    attack
        Everything else about the attack.
    """
    checks.one_of("domain", domain, STRENGTHS)
    epsilon = STRENGTHS[domain] if epsilon is None else epsilon
    norm: Norm = "l2" if domain == "kspace" else "linf"
    attack = replace(attack, domain=domain, norm=norm, n_samples=ASCENT_SAMPLES)
    y, A = scan.kspace, operator_for(net, scan, lam)
    adjoint = scan.operator.adjoint
    start, climb = (y, pgd_kspace) if domain == "kspace" else (adjoint(y), pgd)
    method = bind(net, A)
    if isinstance(net, UnrolledNetwork):
        net.checkpoint = scan.target.numel() > LARGE

    def reconstruct(perturbed: Tensor) -> Tensor:
        z = adjoint(perturbed) if domain == "kspace" else perturbed
        with torch.no_grad():
            return method(z, generator(seed, "smoothing", device=z.device))

    clean = reconstruct(start)
    reference = scan.target if scan.has_target else clean
    found = [
        climb(
            net, start, A, reference, epsilon=epsilon, attack=one,
            generator=generator(seed, "attack", device=start.device),
        )
        for one in (attack, replace(attack, kind="uniform"))
    ]  # fmt: skip
    attacked, noisy = map(reconstruct, found)
    return Outcome(found[0], clean, attacked, noisy, reference)


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
    attack = LADDER["adaptive_strong"]
    attack = replace(attack, n_steps=attack.n_steps if n_steps is None else n_steps)
    how = {"domain": domain, "epsilon": epsilon, "index": index, "n_steps": attack.n_steps}
    mark = mark_of(file, net, settings, **how)
    is_finished(output, mark, force=force)
    rate = settings.sampling_rate if file.is_complete(index) else None
    scan = read_scan(file, index, replace(settings, sampling_rate=rate))
    scan = scan.to(checks.device("device", settings.device))
    lam, seed = settings.lam, settings.seed
    outcome = attack_slice(
        net, scan, domain=domain, epsilon=epsilon, lam=lam, seed=seed, attack=attack
    )
    with new_hdf5(output, mark) as volume:
        for name in ("perturbed", "clean", "attacked", "noisy", "reference"):
            volume[name] = (scan.scale * getattr(outcome, name))[0].cpu().numpy()
    levels, known = outcome.levels(), scan.has_target
    rows = [
        ("clean", levels["clean"]),
        ("noise of the same size", levels["noisy"]),
        ("attacked", levels["attacked"]),
    ]
    lines = [f"{'PSNR against ' + ('the reference' if known else 'the clean one'):32}{'dB':>8}"]
    for name, level in rows if known else rows[1:]:
        lines.append(f"{name:32}{level:8.2f}")
    if known:
        lines.append(f"{'damage by the attack':32}{levels['damage']:8.2f}")
    return "\n".join(lines)
