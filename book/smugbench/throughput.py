"""Section (g): whole updates of trainings and whole attacks, as the book's experiments make them.

An update is of whole slices in bfloat16: loss, gradient, clipping and Adam. The scans' factors
are kept, as they are in a training after its first epoch.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn

from smugbench.cases import Case
from smugbench.implementation import Setup, Smuglib, accelerated
from smugbench.networks import TRAINING_SAMPLES
from smugbench.rows import Cost, cost_row
from smugbench.timing import Work, time_in_turn
from smuglib import attacks
from smuglib.attacks import LADDER, Attack
from smuglib.attacks.ladder import Precision
from smuglib.methods import METHODS, Placement
from smuglib.models.precision import autocast
from smuglib.random import generator

SECTION = "throughput"

STRONG = LADDER["adaptive_strong"]

PRECISIONS: tuple[Precision, ...] = ("bfloat16", "float32")
"""Of an attack's convolutions; a training is of the first."""


def measure_throughput(
    case: Case, *, batches: tuple[int, ...], n_attacked: int, attack: Attack, repeats: int
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time updates of MoDL and SMUG at some batches, and one attack of SMUG on one batch."""
    few = replace(case, n_samples=TRAINING_SAMPLES)
    for batch in batches:
        for label, method in (("MoDL", "modl"), ("SMUG", "smug")):
            sized = replace(few, batch=batch)
            make = partial(_update, METHODS[method])
            yield _timed(f"{label} update", sized, {PRECISIONS[0]: make}, repeats), []
    makers: dict[str, Maker] = {
        name: partial(_attack, replace(attack, precision=name)) for name in PRECISIONS
    }
    yield _timed("SMUG adaptive_strong", replace(case, batch=n_attacked), makers, 1), []


def measure_compiled(
    case: Case, *, batches: tuple[int, ...], repeats: int
) -> Iterator[tuple[list[Cost], list[str]]]:
    """Time SMUG's update against torch's own graphs, which fuse layers and take minutes to make."""
    for batch in batches:
        sized = replace(case, n_samples=TRAINING_SAMPLES, batch=batch)
        make, compiled = partial(_update, METHODS["smug"]), partial(_compiled, METHODS["smug"])
        theirs = {f"{PRECISIONS[0]}, reduce-overhead": compiled}
        yield _timed("SMUG update, compiled", sized, {PRECISIONS[0]: make}, repeats, theirs), []


Maker = Callable[[Smuglib], Callable[[], object]]


def _timed(
    work: str,
    case: Case,
    makers: Mapping[str, Maker],
    repeats: int,
    more: Mapping[str, Maker] | None = None,
) -> list[Cost]:
    """Time works, on a GPU with graphs, too; and ``more``, which have none of ours."""
    setup, works = Setup.of(case), {}
    for name, make in makers.items():
        works[name] = Work(make(accelerated()(setup)))
        if case.torch_device.type == "cuda":
            works[f"{name}, graphs"] = Work(make(accelerated(graphs=True)(setup)))
    works |= {name: Work(make(accelerated()(setup))) for name, make in (more or {}).items()}
    timings = time_in_turn(works, repeats=repeats, device=case.torch_device)
    reference = next(iter(timings.values()))
    return [
        cost_row(SECTION, work, name, case, timing, reference=reference)
        for name, timing in timings.items()
    ]


def _update(placement: Placement, one: Smuglib) -> Callable[[], object]:
    parameters = one.parameters()
    optimizer = torch.optim.Adam(parameters, lr=1e-6)
    smoothing, kind = one.setup.smoothing(placement), one.setup.case.torch_device.type

    def update() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(PRECISIONS[0], kind):
            loss = one.loss(smoothing)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return update


def _compiled(placement: Placement, one: Smuglib) -> Callable[[], object]:
    denoiser: Any = one.setup.network.denoiser
    denoiser.body = torch.compile(denoiser.body, mode="reduce-overhead", dynamic=False)
    update = _update(placement, one)

    def marked() -> None:
        # What the last update left in torch's graphs may be overwritten from here on.
        torch.compiler.cudagraph_mark_step_begin()
        update()

    return marked


def _attack(attack: Attack, one: Smuglib) -> Callable[[], object]:
    given = one.setup.network, one.kspace, one.operator, one.target
    device = one.setup.case.torch_device

    def run() -> object:
        noise = generator(0, "benchmark", "attack", device=device)
        return attacks.run(attack, *given, epsilon=1 / 255, generator=noise)

    return run
