"""The largest singular value of a reconstruction's Jacobian."""

from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import random
from smuglib.analysis import lanczos
from smuglib.analysis.linearization import Linearization, reconstruction, support_of
from smuglib.consistency.step import DataConsistency
from smuglib.models.reconstruction import frozen
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.operators.sense import SenseOperator


@dataclass(frozen=True, eq=False)
class JacobianNorm:
    """The largest singular value of a Jacobian, scan by scan.

    Parameters
    ----------
    value, direction, response
        Singular values σ_1, ``[batch]``; their right singular vectors, complex, of the shape of
        the input, unit norm a scan; and ``J direction``, ``[batch, height, width]``.
    residual
        ``||J^H J v - σ² v|| / σ²``, ``[batch]``: a singular value lies within that relative
        distance of σ², half of it for σ.
    n_iterations
        Products with ``J^H J`` until every scan had converged.
    """

    value: Tensor
    direction: Tensor
    response: Tensor
    residual: Tensor
    n_iterations: int


def jacobian_norm(
    net: UnrolledNetwork,
    point: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    domain: str = "image",
    n_samples: int | None = None,
    unrolling_steps: int | None = None,
    tol: float = 0.02,
    max_iter: int = 50,
    seed: int = 0,
) -> JacobianNorm:
    """Return the largest singular value of the reconstruction's Jacobian at a point.

    :eq:`eq-jacobian` of the book, by `lanczos` on ``J^H J``, one a scan. The graph of the whole
    reconstruction stays in memory: for many noise samples give few scans.

    Parameters
    ----------
    point, domain
        Zero-filled images z, ``[batch, height, width]`` (``"image"``), or k-space y, ``[batch,
        coil, height, width]`` (``"kspace"``: with respect to the sampled entries only), complex.
    tol, max_iter
        Stop a scan at this relative residual of ``J^H J v = σ² v``, > 0, or, with a
        `ConvergenceWarning`, after so many products.
    seed
        Names the noise samples and the start.
    """
    support = support_of(net, point, A, domain)
    function = reconstruction(
        net, A, domain=domain, n_samples=n_samples, unrolling_steps=unrolling_steps, seed=seed
    )
    draws = random.generator(seed, "stability", "start", device=point.device)
    start = random.complex_normal(point.shape, 1.0, draws, point) * support
    with frozen(net):
        jacobian = Linearization(function, point)

        def product(v: Tensor) -> Tensor:
            return _packed(jacobian.pull(jacobian.push(_unpacked(v, point))))

        found = lanczos.largest(product, _packed(start), tol=tol, max_iter=max_iter)
        direction = _unpacked(found.vector, point)
        response = jacobian.push(direction)
    usable = (found.value > 0) & found.value.isfinite()
    if not usable.all():
        scans = (~usable).nonzero().flatten().tolist()
        raise RuntimeError(f"the Jacobian is zero or not finite for scans {scans} of the batch")
    return JacobianNorm(found.value.sqrt(), direction, response, found.residual, found.n_products)


def _packed(x: Tensor) -> Tensor:
    """Return complex tensors as real vectors, ``[batch, n]``."""
    return torch.view_as_real(x.resolve_conj()).flatten(1)


def _unpacked(x: Tensor, like: Tensor) -> Tensor:
    """Return real vectors as complex tensors of a shape."""
    return torch.view_as_complex(x.reshape(*like.shape, 2))
