r"""MoDL-style unrolling on deepinv's proximal step, wrapped in a plain loop over noise samples.

deepinv's half-quadratic splitting with the denoiser first, step length 1 and weight 1 iterates
``x <- prox(D(x))``: our loop. The proximal step solves ``(A^H A + I) x = A^H y + d`` by conjugate
gradients and is differentiated implicitly, both deepinv's defaults. It takes y and not A^H y; a
perturbation s of A^H y enters as ``(A^H y + s) + d = A^H y + (d + s)``.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from smugbench.implementation import Implementation, Setup
from smugbench.peers.deepinv_physics import as_channels, as_complex, physics
from smuglib.models import Denoiser
from smuglib.smoothing import NoiseSource, Smoothing

TOLERANCE = 1e-6


def networks(setup: Setup) -> dict[str, Implementation]:
    """Return the loop with a denoiser of torch's own layers, and with our denoiser as it is."""
    denoiser = setup.network.denoiser
    assert isinstance(denoiser, Denoiser)
    return {
        "deepinv loop, stock layers": DeepinvLoop(setup, StockLayers(denoiser)),
        "deepinv loop, our layers": DeepinvLoop(setup, OurLayers(denoiser)),
    }


class OurLayers(nn.Module):
    """Our denoiser, behind deepinv's real images, ``[n, 2, height, width]``."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.denoiser = denoiser

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        return as_channels(self.denoiser(as_complex(x)))


class StockLayers(nn.Module):
    """A copy of our denoiser with torch's own activations and default memory format."""

    def __init__(self, denoiser: Denoiser) -> None:
        super().__init__()
        self.body = copy.deepcopy(denoiser.body)
        for module in self.body.modules():
            for stock in (nn.Conv2d, nn.PReLU):
                if isinstance(module, stock):
                    # Ours add behaviour to torch's layers, and no state.
                    module.__class__ = stock
        self.body.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
        self.stride = denoiser.stride

    def forward(self, x: Tensor) -> Tensor:  # noqa: D102
        if x.shape[-1] % self.stride or x.shape[-2] % self.stride:
            raise ValueError(f"height and width must be multiples of {self.stride}")
        return x + self.body(x)


class DeepinvLoop(Implementation):
    """The unrolled network as one would write it with deepinv."""

    # deepinv's conjugate gradients add 1e-8 to their denominators: the small gradients of a mean
    # over pixels would leave its backward solves unfinished.
    loss_scale = 1e4

    def __init__(self, setup: Setup, denoiser: nn.Module) -> None:
        super().__init__(setup)
        self.denoiser = denoiser.to(setup.case.torch_device)
        self.physics = physics(setup.scan.operator, tol=TOLERANCE)

    def parameters(self) -> list[nn.Parameter]:  # noqa: D102
        return list(self.denoiser.parameters())

    def reconstruct(self, kspace: Tensor, shift: Tensor | None, smoothing: Smoothing) -> Tensor:  # noqa: D102
        shifted = None if shift is None else as_channels(shift)
        return as_complex(self._reconstruct(as_channels(kspace), shifted, smoothing, []))

    def loss(self, smoothing: Smoothing) -> Tensor:  # noqa: D102
        outputs: list[Tensor] = []
        x = self._reconstruct(as_channels(self.kspace), None, smoothing, outputs)
        target = as_channels(self.target)
        loss = _squared_error(x, target)
        if smoothing.placement == "end_to_end":
            return loss
        stability = torch.stack([_squared_error(output, target) for output in outputs]).sum()
        return loss + stability / smoothing.n_samples

    def _reconstruct(
        self, y: Tensor, shift: Tensor | None, smoothing: Smoothing, outputs: list[Tensor]
    ) -> Tensor:
        """Put the loop over samples where the expectation stands."""
        z = self.physics.A_adjoint(y)
        shift = torch.zeros_like(z) if shift is None else shift
        noise = NoiseSource(smoothing, self.setup.noise())

        def denoised(x: Tensor) -> Tensor:
            outputs.append(self.denoiser(x))
            return outputs[-1]

        def consistent(d: Tensor, s: Tensor) -> Tensor:
            x: Tensor = self.physics.prox_l2(d + s, y, gamma=1.0)
            return x

        def step(x: Tensor) -> Tensor:
            if smoothing.placement == "none":
                return consistent(denoised(x), shift)
            if smoothing.placement == "denoiser":
                return consistent(_mean(denoised, x, noise), shift)
            return _mean(lambda noisy: consistent(denoised(noisy), shift), x, noise)

        def unrolled(x: Tensor, one_step: Callable[[Tensor], Tensor]) -> Tensor:
            for _ in range(self.setup.case.n_steps):
                x = one_step(x)
            return x

        if smoothing.placement != "end_to_end":
            return unrolled(z + shift, step)
        return _mean(
            lambda start: unrolled(start, lambda x: consistent(denoised(x), start - z)),
            z + shift,
            noise,
        )


def _mean(function: Callable[[Tensor], Tensor], x: Tensor, noise: NoiseSource) -> Tensor:
    """Average a function over noisy copies of images, one copy after the other."""
    # Drawn at once, and by the library's own source: the comparison needs the very same noise.
    draws = noise.perturb(torch.zeros_like(as_complex(x.detach())))
    total = torch.zeros_like(x)
    for sample in draws.unbind(1):
        total = total + function(x + as_channels(sample))
    return total / draws.shape[1]


def _squared_error(x: Tensor, target: Tensor) -> Tensor:
    """Return the mean over pixels of ``|x - target|^2``."""
    return (x - target).square().sum(1).mean()
