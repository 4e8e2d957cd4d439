"""Implementations of the unrolled network, and the works that each is timed at."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from smugbench.cases import Case
from smuglib import losses, models
from smuglib.data import Scan
from smuglib.methods import Placement
from smuglib.models import Trace, UnrolledNetwork
from smuglib.models.reconstruction import frozen
from smuglib.random import generator
from smuglib.smoothing import Smoothing


@dataclass(frozen=True, eq=False)
class Setup:
    """What every implementation of a case is given: the scans, and the shipped SMUG network."""

    case: Case
    scan: Scan
    network: UnrolledNetwork
    draws_on: str = ""
    """Device of the noise's generator; the case's own by default."""

    @classmethod
    def of(cls, case: Case) -> Setup:
        """Simulate the scans and load the network, with the case's steps and samples."""
        shipped = models.load("smug")
        network = UnrolledNetwork(
            shipped.denoiser,
            n_steps=case.n_steps,
            lam=1.0,
            smoothing=replace(shipped.smoothing, n_samples=case.n_samples),
        )
        return cls(case, case.scan(), network.to(case.torch_device))

    def smoothing(self, placement: Placement) -> Smoothing:
        """Return the network's smoothing at another placement."""
        return replace(self.network.smoothing, placement=placement)

    def noise(self) -> torch.Generator:
        """Return the source of smoothing noise: the same draws for every implementation."""
        return generator(0, "benchmark", "noise", device=self.draws_on or self.case.device)


class Implementation(ABC):
    """One implementation of the unrolled network, on the scans of a setup."""

    loss_scale = 1.0
    """Factor of the loss while it is differentiated; the gradient is divided by it."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.kspace = setup.scan.kspace
        self.target = setup.scan.target

    @abstractmethod
    def parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the denoiser, in the order of smuglib's."""

    @abstractmethod
    def reconstruct(self, kspace: Tensor, shift: Tensor | None, smoothing: Smoothing) -> Tensor:
        """Reconstruct from ``A^H y + shift``."""

    @abstractmethod
    def loss(self, smoothing: Smoothing) -> Tensor:
        """Return the fine-tuning loss, its stability term against the target where it has one."""

    def forward(self, placement: Placement) -> Tensor:
        """Reconstruct without gradients."""
        with torch.no_grad():
            return self.reconstruct(self.kspace, None, self.setup.smoothing(placement))

    def training_step(self, placement: Placement) -> Tensor:
        """Return the loss's gradient with respect to the parameters, ``[n]``."""
        loss = self.loss_scale * self.loss(self.setup.smoothing(placement))
        gradients = torch.autograd.grad(loss, self.parameters())
        return torch.cat([gradient.flatten() for gradient in gradients]) / self.loss_scale

    def transfer_step(self) -> Tensor:
        """Return the gradient of ``||x - t||^2`` of the un-smoothed network in the image domain."""
        shift = torch.zeros_like(self.target, requires_grad=True)
        return self._ascent(self.reconstruct(self.kspace, shift, Smoothing("none")), shift)

    def adaptive_step(self, placement: Placement) -> Tensor:
        """Return the gradient of ``||x - t||^2`` of the smoothed network in k-space."""
        kspace = self.kspace.detach().requires_grad_(True)
        return self._ascent(self.reconstruct(kspace, None, self.setup.smoothing(placement)), kspace)

    def _ascent(self, x: Tensor, point: Tensor) -> Tensor:
        error = torch.view_as_real(x - self.target).square().sum()
        return torch.autograd.grad(error, point)[0]


class Smuglib(Implementation):
    """The library."""

    def __init__(self, setup: Setup) -> None:
        super().__init__(setup)
        # One operator for all runs: its line-wise factors are kept while it lives.
        self.operator = setup.scan.operator

    def parameters(self) -> list[nn.Parameter]:  # noqa: D102
        return list(self.setup.network.denoiser.parameters())

    def reconstruct(  # noqa: D102
        self,
        kspace: Tensor,
        shift: Tensor | None,
        smoothing: Smoothing,
        trace: Trace | None = None,
    ) -> Tensor:
        z = self.operator.adjoint(kspace)
        z = z if shift is None else z + shift
        network, noise = self.setup.network, self.setup.noise()
        return network(z, self.operator, generator=noise, smoothing=smoothing, trace=trace)

    def transfer_step(self) -> Tensor:  # noqa: D102
        with frozen(self.setup.network):
            return super().transfer_step()

    def adaptive_step(self, placement: Placement) -> Tensor:  # noqa: D102
        with frozen(self.setup.network):
            return super().adaptive_step(placement)

    def loss(self, smoothing: Smoothing) -> Tensor:  # noqa: D102
        trace = None if smoothing.placement in ("none", "end_to_end") else Trace()
        x = self.reconstruct(self.kspace, None, smoothing, trace)
        denoiser = self.setup.network.denoiser
        return losses.finetuning_loss(
            x, self.target, trace=trace, denoiser=denoiser, reference="target"
        )


def accelerated(**options: Any) -> Callable[[Setup], Smuglib]:  # noqa: ANN401
    """Return what makes the library's implementation with options of its denoiser."""

    def make(setup: Setup) -> Smuglib:
        network = copy.deepcopy(setup.network)
        network.denoiser.accelerate(**options)  # type: ignore[operator]
        return Smuglib(replace(setup, network=network))

    return make


def _checkpointed(setup: Setup) -> Implementation:
    network = copy.copy(setup.network)
    network.checkpoint = True
    return Smuglib(replace(setup, network=network))


VARIANTS: dict[str, Callable[[Setup], Implementation]] = {
    "smuglib": Smuglib,
    "smuglib, bfloat16": accelerated(precision="bfloat16"),
    "smuglib, checkpointed": _checkpointed,
}
"""The library's own implementations; the first is what all others are compared with."""

GRAPHS: dict[str, Callable[[Setup], Implementation]] = {
    "smuglib, graphs": accelerated(graphs=True),
    "smuglib, bfloat16, graphs": accelerated(precision="bfloat16", graphs=True),
}
"""Those that a CPU has not."""


def own_implementations(setup: Setup) -> dict[str, Implementation]:
    """Make what the library has on the device of a setup, by name."""
    on_gpu = setup.case.torch_device.type == "cuda"
    return {name: make(setup) for name, make in {**VARIANTS, **(GRAPHS if on_gpu else {})}.items()}
