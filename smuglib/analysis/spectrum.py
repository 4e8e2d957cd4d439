r"""The spectrum of ``A^H A``, and what repeated data consistency does along each eigenvector.

Let ``δ`` be added to ``z = A^H y``, along an eigenvector of ``A^H A`` of eigenvalue g. A denoiser
that passes the change of its input with slope c turns the unrolled loop into a scalar recursion
for the change ``e_n`` of the iterates,

.. math:: e_0 = \delta, \quad e_{n+1} = \frac{\delta + \lambda c\, e_n}{g + \lambda},

with one solution:

.. math:: \frac{e_N}{\delta} = r^N + \frac{1}{g + \lambda} \sum_{n=0}^{N-1} r^n, \quad
    r = \frac{\lambda c}{g + \lambda}.

With c = 1 this is ``1 + N/λ`` for g = 0 and tends to ``1/g`` for many steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks
from smuglib.consistency.linewise import LinewiseSolver
from smuglib.operators.sense import SenseOperator


def gain(eigenvalue: Tensor, n_steps: int, *, lam: float = 1.0, slope: float = 1.0) -> Tensor:
    """Return the gain ``e_N / δ`` of an unrolled network along eigenvectors of ``A^H A``.

    :eq:`eq-gain` and :eq:`eq-recursion` of the book; ``eigenvalue`` is g >= 0, real, of any shape,
    that of the result, ``n_steps`` N, ``lam`` λ > 0 and ``slope`` c, 1 for the identity.

    Examples
    --------
    >>> gain(torch.tensor([0.0, 1.0]), 8).tolist()  # 1 + N/λ where nothing is measured
    [9.0, 1.0]
    """
    lam, slope = checks.positive("lam", lam), checks.real_number("slope", slope)
    change = torch.ones_like(checks.real_tensor("eigenvalue", eigenvalue))
    for _ in range(checks.integer("n_steps", n_steps)):
        change = (1 + lam * slope * change) / (eigenvalue + lam)
    return change


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Eigenvalues and eigenvectors of ``A^H A`` for a 1-D Cartesian mask, image row by row.

    ``values`` g >= 0 rise along each row, ``[batch, height, width]``; the columns of ``vectors``,
    ``[batch, height, width, width]``, are orthonormal.
    """

    values: Tensor
    vectors: Tensor

    @classmethod
    def of(cls, A: SenseOperator) -> Spectrum:
        """Compute the spectrum of an operator with a 1-D Cartesian mask."""
        return cls(*LinewiseSolver(A).eigen())

    def coefficients(self, x: Tensor) -> Tensor:
        """Return the components of complex images along the eigenvectors, as ``values`` lie."""
        return self._coefficients("x", x)

    def _coefficients(self, name: str, x: Tensor) -> Tensor:
        checks.same_shape(name, checks.complex_tensor(name, x), "the eigenvalues", self.values)
        checks.same_dtype(name, x, "the eigenvectors", self.vectors)
        return (self.vectors.mH @ x.unsqueeze(-1)).squeeze(-1)

    def apply(self, response: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
        """Scale components along eigenvectors by a function of g: ``lambda g: g`` is ``A^H A``."""
        scaled = response(self.values) * self.coefficients(x)
        return (self.vectors @ scaled.unsqueeze(-1)).squeeze(-1)

    def energy(self, x: Tensor, edges: Tensor) -> Tensor:
        """Return the energy ``||x||^2`` of images, split by eigenvalue, float64, ``[bin]``.

        ``edges`` are the inner borders, rising, ``[bin - 1]``: the outer bins are open.
        """
        return self._binned(self.coefficients(x).abs().double().square(), edges)

    def counts(self, edges: Tensor) -> Tensor:
        """Return the number of eigenvalues in each bin, float64, ``[bin]``; see `energy`."""
        return self._binned(torch.ones_like(self.values, dtype=torch.float64), edges)

    def _binned(self, weights: Tensor, edges: Tensor) -> Tensor:
        checks.real_tensor("edges", edges, n_axes=(1,))
        bins = torch.bucketize(self.values, edges.to(self.values))
        return torch.bincount(bins.flatten(), weights.flatten(), minlength=len(edges) + 1)

    def measurement_norm(self, delta: Tensor, floor: float) -> Tensor:
        """Return the least ``||η||_2`` of a measurement error with ``A^H η = δ``, ``[batch]``.

        Components of δ of eigenvalue below ``floor`` > 0 count as if theirs were ``floor``: a lower
        bound of the true price, which grows without limit for what ``A^H`` cannot reach.
        """
        floor = checks.positive("floor", floor)
        energy = self._coefficients("delta", delta).abs().double().square()
        return (energy / self.values.double().clamp_min(floor)).sum((-2, -1)).sqrt()
