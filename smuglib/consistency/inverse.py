"""Inverses of many small Hermitian matrices, at the speed of matrix products.

LAPACK works on one matrix at a time, in columns too short to fill a vector unit. A recursion over
2 x 2 blocks does nearly all of the same arithmetic in batched matrix products. Its rounding errors
grow faster with the condition number; where that is large, LAPACK does the work.
"""

import torch
from torch import Tensor

LEAF = 32
"""Width at which LAPACK takes over, for shorter products are no faster."""

MAX_CONDITION = 50.0
"""Condition number up to which blocks are as accurate as LAPACK, to a factor of about 2."""


def hermitian_inverse(matrices: Tensor, condition: float) -> Tensor:
    """Invert Hermitian positive definite matrices by the fastest route that is accurate.

    They are real or complex, ``[..., n, n]``, and ``condition`` bounds their condition numbers.
    One that is not positive definite to rounding raises `torch.linalg.LinAlgError`.
    """
    return block_inverse(matrices) if condition <= MAX_CONDITION else cholesky_inverse(matrices)


def cholesky_inverse(matrices: Tensor, *, check_errors: bool = True) -> Tensor:
    """Invert Hermitian positive definite matrices by LAPACK; see `hermitian_inverse`."""
    factor, _ = torch.linalg.cholesky_ex(matrices, check_errors=check_errors)
    return torch.cholesky_inverse(factor)


def block_inverse(matrices: Tensor) -> Tensor:
    r"""Invert Hermitian positive definite matrices by block elimination; see `hermitian_inverse`.

    It is :eq:`eq-blocks` of the book, with the Schur complement :math:`S = C - B^H A^{-1} B`,

    .. math:: \begin{pmatrix} A & B \\ B^H & C \end{pmatrix}^{-1} = \begin{pmatrix}
        A^{-1} + W S^{-1} W^H & -W S^{-1} \\ -S^{-1} W^H & S^{-1} \end{pmatrix},
        \qquad W = A^{-1} B,

    of matrices again positive definite (Golub and Van Loan, Matrix Computations, section 4.2).
    """
    n = matrices.shape[-1]
    if n <= LEAF:
        # They are well conditioned, and to look for an error would be to wait for a GPU.
        return cholesky_inverse(matrices, check_errors=not matrices.is_cuda)
    top, rest = slice(None, n // 2), slice(n // 2, None)
    coupling = matrices[..., top, rest]
    leading = block_inverse(matrices[..., top, top])
    carried = leading @ coupling
    complement = block_inverse(matrices[..., rest, rest] - coupling.mH @ carried)
    corner = carried @ complement
    inverse = torch.empty_like(matrices)
    inverse[..., rest, rest] = complement
    inverse[..., top, rest] = corner.neg()
    inverse[..., rest, top] = corner.neg().mH
    inverse[..., top, top] = leading + corner @ carried.mH
    return inverse
