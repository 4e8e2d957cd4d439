"""The unrolled network: one loop, and four places for the expectation over noise.

=================  ========  ==================================================================
placement of E_ν   method    what is averaged
=================  ========  ==================================================================
``"none"``         MoDL      nothing
``"end_to_end"``   RS-E2E    whole reconstructions of z + ν
``"step"``         SMUGv0    denoiser and data consistency together, at each unrolling step
``"denoiser"``     SMUG      the denoiser's output alone, at each unrolling step
=================  ========  ==================================================================
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from smuglib import checks
from smuglib.consistency import DataConsistency, cached
from smuglib.methods import METHODS as METHODS
from smuglib.operators import SenseOperator
from smuglib.smoothing import NoiseSource, Smoothing


@dataclass
class Trace:
    """What an unrolled network saw on its way, one entry an unrolling step.

    ``inputs`` holds x_n; ``denoised`` the denoiser's outputs, with an axis of noise samples
    where the denoiser saw noisy images.
    """

    inputs: list[Tensor] = field(default_factory=list)
    denoised: list[Tensor] = field(default_factory=list)


class UnrolledNetwork(nn.Module):
    """Unrolled reconstruction ``x_{n+1} = (A^H A + λ I)^{-1} (A^H y + λ D(x_n))``.

    Parameters
    ----------
    denoiser
        Network from complex images to complex images, shared by all steps.
    n_steps
        Number N of unrolling steps.
    lam
        Weight λ > 0 of the denoised image in the data-consistency step.
    smoothing
        Placement, σ and samples of the expectation; none by default (MoDL).
    checkpoint
        Keep only the denoiser's inputs for the backward pass and compute the rest anew: the
        memory of one unrolling step instead of N, for one more forward pass. Gradients are the
        same.

    Raises
    ------
    TypeError
        If ``smoothing`` is not a `Smoothing`.
    ValueError
        If ``n_steps`` < 1, ``lam`` is not positive or ``checkpoint`` not a boolean.
    """

    def __init__(
        self,
        denoiser: nn.Module,
        *,
        n_steps: int = 8,
        lam: float = 1.0,
        smoothing: Smoothing | None = None,
        checkpoint: bool = False,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.n_steps = checks.integer("n_steps", n_steps)
        self.lam = checks.positive("lam", lam)
        self.smoothing = Smoothing("none") if smoothing is None else _checked_smoothing(smoothing)
        self.checkpoint = checks.boolean("checkpoint", checkpoint)

    def forward(
        self,
        z: Tensor,
        A: SenseOperator | DataConsistency,
        *,
        generator: torch.Generator | None = None,
        n_steps: int | None = None,
        n_samples: int | None = None,
        smoothing: Smoothing | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """Reconstruct.

        Parameters
        ----------
        z
            Zero-filled images ``A^H y``, complex, ``[batch, height, width]``.
        A
            The scan's operator (its data-consistency step is factored once and kept), or a
            data-consistency step.
        generator
            Source of the smoothing noise; required where smoothing is active.
        n_steps, n_samples, smoothing
            Override the network's own settings for this call. ``Smoothing("none")`` switches
            the smoothing off.
        trace
            Collects the iterates and the denoiser's outputs, for the unrolled stability loss.

        Returns
        -------
        Tensor
            Reconstructions, ``[batch, height, width]``.

        Raises
        ------
        TypeError
            If ``z`` has not the maps' dtype, or ``A``, ``generator`` or ``smoothing`` is of another
            type than named above.
        ValueError
            If a shape or a setting is out of range, or a generator is missing.
        """
        steps = self.n_steps if n_steps is None else checks.integer("n_steps", n_steps)
        smoothing = self.smoothing if smoothing is None else _checked_smoothing(smoothing)
        if n_samples is not None:
            smoothing = replace(smoothing, n_samples=n_samples)
        checks.complex_tensor("z", z, n_axes=(3,))
        noise = NoiseSource(smoothing, generator)
        consistency = cached(A, self.lam)
        consistency.check_images("z", z)

        if smoothing.placement == "end_to_end":
            x = noise.perturb(z)
            seen = z if smoothing.start_only else x
            return self._unroll(x, seen, consistency, "none", noise, steps, trace).mean(1)
        return self._unroll(z, z, consistency, smoothing.placement, noise, steps, trace)

    def _unroll(
        self,
        x: Tensor,
        z: Tensor,
        consistency: DataConsistency,
        placement: str,
        noise: NoiseSource,
        n_steps: int,
        trace: Trace | None,
    ) -> Tensor:
        for _ in range(n_steps):
            denoised = self._denoise(x if placement == "none" else noise.perturb(x))
            if trace is not None:
                trace.inputs.append(x)
                trace.denoised.append(denoised)
            if placement == "none":
                x = consistency(z, denoised)
            elif placement == "denoiser":
                x = consistency(z, denoised.mean(1))
            else:
                x = consistency(z, denoised).mean(1)
        return x

    def _denoise(self, x: Tensor) -> Tensor:
        if not (self.checkpoint and torch.is_grad_enabled()):
            return self.denoiser(x)
        # A denoiser draws nothing, so there is no random state to carry over.
        return checkpoint(self.denoiser, x, use_reentrant=False, preserve_rng_state=False)


class ZeroFilled(UnrolledNetwork):
    """The baseline: no unrolling step at all, the zero-filled image as it is."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.n_steps = 0

    def forward(self, z: Tensor, A: SenseOperator | DataConsistency, **settings: Any) -> Tensor:  # noqa: ANN401
        """Return ``z``, complex, ``[batch, height, width]``; all settings are without effect."""
        return z


def _checked_smoothing(smoothing: object) -> Smoothing:
    if not isinstance(smoothing, Smoothing):
        raise TypeError(f"smoothing must be a Smoothing, got {smoothing!r}")
    return smoothing
