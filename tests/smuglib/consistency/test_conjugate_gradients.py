"""Both solvers over shapes, masks and λ from 1e-3 to 1e3: residuals, symmetry, gradients."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.consistency import CGSolver, DataConsistency, LinewiseSolver
from smuglib.consistency.conjugate_gradients import ConvergenceWarning
from tests.helpers import few_examples, line_mask, sense
from tests.strategies import images, keys, operators, rounding

double = st.just(torch.complex128)
any_mask = operators(dtypes=double)
lam_decades = st.floats(-3, 3)


def inner(x, y):
    return torch.vdot(x.flatten(), y.flatten())


def residual(A, x, rhs, lam):
    return (rhs - A.normal(x) - lam * x).norm(dim=(-2, -1)) / rhs.norm(dim=(-2, -1))


@few_examples
@given(A=any_mask, decade=lam_decades, tol=st.sampled_from([1e-3, 1e-8]), key=keys)
def test_cg_stops_below_its_tolerance(A, decade, tol, key):
    rhs, lam = images(A, 2, key), 10.0**decade
    x = CGSolver(A, tol=tol, max_iter=2000).solve(rhs, torch.tensor(lam, dtype=torch.float64))
    assert (residual(A, x, rhs, lam) <= tol * (1 + 1e-4)).all()


@few_examples
@given(A=any_mask, decade=st.floats(-2, 1), tol=st.sampled_from([1e-2, 1e-6]), key=keys)
def test_cg_iterates_no_more_than_its_tolerance_asks(A, decade, tol, key):
    rhs, lam, applied = images(A, 2, key), torch.tensor(10.0**decade).double(), []
    normal = A.normal_operator
    A.__dict__["normal_operator"] = lambda x: applied.append(1) or normal(x)
    CGSolver(A, tol=tol, max_iter=2000).solve(rhs, lam)
    if len(applied) > 1:
        with pytest.warns(ConvergenceWarning, match="relative residual"):
            x = CGSolver(A, tol=tol, max_iter=len(applied) - 1).solve(rhs, lam)
        assert (residual(A, x, rhs, lam) > tol * (1 - 1e-4)).any()


@pytest.mark.parametrize("coupled", [False, True])
def test_the_size_of_an_image_changes_nothing_but_that_of_its_solution(coupled):
    """Squares of such sizes leave single precision; each image is scaled on its own."""
    A, lam = sense(mask=line_mask("1101001101"), dtype=torch.complex64), torch.tensor(0.5)
    sizes = torch.tensor([1e-25, 1.0, 1e25])[:, None, None]
    rhs = torch.ones(1, 3, *A.image_shape[1:], dtype=torch.complex64)
    solver = CGSolver(A, coupled=coupled)
    if coupled:  # all images of a batch share their inner products: one size for all
        found = [solver.solve(size * rhs, lam) / size for size in sizes.flatten()]
    else:
        found = (solver.solve(sizes * rhs, lam) / sizes)[0]
    for one in found:
        # Sizes that are no powers of two are rounded once.
        torch.testing.assert_close(one, found[1], rtol=1e-5, atol=1e-6)


@few_examples
@given(A=operators(lines_only=True), decade=lam_decades, key=keys)
def test_linewise_leaves_a_residual_of_rounding_and_learned_lam_changes_nothing(A, decade, key):
    rhs, lam = images(A, 2, key), torch.tensor(10.0**decade, dtype=A.maps.real.dtype)
    condition = 1 + A.norm_bound / lam.item()
    solver = LinewiseSolver(A)
    fixed, learned = solver.solve(rhs, lam), solver.solve(rhs, lam.clone().requires_grad_())
    bound = rounding(A.maps.dtype, 20) * condition
    for x in (fixed, learned.detach()):
        assert (residual(A, x, rhs, lam) <= bound).all()


@few_examples
@given(A=operators(lines_only=True, dtypes=double), decade=lam_decades, key=keys)
def test_linewise_is_cg(A, decade, key):
    rhs, lam = images(A, 0, key), 10.0**decade
    exact, iterated = (
        DataConsistency(A, lam, solver, tol=1e-12, max_iter=2000).solve(rhs)
        for solver in ("linewise", "cg")
    )
    # A residual of tol is an error of at most tol times the condition number.
    assert (iterated - exact).norm() <= 1e-11 * (1 + A.norm_bound / lam) * exact.norm()


@few_examples
@given(A=any_mask, decade=lam_decades, key=keys)
def test_the_inverse_is_hermitian_and_its_eigenvalues_lie_where_they_must(A, decade, key):
    lam = 10.0**decade
    step = DataConsistency(A, lam, tol=1e-12, max_iter=2000)
    x, y = images(A, 0, ("x", key)), images(A, 0, ("y", key))
    solved = step.solve(x)
    size = x.norm() * y.norm() / lam
    assert abs(inner(y, solved) - inner(step.solve(y), x)) <= 1e-9 * size
    quotient = inner(x, solved).real / inner(x, x).real
    assert (1 - 1e-9) / (A.norm_bound + lam) <= quotient <= (1 + 1e-9) / lam


@few_examples
@given(A=any_mask, decade=lam_decades, samples=st.integers(0, 2), key=keys)
def test_gradients_are_finite_differences(A, decade, samples, key):
    z, d = images(A, 0, ("z", key)), images(A, samples, ("d", key))
    lam = torch.tensor(10.0**decade, dtype=torch.float64)
    weights = images(A, samples, ("weights", key))
    inputs = [z.requires_grad_(), d.requires_grad_(), lam.requires_grad_()]

    def loss(z, d, lam):
        x = DataConsistency(A, lam, tol=1e-13, max_iter=2000)(z, d)
        return inner(weights, x).real

    gradients = torch.autograd.grad(loss(*inputs), inputs)
    with torch.no_grad():
        for index, (point, gradient) in enumerate(zip(inputs, gradients, strict=True)):
            # Along the gradient itself the slope is its squared norm: nothing cancels.
            h = 1e-4 * point.norm() / gradient.norm()
            up, down = (
                loss(*inputs[:index], point + sign * h * gradient, *inputs[index + 1 :])
                for sign in (1, -1)
            )
            slope = ((up - down) / (2 * h)).item()
            expected = gradient.norm().square().item()
            scale = (up.abs() + down.abs()).item() / (2 * h.item())
            assert abs(slope - expected) <= 1e-6 * expected + 1e-10 * scale


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"A": None}, "^A must be a SenseOperator"),
        ({"tol": 0}, "^tol must be > 0"),
        ({"max_iter": 0}, "^max_iter must be an integer >= 1"),
        ({"coupled": "no"}, "^coupled must be True or False"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises((TypeError, ValueError), match=message):
        CGSolver(**{"A": sense(line_mask("0110"))} | settings)
    if "A" in settings:
        with pytest.raises(TypeError, match=message):
            LinewiseSolver(**settings)
