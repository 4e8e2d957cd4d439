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

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from smuglib import checks
from smuglib.consistency.step import SolverName, Step, as_step
from smuglib.methods import Placement
from smuglib.operators.sense import SenseOperator
from smuglib.random import Source
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

    Its steps seek the minimum of :eq:`eq-modl` of the book.

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
        memory of one unrolling step instead of N, for one more forward pass.

    Examples
    --------
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> net = UnrolledNetwork(nn.Tanh(), n_steps=3, smoothing=Smoothing("denoiser", 0.01, 2))
    >>> z = torch.full((1, 16, 16), 0.5 + 0j)
    >>> net(z, A, generator=torch.Generator().manual_seed(0)).shape
    torch.Size([1, 16, 16])
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
        self.denoiser = checks.function("denoiser", denoiser, 1)
        self.n_steps = checks.integer("n_steps", n_steps)
        if isinstance(lam, Tensor) and lam.requires_grad:
            raise TypeError("lam must be a number; if it learns: net(z, DataConsistency(A, lam))")
        self.lam = checks.positive("lam", lam)
        smoothing = Smoothing("none") if smoothing is None else smoothing
        self.smoothing = checks.instance("smoothing", smoothing, Smoothing)
        self.checkpoint = checks.boolean("checkpoint", checkpoint)

    def consistency_step(self, A: SenseOperator | Step, solver: SolverName = "auto") -> Step:
        """Return this network's data-consistency step for some scans; a step as it is."""
        return as_step(A, self.lam, solver)

    def forward(
        self,
        z: Tensor,
        A: SenseOperator | Step,
        *,
        generator: Source | None = None,
        n_steps: int | None = None,
        n_samples: int | None = None,
        smoothing: Smoothing | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """Reconstruct images, ``[batch, height, width]``.

        ``z`` are zero-filled images ``A^H y``, complex, of the same shape; ``A`` the scan's
        operator, factored once, or a data-consistency step. ``n_steps``, ``n_samples`` and
        ``smoothing`` stand for the network's own (``Smoothing("none")`` switches it off), and
        ``trace`` collects what the unrolled stability loss needs.
        """
        steps = self.n_steps if n_steps is None else checks.integer("n_steps", n_steps)
        smoothing = self.smoothing if smoothing is None else smoothing
        checks.instance("smoothing", smoothing, Smoothing)
        if n_samples is not None:
            smoothing = replace(smoothing, n_samples=n_samples)
        checks.optional(checks.instance, "trace", trace, kind=Trace)
        noise = NoiseSource(smoothing, generator)
        step = self.consistency_step(A)
        step.operator.check_images("z", z, n_axes=(3,), dtype=step.operator.maps.dtype)

        if smoothing.placement == "end_to_end":
            x = noise.perturb(z)
            seen = z if smoothing.start_only else x
            return self._unroll(x, seen, step, "none", noise, steps, trace).mean(1)
        return self._unroll(z, z, step, smoothing.placement, noise, steps, trace)

    def _unroll(
        self,
        x: Tensor,
        z: Tensor,
        step: Step,
        placement: Placement,
        noise: NoiseSource,
        n_steps: int,
        trace: Trace | None,
    ) -> Tensor:
        for _ in range(n_steps):
            denoised = self._denoise(x if placement == "none" else noise.perturb(x))
            if trace is not None:
                trace.inputs.append(x)
                trace.denoised.append(denoised)
            x = step.apply(z, denoised.mean(1) if placement == "denoiser" else denoised)
            x = x.mean(1) if placement == "step" else x
        return x

    def _denoise(self, x: Tensor) -> Tensor:
        if self.checkpoint and torch.is_grad_enabled():
            # A denoiser draws nothing, so there is no random state to carry over.
            return checkpoint(self.denoiser, x, use_reentrant=False, preserve_rng_state=False)
        return self.denoiser(x)
