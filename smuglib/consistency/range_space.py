"""The changes of the zero-filled image that a measurement error causes at a bounded price.

Along an eigenvector of ``A^H A`` of eigenvalue g the least measurement error η with
``A^H η = δ`` has the norm ``||δ|| / √g``, and for g = 0 there is none.
"""

from torch import Tensor

from smuglib import checks
from smuglib.consistency import linewise
from smuglib.operators.sense import SenseOperator


class RangeSpace:
    """The orthogonal projection to all eigenvectors of ``A^H A`` with ``g >= floor``.

    Such a change costs at most ``1 / √floor`` of its own norm in measurement error. The mask of
    ``A`` is 1-D Cartesian, and ``floor`` in (0, 1] at most each scan's largest eigenvalue.

    Examples
    --------
    >>> import torch
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(torch.full((1, 4, 16, 16), 0.5 + 0j), mask)
    >>> x = torch.randn(1, 16, 16, generator=torch.Generator().manual_seed(0)) + 0j
    >>> once = RangeSpace(A, floor=0.1)(x)
    >>> (RangeSpace(A, floor=0.1)(once) - once).abs().max().item() < 1e-5
    True
    """

    def __init__(self, A: SenseOperator, floor: float) -> None:
        checks.instance("A", A, SenseOperator)
        floor = checks.fraction("floor", floor)
        values, vectors = linewise.linewise(A).eigen()
        kept = values >= floor
        self.dimension = kept.sum((-2, -1))
        if (self.dimension == 0).any():
            largest = f"the largest eigenvalue of A^H A, {values.max():.3g}"
            raise ValueError(f"floor must be at most {largest}, got {floor!r}")
        self._matrices = (vectors * kept.unsqueeze(-2)) @ vectors.mH

    def __call__(self, x: Tensor) -> Tensor:
        """Project images, ``[batch, height, width]`` or ``[batch, sample, height, width]``."""
        checks.complex_tensor("x", x, n_axes=(3, 4))
        batch, height, width, _ = self._matrices.shape
        if (x.shape[0], *x.shape[-2:]) != (batch, height, width) or x.dtype != self._matrices.dtype:
            wanted = f"[{batch}, (sample,) {height}, {width}] and dtype {self._matrices.dtype}"
            raise ValueError(f"x must have shape {wanted}, got {tuple(x.shape)} and {x.dtype}")
        lines = x.reshape(batch, -1, height, width).transpose(1, 2)
        return (lines @ self._matrices.mT).transpose(1, 2).reshape(x.shape)
