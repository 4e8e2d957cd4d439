r"""Baselines that nobody trained: the zero-filled image, and total variation.

The latter minimizes over complex images

.. math:: \|\mathbf{A x} - \mathbf{y}\|_2^2 + w \,\mathrm{TV}(\mathbf{x}), \qquad
    \mathrm{TV}(\mathbf{x}) = \sum_i \|(\nabla \mathbf{x})_i\|_2,

with isotropic differences to the pixels below and to the right, and none across a border. The
solver is the primal-dual method of Chambolle and Pock (J Math Imaging Vis 40, 2011, algorithm 1)
with the over-relaxation ρ of Condat (J Optim Theory Appl 158, 2013, algorithm 3.1). From x_0 = z =
A^H y and p_0 = 0 it repeats, with steps τ and s,

.. math::

    \mathbf{d}_n &= \mathbf{x}_n - \tau \nabla^H \mathbf{p}_n, \\
    \hat{\mathbf{x}} &= \arg\min_{\mathbf{x}} \|\mathbf{A x} - \mathbf{y}\|_2^2
        + \tfrac{1}{2\tau} \|\mathbf{x} - \mathbf{d}_n\|_2^2, \\
    \hat{\mathbf{p}} &= \Pi_w(\mathbf{p}_n + s \nabla (2\hat{\mathbf{x}} - \mathbf{x}_n)), \\
    (\mathbf{x}_{n+1}, \mathbf{p}_{n+1}) &= (1 - \rho) (\mathbf{x}_n, \mathbf{p}_n)
        + \rho (\hat{\mathbf{x}}, \hat{\mathbf{p}}),

where Π_w scales the two differences of a pixel down to a norm of at most w. The second line is our
data-consistency step of λ = 1/(2τ), so that this is the unrolled loop of every method here, with a
denoising step that has a memory (the dual p) and one weight. It converges for ``s τ ||∇||^2 <= 1``
and 0 < ρ < 2; with ``||∇||^2 <= 8`` that is met by s = λ/4 (Chambolle, J Math Imaging Vis 20, 2004,
theorem 3.1).

Only for a z in the range of A^H is there a minimum whatever the weight. A perturbation δ of z along
a null vector n of A adds ``-2 Re<δ, n>`` to the objective, which then falls for ever along n unless
``w TV(n) >= 2 |<δ, n>|``: under an attack on the zero-filled image the iterates of a small weight
grow with their number, and that is the formula's answer, not the solver's failure.
"""

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.consistency.step import SolverName, Step, as_step
from smuglib.models.unrolled import Trace
from smuglib.operators.sense import SenseOperator


class ZeroFilled(nn.Module):
    """The baseline: the zero-filled image as it is.

    Examples
    --------
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), torch.ones(1, 1, 1, 16).bool())
    >>> z = torch.full((1, 16, 16), 0.5 + 0j)
    >>> ZeroFilled()(z, A) is z
    True
    """

    def forward(self, z: Tensor, A: SenseOperator) -> Tensor:
        """Return ``z``, complex, ``[batch, height, width]``."""
        return z


RELAXATION = 1.9
"""Over-relaxation ρ, with about half as many iterations as without it (ρ = 1)."""


def gradient(x: Tensor) -> Tensor:
    """Return differences to the pixels below and to the right, ``[..., 2, height, width]``."""
    down = torch.diff(x, dim=-2, append=x[..., -1:, :])
    right = torch.diff(x, dim=-1, append=x[..., :, -1:])
    return torch.stack((down, right), -3)


def gradient_adjoint(p: Tensor) -> Tensor:
    """Return the adjoint of `gradient`, the negative divergence, ``[..., height, width]``."""
    down, right = p[..., 0, :-1, :], p[..., 1, :, :-1]
    row, column = torch.zeros_like(p[..., 0, :1, :]), torch.zeros_like(p[..., 1, :, :1])
    return -(
        torch.diff(down, dim=-2, prepend=row, append=row)
        + torch.diff(right, dim=-1, prepend=column, append=column)
    )


def total_variation(x: Tensor) -> Tensor:
    """Return ``sum_i ||(∇ x)_i||_2`` of complex images, ``[..., height, width]``."""
    return torch.linalg.vector_norm(gradient(x), dim=-3).sum((-2, -1))


class TotalVariation(nn.Module):
    """Reconstruction of least total variation, by iterations that gradients pass through.

    It is called as an `UnrolledNetwork` is: an iteration is an unrolling step.

    Parameters
    ----------
    weight
        Weight w > 0 of the total variation, in units of the scan's scale.
    n_steps
        Number of iterations, >= 1.
    lam
        Weight λ = 1/(2τ) > 0 of the data-consistency step: how fast the iterations converge.

    Examples
    --------
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> z = A.normal(torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0)) + 0j)
    >>> x = TotalVariation(weight=0.1)(z, A)
    >>> bool(total_variation(x) < total_variation(z))
    True
    """

    # The weight of the best mean PSNR of clean validation slices 0 to 5 (128 x 128, 8 coils, rate
    # 0.25): 38.7 dB. λ and the number of iterations are the cheapest tried that leave less than
    # 1e-3 of the image to the limit, with and without a k-space attack of 2 %.
    def __init__(self, weight: float = 5e-4, *, n_steps: int = 50, lam: float = 0.05) -> None:
        super().__init__()
        self.weight = checks.positive("weight", weight)
        self.n_steps = checks.integer("n_steps", n_steps)
        self.lam = checks.positive("lam", lam)

    def consistency_step(self, A: SenseOperator | Step, solver: SolverName = "auto") -> Step:
        """Return the data-consistency step for some scans; a step as it is."""
        return as_step(A, self.lam, solver)

    def forward(
        self,
        z: Tensor,
        A: SenseOperator | Step,
        *,
        n_steps: int | None = None,
        trace: Trace | None = None,
    ) -> Tensor:
        """Reconstruct images, ``[batch, height, width]``: the last data-consistent iterate.

        ``z`` are zero-filled images ``A^H y``, complex; ``A`` the scan's operator, or a step, whose
        own λ then sets τ and s; ``trace`` collects x_n and d_n.
        """
        checks.optional(checks.instance, "trace", trace, kind=Trace)
        steps = self.n_steps if n_steps is None else checks.integer("n_steps", n_steps)
        step = self.consistency_step(A)
        step.operator.check_images("z", z, n_axes=(3,), dtype=step.operator.maps.dtype)
        tau, s = 1 / (2 * step.lam), step.lam / 4
        x, p = z, torch.zeros_like(gradient(z))
        for _ in range(steps):
            d = x - tau * gradient_adjoint(p)
            if trace is not None:
                trace.inputs.append(x)
                trace.denoised.append(d)
            consistent = step.apply(z, d)
            dual = self._projected(p + s * gradient(2 * consistent - x))
            x = torch.lerp(x, consistent, RELAXATION)
            p = torch.lerp(p, dual, RELAXATION)
        return consistent

    def _projected(self, p: Tensor) -> Tensor:
        """Return Π_w p. Where p is within the ball its length is not differentiated, even at 0."""
        # A norm of complex numbers along a short axis takes torch twenty times as long.
        squared = (p.real.square() + p.imag.square()).sum(-3, keepdim=True)
        return p * (self.weight * squared.clamp_min(self.weight**2).rsqrt())
