"""The largest eigenvalue of symmetric maps that are known by their products alone, a batch at once.

Lanczos' method (Golub and Van Loan, Matrix Computations, section 10.1): power iteration that takes
the best vector of the space its iterates span, in fewer products where eigenvalues crowd.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks
from smuglib.consistency.conjugate_gradients import ConvergenceWarning


@dataclass(frozen=True, eq=False)
class Eigenpair:
    """Eigenvalues, one a map of the batch, with the evidence for them.

    ``value``, float64, ``[batch]``, is never above the true one; ``vector`` has unit norm,
    ``[batch, n]``. An eigenvalue lies within the relative distance ``residual``, float64,
    ``[batch]``: ``||B v - value v|| / value``. ``n_products`` with B let every map converge.
    """

    value: Tensor
    vector: Tensor
    residual: Tensor
    n_products: int


def largest(
    product: Callable[[Tensor], Tensor], start: Tensor, *, tol: float = 0.02, max_iter: int = 50
) -> Eigenpair:
    """Return the largest eigenvalue of symmetric positive semi-definite maps.

    Parameters
    ----------
    product
        Applies the maps B, each to its vector: real, ``[batch, n]`` to the same shape.
    start
        Vectors to start from, ``[batch, n]``, with a part along the wanted eigenvector.
    tol, max_iter
        Relative residual at which a map stops, > 0, and most products (`ConvergenceWarning`).

    Examples
    --------
    >>> found = largest(lambda v: v * torch.tensor([1.0, 2.0, 5.0]), torch.ones(1, 3))
    >>> round(found.value.item(), 3)
    5.0
    """
    tol = checks.positive("tol", tol)
    basis, images = [_unit(start)], [product(_unit(start))]
    value, vector, residual = _ritz(basis, images)
    for _ in range(checks.integer("max_iter", max_iter) - 1):
        active = residual > tol
        if not active.any():
            break
        basis.append(_new_direction(basis, images[-1]))
        images.append(product(basis[-1]))
        found = _ritz(basis, images)
        # A map that has converged keeps its result: it must not depend on the rest of its batch.
        value, residual = (
            torch.where(active, new, old) for new, old in ((found[0], value), (found[2], residual))
        )
        vector = torch.where(active[:, None], found[1], vector)
    if (residual > tol).any():
        warnings.warn(
            f"Lanczos iteration stopped at max_iter={max_iter} with a relative residual of "
            f"{residual.max():.1e} (tol={tol:.1e})",
            ConvergenceWarning,
            stacklevel=2,
        )
    return Eigenpair(value, vector, residual, len(images))


def _ritz(basis: list[Tensor], images: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return value, vector and relative residual of the best eigenpair in the span of a basis."""
    vectors, products = torch.stack(basis, 1), torch.stack(images, 1)
    projected = (vectors @ products.mT).double()
    if not projected.isfinite().all():  # a map without finite products has no eigenvalue
        nothing = torch.full_like(projected[:, 0, 0], torch.nan)
        return nothing, basis[0], nothing
    values, weights = torch.linalg.eigh((projected + projected.mT) / 2)
    value, weight = values[:, -1], weights[:, None, :, -1].to(vectors.dtype)
    vector, image = (weight @ vectors).squeeze(1), (weight @ products).squeeze(1)
    error = torch.linalg.vector_norm(image.double() - value[:, None] * vector.double(), dim=1)
    return value, _unit(vector), error / value.clamp_min(torch.finfo(value.dtype).tiny)


def _new_direction(basis: list[Tensor], image: Tensor) -> Tensor:
    """Return the part of an image that is new to the basis, at unit norm."""
    known = torch.stack(basis, 1)
    for _ in range(2):  # the second pass removes what rounding left
        image = image - ((image.unsqueeze(1) @ known.mT) @ known).squeeze(1)
    return _unit(image)


def _unit(x: Tensor) -> Tensor:
    """Return every vector divided by its norm; zero stays zero."""
    norm = torch.linalg.vector_norm(x, dim=1, keepdim=True)
    return x / norm.clamp_min(torch.finfo(norm.dtype).tiny)
