"""Distance to the floor: the network's works against the same number of bare denoiser calls.

A reconstruction calls the denoiser once a step, on the batch of all samples. Everything else that
it does is overhead: noise, data consistency, averages, losses, and the memory that a graph of all
steps needs. The bare calls know none of it: each is differentiated before the next is made. A
third measurement keeps the graphs of all calls, and so tells what the memory alone costs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import torch
from torch import Tensor

from smugbench.cases import Case
from smugbench.implementation import Setup, own_implementations
from smugbench.networks import TRAINING_SAMPLES
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib.models.reconstruction import frozen
from smuglib.random import complex_normal, generator

SECTION = "floor"

BARE, KEPT = "bare denoiser", "bare denoiser, graphs kept"


@dataclass(frozen=True, eq=False)
class Bare:
    """As many calls of the denoiser as one reconstruction with smoothing of the denoiser makes."""

    setup: Setup

    def forward(self) -> None:
        """Call without gradients."""
        with torch.no_grad():
            for _ in range(self.setup.case.n_steps):
                self.setup.network.denoiser(self.images)

    def to_parameters(self, *, keep: bool = False) -> None:
        """Call, and differentiate with respect to the parameters."""
        self._differentiate(list(self.setup.network.denoiser.parameters()), self.images, keep)

    def to_input(self, *, keep: bool = False) -> None:
        """Call, and differentiate with respect to the images; ``keep`` as in `to_parameters`."""
        images = self.images.detach().requires_grad_(True)
        with frozen(self.setup.network):
            self._differentiate([images], images, keep)

    def _differentiate(self, wanted: Sequence[Tensor], images: Tensor, keep: bool) -> None:
        outputs: list[Tensor] = []
        for number in range(self.setup.case.n_steps):
            outputs.append(self.setup.network.denoiser(images))
            if not keep or number + 1 == self.setup.case.n_steps:
                torch.autograd.grad(outputs, wanted, [images.detach()] * len(outputs))
                outputs.clear()

    @cached_property
    def images(self) -> Tensor:
        """Noisy images, drawn before anything is timed."""
        case, target = self.setup.case, self.setup.scan.target
        shape = (case.batch, case.n_samples, case.height, case.width)
        noise = generator(0, "benchmark", "bare")
        return target.unsqueeze(1) + complex_normal(shape, 0.05, noise, target)


def measure_floor(
    case: Case, *, names: Sequence[str], repeats: int, section: str = SECTION
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time SMUG's works against bare denoiser calls."""
    few = replace(case, n_samples=TRAINING_SAMPLES)
    for name in names:
        sized = few if "few samples" in name else case
        timings = time_in_turn(floor_works(name, sized), repeats=repeats, device=case.torch_device)
        reference = timings[BARE]
        yield (
            [
                cost_row(section, name, implementation, sized, timing, reference=reference)
                for implementation, timing in timings.items()
            ],
            [],
        )


def floor_works(name: str, case: Case) -> dict[str, Work]:
    """Return the bare calls and the library's variants of one work."""
    setup = Setup.of(case)
    bare = Bare(setup)
    ours = own_implementations(setup)
    if "forward" in name:
        found = {BARE: Work(bare.forward)}
        steps = {variant: one.forward for variant, one in ours.items()}
    elif "training" in name:
        found = {BARE: Work(bare.to_parameters), KEPT: Work(lambda: bare.to_parameters(keep=True))}
        steps = {variant: one.training_step for variant, one in ours.items()}
    else:
        found = {BARE: Work(bare.to_input), KEPT: Work(lambda: bare.to_input(keep=True))}
        steps = {variant: one.adaptive_step for variant, one in ours.items()}
    return found | {variant: Work(partial(step, "denoiser")) for variant, step in steps.items()}
