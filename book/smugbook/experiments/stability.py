"""The study behind the attack-free chapter: how far inputs move outputs, slice by slice.

A scenario is the input that changes: the zero-filled ``image`` or the measured ``kspace``; or
``bound``, the journal's stability bound and what it bounds, for networks smoothed at the denoiser.
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from smugbook.experiments.measurements import Measure, Values
from smuglib import checks
from smuglib.analysis import JacobianNorm, Spectrum, jacobian_norm, journal_bound, local_lipschitz
from smuglib.analysis.linearization import DOMAINS
from smuglib.analysis.spectrum import gain
from smuglib.consistency import DataConsistency
from smuglib.data import Scan
from smuglib.models import UnrolledNetwork

EDGES = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 0.6)
"""Borders between the bins of eigenvalues of ``A^H A``."""

BOUND = "bound"


@dataclass(frozen=True)
class StabilityStudy:
    """Settings of the study; the provenance of its measurements holds them.

    ``n_iterations`` is the most products with ``J^H J``. The ball of `local_lipschitz` is as large
    as the largest perturbation of ``epsilon``. The bound is evaluated for 1 to ``n_steps_bound``.
    """

    companions: ClassVar[tuple[str, ...]] = ()
    """Methods whose networks `measure` needs beside the one that it measures."""

    n_samples: int = 2
    tolerance: float = 0.05
    n_iterations: int = 16
    epsilon: float = 1 / 255
    n_steps_ascent: int = 4
    n_steps_bound: int = 16
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("n_samples", "n_iterations", "n_steps_ascent", "n_steps_bound"):
            checks.integer(name, getattr(self, name))
        for name in ("tolerance", "epsilon"):
            checks.positive(name, getattr(self, name))
        checks.integer("seed", self.seed, minimum=0)

    def scenarios(self, net: UnrolledNetwork) -> tuple[str, ...]:
        """Return the scenarios of a network."""
        return (*DOMAINS, BOUND) if net.smoothing.placement == "denoiser" else DOMAINS

    def measure(self, net: UnrolledNetwork) -> Measure:
        """Return what measures a network at a slice in a scenario."""

        def measure(scan: Scan, scenario: str) -> Values:
            step = DataConsistency(scan.operator, net.lam)
            if scenario == BOUND:
                return self._bound(net, scan, step)
            return self._steepness(net, scan, step, checks.one_of("domain", scenario, DOMAINS))

        return measure

    def norm(
        self, net: UnrolledNetwork, scan: Scan, step: DataConsistency, domain: str,
        unrolling_steps: int | None = None,
    ) -> JacobianNorm:  # fmt: skip
        """Return the norm of a network's Jacobian at a slice."""
        return jacobian_norm(
            net,
            _point(scan, domain),
            step,
            domain=domain,
            n_samples=self.n_samples,
            unrolling_steps=unrolling_steps,
            tol=self.tolerance,
            max_iter=self.n_iterations,
            seed=self.seed,
        )

    def relative_radius(self, scan: Scan) -> float:
        """Return the ball's radius in units of the input's norm: ``ε sqrt(2 H W) / ||z||``."""
        z = _point(scan, "image")
        return float(self.epsilon * (2 * z.numel()) ** 0.5 / z.norm().item())

    def _steepness(
        self, net: UnrolledNetwork, scan: Scan, step: DataConsistency, domain: str
    ) -> Values:
        found, point = self.norm(net, scan, step, domain), _point(scan, domain)
        relative = self.relative_radius(scan)
        radius = relative * point.norm().item()
        ratio, _ = local_lipschitz(
            net,
            point,
            step,
            radius=radius,
            domain=domain,
            n_steps=self.n_steps_ascent,
            n_restarts=1,
            start=radius * found.direction,
            n_samples=self.n_samples,
            seed=self.seed,
        )
        spectrum = Spectrum.of(scan.operator)
        edges, change = torch.tensor(EDGES), found.direction
        if domain == "kspace":
            change = scan.operator.adjoint(change)
        power = 0.5 if domain == "kspace" else 0.0
        alone = spectrum.values**power * gain(spectrum.values, net.n_steps, lam=net.lam)
        return {
            "norm": [found.value.item()],
            "residual": [found.residual.item()],
            "products": [found.n_iterations],
            "identity": [alone.max().item()],
            "ball_ratio": [ratio.item()],
            "ball_radius": [relative],
            "eigenvalues": _shares(spectrum.counts(edges)),
            "change": _shares(spectrum.energy(change, edges)),
            "response": _shares(spectrum.energy(found.response, edges)),
        }

    def _bound(self, net: UnrolledNetwork, scan: Scan, step: DataConsistency) -> Values:
        z = _point(scan, "image")
        counts = tuple(range(1, self.n_steps_bound + 1))
        bound = journal_bound(net, z, step, steps=counts, n_samples=self.n_samples, seed=self.seed)
        fewer = [n for n in (1, 2, 4) if n < net.n_steps]
        norms = [self.norm(net, scan, step, "kspace", unrolling_steps=n) for n in fewer]
        return {
            "alpha": [bound.alpha.item()],
            "operator_norm": [bound.operator_norm.item()],
            "output_norm": [bound.output_norm.item()],
            "bound_ratio": [bound.ratio.item()],
            "critical_sigma": [bound.critical_sigma.item()],
            "constant": bound.constants[0].tolist(),
            "norm_after": [norm.value.item() for norm in norms],
            "relative_size": [z.norm().item() / scan.kspace.norm().item()],
        }


def _point(scan: Scan, domain: str) -> Tensor:
    return scan.operator.adjoint(scan.kspace) if domain == "image" else scan.kspace


def _shares(energy: Tensor) -> list[float]:
    """Return the percentage of the whole in each bin."""
    shares: list[float] = (100 * energy / energy.sum()).tolist()
    return shares
