"""The block inverse against LAPACK: accuracy, conditioning, and what it refuses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.consistency.inverse import (
    LEAF,
    MAX_CONDITION,
    block_inverse,
    cholesky_inverse,
    hermitian_inverse,
)
from tests.helpers import draw, few_examples, relative_difference


def positive_definite(n, smallest, *, batch=3):
    """Draw Hermitian matrices with eigenvalues from ``smallest`` to 1."""
    vectors = torch.linalg.qr(draw(batch, n, n)).Q
    values = torch.logspace(0, torch.tensor(smallest).log10().item(), n, dtype=torch.float64)
    return (vectors * values) @ vectors.mH


@few_examples
@given(n=st.integers(1, 3 * LEAF), batch=st.integers(1, 3))
def test_inverse_is_that_of_lapack_for_every_width(n, batch):
    matrices = positive_definite(n, 0.5, batch=batch)
    inverse = block_inverse(matrices)
    assert inverse.shape == matrices.shape
    assert relative_difference(inverse, torch.linalg.inv(matrices)) < 1e-13
    assert relative_difference(inverse, inverse.mH) < 1e-14


@pytest.mark.parametrize("condition", [2.0, 10.0, MAX_CONDITION])
def test_blocks_are_about_as_accurate_as_lapack_up_to_the_largest_condition(condition):
    rounded = positive_definite(128, 1 / condition, batch=8).to(torch.complex64)
    exact = torch.linalg.inv(rounded.to(torch.complex128))
    errors = [
        relative_difference(inverse(rounded).to(torch.complex128), exact)
        for inverse in (block_inverse, cholesky_inverse)
    ]
    assert errors[0] < 3 * errors[1]
    assert errors[1] < 1e-7 * condition


def test_the_condition_chooses_the_route():
    matrices = positive_definite(2 * LEAF, 0.5)
    for condition, inverse in ((MAX_CONDITION, block_inverse), (51.0, cholesky_inverse)):
        assert torch.equal(hermitian_inverse(matrices, condition), inverse(matrices))
    assert not torch.equal(block_inverse(matrices), cholesky_inverse(matrices))


def test_real_matrices_and_further_axes():
    matrices = positive_definite(2 * LEAF, 0.5, batch=4).real.reshape(2, 2, 2 * LEAF, 2 * LEAF)
    matrices = matrices + 0.1 * torch.eye(2 * LEAF, dtype=torch.float64)
    assert relative_difference(block_inverse(matrices), torch.linalg.inv(matrices)) < 1e-12


@pytest.mark.parametrize("n", [LEAF, 2 * LEAF])
def test_an_indefinite_matrix_is_refused(n):
    matrices = positive_definite(n, 0.5)
    matrices[1, -1, -1] = -1
    with pytest.raises(torch.linalg.LinAlgError, match="not positive-definite"):
        block_inverse(matrices)
