"""The line-wise and the conjugate-gradient solver, against dense linear algebra and each other."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.consistency import (
    CGSolver,
    ConvergenceWarning,
    DataConsistency,
    LinewiseSolver,
    PrecisionWarning,
    linewise,
)
from smuglib.consistency.inverse import hermitian_inverse
from smuglib.consistency.linewise import line_matrices
from tests.helpers import (
    columns_of,
    dense_solution,
    draw,
    few_examples,
    line_mask,
    normal_matrix,
    plane_mask,
    relative_difference,
    sense,
)

LINE = sense(line_mask("01101001", "10110010"), batch=2)
PLANE = sense(plane_mask(5, 8), batch=2)
SOLVERS = [("linewise", LINE), ("cg", LINE), ("cg", PLANE)]
each_solver = pytest.mark.parametrize(
    ("solver", "A"), SOLVERS, ids=["linewise", "cg-line", "cg-plane"]
)


@pytest.mark.parametrize("scan", [0, 1])
def test_line_matrices_are_the_whole_of_the_normal_operator(scan):
    one = sense(LINE.mask[scan : scan + 1])
    by_columns = columns_of(one.normal, 1, 5, 8).reshape(5, 8, 5, 8)
    lines = line_matrices(one)[0].numpy()
    for h, other in np.ndindex(5, 5):
        expected = lines[h] if h == other else np.zeros((8, 8))
        np.testing.assert_allclose(by_columns[h, :, other], expected, atol=1e-14)
    assert relative_difference(line_matrices(one), line_matrices(one).mH) < 1e-14


@each_solver
@pytest.mark.parametrize("lam", [0.05, 1.0, 20.0])
def test_solution_is_that_of_the_dense_system(solver, A, lam):
    z, d = draw(2, 5, 8, key="z"), draw(2, 5, 8, key="d")
    expected = dense_solution(A, z, d, lam)
    fixed = DataConsistency(A, lam, solver, tol=1e-12)
    weight = torch.tensor(lam, dtype=torch.float64, requires_grad=True)
    learned = DataConsistency(A, weight, solver, tol=1e-12)
    assert relative_difference(fixed(z, d), expected) < 1e-11
    assert relative_difference(learned(z, d), expected) < 1e-11


@few_examples
@given(
    height=st.integers(1, 9),
    width=st.integers(2, 12),
    n_coils=st.integers(1, 4),
    lam=st.floats(0.1, 10),
    columns=st.integers(1, 2**12 - 1),
)
def test_linewise_and_cg_agree(height, width, n_coils, lam, columns):
    mask = line_mask(format(columns | 2048, "012b")[:width])
    A = sense(mask, n_coils=n_coils, height=height)
    z, d = draw(1, height, width, key="z"), draw(1, height, width, key="d")
    exact = DataConsistency(A, lam, "linewise")(z, d)
    assert relative_difference(DataConsistency(A, lam, "cg", tol=1e-12)(z, d), exact) <= 1e-10
    single = A.to(torch.complex64)
    z, d = z.to(torch.complex64), d.to(torch.complex64)
    for solver in ("linewise", "cg"):
        x = DataConsistency(single, lam, solver)(z, d)
        assert x.dtype == torch.complex64
        assert relative_difference(x.to(torch.complex128), exact) <= 1e-5


@each_solver
def test_gradients_for_z_d_and_lam(solver, A):
    small = sense(A.mask[:1, :, :2, :3], height=2)
    z, d = (draw(1, 2, 3, key=key).requires_grad_() for key in "zd")
    lam = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)

    def solve(z, d, lam):
        return DataConsistency(small, lam, solver, tol=1e-12)(z, d)

    assert torch.autograd.gradcheck(solve, (z, d, lam))
    assert torch.autograd.gradgradcheck(solve, (z, d, lam), fast_mode=True)


@each_solver
def test_gradients_are_those_of_the_dense_solution(solver, A):
    z, d = (draw(2, 5, 8, key=key).requires_grad_() for key in "zd")
    lam = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
    upstream = draw(2, 5, 8, key="upstream")
    matrices = torch.stack([torch.from_numpy(normal_matrix(A, scan)) for scan in (0, 1)])
    rhs = (z + lam * d).flatten(1)
    dense = torch.linalg.solve(matrices + lam * torch.eye(40, dtype=torch.complex128), rhs)
    expected = torch.autograd.grad(dense.reshape(z.shape), (z, d, lam), upstream)
    x = DataConsistency(A, lam, solver, tol=1e-13)(z, d)
    for ours, theirs in zip(torch.autograd.grad(x, (z, d, lam), upstream), expected, strict=True):
        assert relative_difference(ours, theirs) < 1e-11


@each_solver
def test_noise_samples_are_solved_one_by_one(solver, A):
    dc = DataConsistency(A, 0.7, solver, tol=1e-12)
    z, d = draw(2, 5, 8, key="z"), draw(2, 3, 5, 8, key="d")
    both, of_d, of_z = dc(d.flip(1), d), dc(z, d), dc(d, z)
    assert both.shape == of_d.shape == of_z.shape == d.shape
    for sample in range(3):
        assert relative_difference(both[:, sample], dc(d[:, 2 - sample], d[:, sample])) < 1e-13
        assert relative_difference(of_d[:, sample], dc(z, d[:, sample])) < 1e-13
        assert relative_difference(of_z[:, sample], dc(d[:, sample], z)) < 1e-13


@each_solver
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_an_image_does_not_depend_on_its_batch(solver, A, dtype):
    # A loose tolerance and neighbours of other sizes: a stopping rule of the batch would show.
    rhs = draw(2, 3, 5, 8, dtype=dtype) * torch.tensor([1e3, 1.0, 1e-3])[:, None, None]
    dc = DataConsistency(A.to(dtype), 0.3, solver, tol=1e-2)
    together = dc.solve(rhs)
    for scan, sample in np.ndindex(2, 3):
        mask = A.mask[scan : scan + 1] if len(A.mask) > 1 else A.mask
        alone = type(A)(A.maps[scan : scan + 1].to(dtype), mask)
        x = DataConsistency(alone, 0.3, solver, tol=1e-2).solve(rhs[scan : scan + 1, sample])
        assert relative_difference(x[0], together[scan, sample]) < 100 * torch.finfo(dtype).eps


def joint_cg(matrices, rhs, n_iterations):
    """Textbook conjugate gradients on one block-diagonal system, after so many iterations."""
    whole = np.zeros((rhs.size, rhs.size), dtype=complex)
    for k, matrix in enumerate(matrices):
        whole[40 * k : 40 * (k + 1), 40 * k : 40 * (k + 1)] = matrix
    x, r = np.zeros(rhs.size, dtype=complex), rhs.flatten()
    p = r
    for _ in range(n_iterations):
        step = np.vdot(r, r) / np.vdot(p, whole @ p)
        x, new = x + step * p, r - step * (whole @ p)
        p, r = new + np.vdot(new, new) / np.vdot(r, r) * p, new
    return x.reshape(rhs.shape)


@pytest.mark.parametrize("n_iterations", [1, 3])
def test_coupled_cg_solves_the_batch_as_one_system(n_iterations):
    rhs = draw(2, 3, 5, 8) * torch.tensor([1e3, 1.0, 1e-3])[:, None, None]
    blocks = [normal_matrix(PLANE, scan) + 0.7 * np.eye(40) for scan in (0, 1) for _ in range(3)]
    expected = torch.from_numpy(joint_cg(blocks, rhs.numpy(), n_iterations))
    coupled = DataConsistency(PLANE, 0.7, "cg_coupled", tol=1e-14, max_iter=n_iterations)
    with pytest.warns(ConvergenceWarning):
        x = coupled.solve(rhs)
    assert relative_difference(x, expected) < 1e-12
    with pytest.warns(ConvergenceWarning):
        alone = CGSolver(PLANE, tol=1e-14, max_iter=n_iterations).solve(rhs, torch.tensor(0.7))
    assert relative_difference(alone, expected) > 1e-3


def test_coupled_cg_makes_an_image_depend_on_its_neighbours():
    rhs, other = draw(2, 1, 5, 8), draw(2, 1, 5, 8)
    other[0] = rhs[0]
    other[1] *= 1e3
    for tol, least, most in ((1e-2, 1e-3, 1.0), (1e-13, 0.0, 1e-9)):
        dc = DataConsistency(PLANE, 0.7, "cg_coupled", tol=tol)
        change = relative_difference(dc.solve(other)[0], dc.solve(rhs)[0])
        assert least <= change <= most
    expected = dense_solution(PLANE, rhs[:, 0], torch.zeros_like(rhs[:, 0]), 0.7)
    assert relative_difference(dc.solve(rhs)[:, 0], expected) < 1e-11


def test_cg_stops_each_image_at_the_tolerance():
    rhs = draw(2, 3, 5, 8)
    for tol in (1e-2, 1e-6):
        x = CGSolver(PLANE, tol=tol).solve(rhs, torch.tensor(0.7))
        residual = rhs - PLANE.normal(x) - 0.7 * x
        relative = residual.norm(dim=(-2, -1)) / rhs.norm(dim=(-2, -1))
        # Below the tolerance, yet not solved much further than asked.
        assert (relative <= tol * (1 + 1e-6)).all()
        assert (relative > tol * 1e-3).all()


def test_cg_warns_at_the_cap_and_only_there():
    z = draw(2, 5, 8)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .* \(tol=1.0e-12\)"):
        DataConsistency(PLANE, 0.1, "cg", tol=1e-12, max_iter=2)(z, z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        DataConsistency(PLANE, 0.1, "cg", tol=1e-12, max_iter=60)(z, z)


@each_solver
def test_zero_and_non_finite_images(solver, A):
    rhs = draw(2, 3, 5, 8)
    rhs[0, 0] = 0
    rhs[1, 1, 2, 3] = torch.nan
    rhs[1, 2, 2, 3] = torch.inf
    x = DataConsistency(A, 0.7, solver).solve(rhs)
    assert not x[0, 0].any()
    assert not x[1, 1:].isfinite().all(-1).all(-1).any()
    assert x[0].isfinite().all()
    assert x[1, 0].isfinite().all()


@each_solver
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_a_non_finite_image_alone_is_not_solved_by_zeros(solver, A, value):
    rhs = draw(2, 5, 8)
    rhs[:, 2, 3] = value
    assert not DataConsistency(A, 0.7, solver).solve(rhs).isfinite().flatten(1).all(1).any()


def test_linewise_refuses_a_lam_that_rounding_swallows():
    # One coil: A^H A has a null space, and float32 rounding makes it indefinite.
    maps = torch.ones(1, 1, 16, 32, dtype=torch.complex64)
    A = type(LINE)(maps, line_mask("0" * 10 + "1" * 8 + "0" * 14))
    z = draw(1, 16, 32, dtype=torch.complex64)
    with pytest.warns(PrecisionWarning):
        step = DataConsistency(A, 1e-8, "linewise")
    with pytest.raises(ValueError, match="lam=1e-08 is too small for torch.complex64"):
        step(z, z)


def test_factors_are_computed_once_and_follow_lam(monkeypatch):
    calls = []
    monkeypatch.setattr(
        linewise, "hermitian_inverse", lambda *x: calls.append(1) or hermitian_inverse(*x)
    )
    solver, rhs = LinewiseSolver(LINE), draw(2, 1, 5, 8)
    assert solver.n_bytes == 0
    first = solver.solve(rhs, torch.tensor(0.5))
    assert torch.equal(solver.solve(rhs, torch.tensor(0.5)), first)
    assert len(calls) == 1
    assert not torch.allclose(solver.solve(rhs, torch.tensor(1.5)), first)
    assert len(calls) == 2
    assert solver.n_bytes == 2 * 5 * 8**2 * 16


@pytest.mark.parametrize("n_lines", [1, 2, 3])
def test_factors_do_not_depend_on_how_many_lines_are_factored_at_once(monkeypatch, n_lines):
    whole = LinewiseSolver(LINE).inverse(0.5)
    monkeypatch.setattr(linewise, "CPU_CHUNK_BYTES", n_lines * 2 * 8**2 * 16)
    chunked = LinewiseSolver(LINE).inverse(0.5)
    assert relative_difference(chunked, whole) < 1e-14
