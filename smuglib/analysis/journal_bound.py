"""What the journal version of SMUG proves about its stability: the bound, evaluated."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks, random
from smuglib.analysis.spectrum import Spectrum
from smuglib.consistency.step import DataConsistency, as_step
from smuglib.models.unrolled import Trace, UnrolledNetwork
from smuglib.operators.sense import SenseOperator


@dataclass(frozen=True, eq=False)
class JournalBound:
    r"""The bound :math:`\|x_n(y + \delta) - x_n(y)\| \le C_n \|\delta\|` and its parts.

    Parameters
    ----------
    alpha, operator_norm, ratio
        :math:`\alpha = \|(A^H A + \lambda I)^{-1}\|`, :math:`\|A\|` and r, ``[batch]``.
    output_norm
        The largest :math:`\|D(x + \nu)\|_2` seen, ``[batch]``: half of M.
    steps, constants
        Numbers n of unrolling steps, and :math:`C_n`, float64, ``[batch, n]``.
    critical_sigma
        The σ above which r < 1: the bound is finite for any number of steps, ``[batch]``.
    """

    alpha: Tensor
    operator_norm: Tensor
    output_norm: Tensor
    ratio: Tensor
    steps: tuple[int, ...]
    constants: Tensor
    critical_sigma: Tensor


@torch.no_grad()
def journal_bound(
    net: UnrolledNetwork,
    z: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    steps: Sequence[int] = tuple(range(1, 17)),
    n_samples: int | None = None,
    seed: int = 0,
) -> JournalBound:
    r"""Evaluate the stability bound of the journal version of SMUG (Liang et al., 2023).

    A bounded function smoothed by Gaussian noise has Lipschitz constant
    :math:`M / (\sqrt{2\pi}\,\sigma)` with :math:`M = 2 \sup \|D\|`, whatever the function. One
    unrolling step then multiplies the change of the image by r at most and adds
    :math:`\alpha \|A\| \|\delta\|`, so

    .. math:: C_n = \alpha \|A\| \frac{1 - r^n}{1 - r} + \|A\| r^n, \qquad
        r = \frac{\lambda \alpha M}{\sqrt{2\pi}\,\sigma},

    which is :eq:`eq-journal` of the book, and the journal's for its λ = 1. The supremum is over all
    inputs and cannot be computed: M is taken from the largest output seen in this reconstruction,
    so the true constants are larger still (a denoiser that is not bounded has none).

    ``z`` are zero-filled images, complex, ``[batch, height, width]``, of a 1-D Cartesian mask.
    """
    checks.instance("net", net, UnrolledNetwork)
    checks.complex_tensor("z", z, n_axes=(3,))
    if net.smoothing.placement not in ("denoiser", "step"):
        got = net.smoothing.placement
        raise ValueError(f"net must be smoothed at its denoiser or steps, got {got!r}")
    sigma = checks.positive("sigma", net.smoothing.sigma)
    counts = tuple(checks.integer("steps", n) for n in checks.members("steps", steps))
    if not counts:
        raise ValueError("steps must hold at least one number, got none")
    consistency = as_step(A, net.lam)
    trace = Trace()
    noise = random.generator(seed, "bound", device=z.device)
    net(z, consistency, generator=noise, n_steps=max(counts), n_samples=n_samples, trace=trace)
    outputs = torch.stack([_norms(denoised) for denoised in trace.denoised])
    largest = outputs.amax(0)
    values, lam = Spectrum.of(consistency.operator).values.double(), consistency.lam.item()
    alpha = 1 / (values.amin((1, 2)) + lam)
    norm = values.amax((1, 2)).sqrt()
    slope = 2 * largest / math.sqrt(2 * math.pi)
    ratio = lam * alpha * slope / sigma
    constants = torch.stack([_constant(alpha, norm, ratio, n) for n in counts], 1)
    return JournalBound(alpha, norm, largest, ratio, counts, constants, sigma * ratio)


def _norms(denoised: Tensor) -> Tensor:
    """Return each scan's largest l2 norm over its noise samples, float64, ``[batch]``."""
    return torch.linalg.vector_norm(denoised.to(torch.complex128), dim=(-2, -1)).amax(1)


def _constant(alpha: Tensor, norm: Tensor, ratio: Tensor, n: int) -> Tensor:
    """Return C_n, by the sum itself: the closed form has no value at r = 1."""
    powers = torch.stack([ratio**k for k in range(n)]).sum(0)
    return alpha * norm * powers + norm * ratio**n
