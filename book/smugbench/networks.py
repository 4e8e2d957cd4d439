"""Section (b): forward, training and attack steps of the unrolled network against the peers.

Results are compared under the same noise. Gradients with respect to the weights jump where an
activation changes sign, which a difference of 1e-6 in an iterate can cause: in single precision
they agree to about 1e-3, in double precision and with tighter conjugate gradients to 1e-6.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from smugbench.cases import Case
from smugbench.implementation import Implementation, Setup, own_implementations
from smugbench.peers import Peer
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib.methods import METHODS

SECTION = "networks"

Step = Callable[[Implementation], Tensor]

LABELS = {"smug": "SMUG", "smug_v0": "SMUGv0", "rs_e2e": "RS-E2E"}

TRAINING_SAMPLES = 2
"""Noise samples in training at the default profile."""


def network_works() -> dict[str, tuple[Step, bool]]:
    """Return the works that there are."""
    steps: dict[str, tuple[Step, bool]] = {
        "transfer attack step": (lambda one: one.transfer_step(), False)
    }
    for method, label in LABELS.items():
        forward, training, adaptive = _steps(METHODS[method])
        steps[f"{label} forward"] = forward, False
        steps[f"{label} training step"] = training, False
        steps[f"{label} training step, few samples"] = training, True
        steps[f"{label} adaptive attack step"] = adaptive, False
    return steps


def _steps(placement: str) -> tuple[Step, Step, Step]:
    return (
        lambda one: one.forward(placement),
        lambda one: one.training_step(placement),
        lambda one: one.adaptive_step(placement),
    )


def implementations(setup: Setup, peers: Mapping[str, Peer]) -> dict[str, Implementation]:
    """Return the library's variants and the peers' implementations, by name."""
    found = own_implementations(setup)
    for peer in peers.values():
        found |= {} if peer.networks is None else peer.networks(setup)
    return found


def measure_networks(
    case: Case, peers: Mapping[str, Peer], *, names: Sequence[str], repeats: int
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time works on every implementation, and compare their results."""
    for name in names:
        step, is_few = network_works()[name]
        sized = replace(case, n_samples=TRAINING_SAMPLES) if is_few else case
        rivals = implementations(Setup.of(sized), peers)
        yield _compared(name, step, sized, rivals, repeats), []


def _compared(
    name: str, step: Step, case: Case, rivals: Mapping[str, Implementation], repeats: int
) -> list[Cost]:
    results: dict[str, Tensor] = {}

    def kept(rival: str) -> None:
        results[rival] = step(rivals[rival])

    timed = {rival: Work(partial(kept, rival)) for rival in rivals}
    timings = time_in_turn(timed, repeats=repeats, device=case.torch_device)
    first = next(iter(rivals))
    return [
        cost_row(
            SECTION,
            name,
            rival,
            case,
            timing,
            reference=timings[first],
            accuracy=difference(results[rival], results[first]),
            accuracy_kind="difference to smuglib",
        )
        for rival, timing in timings.items()
    ]


def difference(x: Tensor, reference: Tensor) -> float:
    """Return ``||x - reference|| / ||reference||``."""
    error = torch.linalg.vector_norm(x - reference)
    return (error / torch.linalg.vector_norm(reference)).item()
