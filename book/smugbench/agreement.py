"""Section (f): a GPU's numbers against a CPU's, and those of CUDA graphs against eager ones.

All noise is drawn on the CPU, so that both see the same. The perturbations of two attacks part
where a gradient's sign is decided by rounding; how large an error they cause must agree.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from smugbench.cases import Case
from smugbench.implementation import Setup, Smuglib
from smugbench.networks import LABELS, TRAINING_SAMPLES, difference
from smugbench.rows import Cost, cost_row
from smuglib import attacks
from smuglib.attacks import LADDER
from smuglib.methods import METHODS, Placement
from smuglib.models import Denoiser, UnrolledNetwork
from smuglib.random import generator

SECTION = "agreement"

TO_CPU, TO_EAGER = "difference to the CPU", "difference to eager"

RUNGS = {"transfer": 1 / 255, "adaptive": 1 / 255, "adaptive_strong": 1 / 255, "kspace": 0.02}
"""Attacks, with their ε."""

STEPS = 3
"""Steps of each attack."""


def measure_agreement(case: Case) -> Iterator[tuple[list[Cost], list[str]]]:
    """Compare every method, with SMUG's weights."""
    case = replace(case, n_samples=TRAINING_SAMPLES)
    for method, placement in METHODS.items():
        on_cpu = _results(replace(case, device="cpu"), placement)
        eager = _results(case, placement)
        lower = _results(case, placement, precision="bfloat16")
        pairs = {
            "eager": (TO_CPU, eager, on_cpu),
            "graphs": (TO_EAGER, _results(case, placement, graphs=True), eager),
            "bfloat16": (TO_CPU, lower, on_cpu),
            "bfloat16, graphs": (
                *(TO_EAGER, _results(case, placement, precision="bfloat16", graphs=True), lower),
            ),
        }
        label = {"modl": "MoDL", **LABELS}[method]
        yield (
            [
                cost_row(
                    *(SECTION, f"{label}, {work}", name, case),
                    accuracy=difference(found[work], other[work]),
                    accuracy_kind=kind,
                )
                for work in on_cpu
                for name, (kind, found, other) in pairs.items()
            ],
            [],
        )


def _results(case: Case, placement: Placement, **options: bool | str) -> dict[str, Tensor]:
    """Return images, gradients, and the errors that attacks leave behind, on the CPU."""
    setup = replace(Setup.of(case), draws_on="cpu")
    denoiser = setup.network.denoiser
    assert isinstance(denoiser, Denoiser)
    denoiser.accelerate(**options)  # type: ignore[arg-type]
    one = Smuglib(setup)
    found = {"image": one.forward(placement), "gradient": one.training_step(placement)}
    network = UnrolledNetwork(
        denoiser, n_steps=case.n_steps, lam=1.0, smoothing=setup.smoothing(placement)
    )
    for rung, epsilon in RUNGS.items():
        attack = replace(LADDER[rung], n_steps=STEPS)
        noise = generator(0, "benchmark", rung)
        given = one.kspace, one.operator, one.target
        z = attacks.run(attack, network, *given, epsilon=epsilon, generator=noise)
        with torch.no_grad():
            x = network(z, one.operator, generator=setup.noise())
        found[f"error after {rung}"] = torch.linalg.vector_norm(x - one.target, dim=(-2, -1))
    return {work: result.cpu() for work, result in found.items()}
