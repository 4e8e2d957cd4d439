r"""A defence without training: filter the zero-filled image by what a measurement can produce.

Data consistency amplifies a change δ of ``z = A^H y`` most along eigenvectors of ``A^H A`` with a
small eigenvalue g (`spectrum.gain`), along which a measurement error must be large to cause δ at
all (`reachable`). So little is measured there that a network loses next to nothing if it takes
those directions for not measured:

.. math:: z \to P z, \qquad x_{n+1} = d_n + P\big(D_\lambda(P z, d_n) - d_n\big),

with P the projection to ``g >= floor`` and :math:`D_\lambda` the data-consistency step. It is
the data consistency of :math:`P A^H A P`: elsewhere the iterate is the denoised image.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from torch import Tensor

from smuglib import checks
from smuglib.consistency import DataConsistency, cached
from smuglib.models import UnrolledNetwork
from smuglib.operators import SenseOperator
from smuglib.reachable import Reachable


def realizable(z: Tensor, A: SenseOperator, floor: float) -> Tensor:
    """Remove from zero-filled images what no affordable measurement error causes.

    Parameters
    ----------
    z
        Zero-filled images, complex, ``[batch, height, width]``; gradients pass.
    A
        Their operator, with a 1-D Cartesian mask.
    floor
        Least eigenvalue g of ``A^H A`` of the directions that stay, in (0, 1].

    Returns
    -------
    Tensor
        ``P z``, of the shape of ``z``.

    Raises
    ------
    TypeError
        If ``z`` is not complex.
    ValueError
        If a shape does not fit, the floor is out of range or the mask is not 1-D Cartesian.
    """
    checks.complex_tensor("z", z, n_axes=(3,))
    A.check_images("z", z)
    return Reachable(A, floor)(z)


class Filtered(UnrolledNetwork):
    """An unrolled network that takes directions out of reach for not measured.

    It is differentiable, and attacked like any other network: what an attack adds along those
    directions has no effect and no gradient.

    Parameters
    ----------
    net
        The network; its denoiser is shared, not copied.
    floor
        Least eigenvalue g of ``A^H A`` of the directions that are kept, in (0, 1].
    consistent
        Take them for not measured in data consistency too. Without, only ``z`` is filtered, and
        every data-consistency step shrinks the image there by ``λ / (g + λ)``.

    Raises
    ------
    ValueError
        If the floor is out of range or ``consistent`` not a boolean.
    """

    def __init__(self, net: UnrolledNetwork, floor: float, *, consistent: bool = True) -> None:
        super().__init__(
            net.denoiser,
            n_steps=net.n_steps,
            lam=net.lam,
            smoothing=net.smoothing,
            checkpoint=net.checkpoint,
        )
        self.floor = checks.fraction("floor", floor)
        self.consistent = checks.boolean("consistent", consistent)
        self._kept: WeakKeyDictionary[SenseOperator, Reachable] = WeakKeyDictionary()

    def forward(self, z: Tensor, A: SenseOperator | DataConsistency, **settings: Any) -> Tensor:  # noqa: ANN401
        """Reconstruct from the filtered image; see `UnrolledNetwork.forward`."""
        checks.complex_tensor("z", z, n_axes=(3,))
        step = cached(A, self.lam)
        step.check_images("z", z)
        if step.operator not in self._kept:
            self._kept[step.operator] = Reachable(step.operator, self.floor)
        reachable = self._kept[step.operator]
        step = _Partial(step, reachable) if self.consistent else step
        return super().forward(reachable(z), step, **settings)


class _Partial(DataConsistency):
    """Data consistency along the reachable directions alone."""

    def __init__(self, step: DataConsistency, reachable: Reachable) -> None:
        vars(self).update(vars(step))
        self._step, self._reachable = step, reachable

    def __call__(self, z: Tensor, d: Tensor) -> Tensor:
        # The step's own call, which may cut gradients for an attack.
        return d + self._reachable(self._step(z, d) - d)
