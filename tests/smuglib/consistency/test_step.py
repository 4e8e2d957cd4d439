"""The data-consistency step: the choice of its solver, its memory, and what it refuses."""

import gc
import weakref
from types import SimpleNamespace

import pytest
import torch

from smuglib.consistency import ConvergenceWarning, DataConsistency, linewise
from smuglib.consistency.step import CutStep, MismatchedStep, as_step
from tests.helpers import draw, line_mask, plane_mask, relative_difference, sense

LINE = sense(line_mask("01101001"))
PLANE = sense(plane_mask(5, 8))
Z, D = draw(1, 5, 8, key="z"), draw(1, 5, 8, key="d")


def test_auto_is_linewise_for_whole_columns_and_says_why():
    dc = DataConsistency(LINE)
    assert (dc.solver, dc.reason) == ("linewise", "1-D Cartesian mask: exact, factored once")
    assert dc.operator is LINE
    assert torch.equal(dc(Z, D), DataConsistency(LINE, solver="linewise")(Z, D))


def test_a_mismatched_step_solves_with_the_mask_that_is_believed():
    other = sense(line_mask("11100101"))
    step = DataConsistency(LINE, 0.7)
    mixed = MismatchedStep(step, other)
    assert mixed.operator is other
    assert step.operator is LINE
    assert torch.equal(mixed.apply(Z, D), step(Z, D))
    assert mixed.lam is step.lam
    with pytest.raises(ValueError, match="measured maps"):
        MismatchedStep(step, sense(line_mask("011010011")))


def test_a_cut_step_is_the_step_without_the_gradient_of_the_data():
    step = DataConsistency(LINE, 0.7)
    cut = CutStep(step)
    assert cut.operator is LINE and cut.lam is step.lam
    z, d = Z.clone().requires_grad_(), D.clone().requires_grad_()
    x = cut.apply(z, d)
    assert torch.equal(x, step(Z, D))
    of_z, of_d = torch.autograd.grad(x.abs().sum(), (z, d), allow_unused=True)
    assert of_z is None
    assert torch.equal(of_d, torch.autograd.grad(step(Z, d).abs().sum(), d)[0])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch, in its own forward mode
@pytest.mark.parametrize("solver", ["linewise", "cg"])
def test_slope_along_lam(solver):
    def step(lam):
        return DataConsistency(LINE, lam, solver, tol=1e-14)

    lam, h = torch.tensor(0.7, dtype=torch.float64), 1e-5
    for solved in (lambda lam: step(lam)(Z, D), lambda lam: step(lam).solve(Z)):
        _, slope = torch.func.jvp(solved, (lam,), (torch.ones_like(lam),))
        expected = (solved(lam + h) - solved(lam - h)) / (2 * h)
        assert relative_difference(slope, expected) < 1e-8


def test_auto_is_cg_for_a_plane_mask():
    dc = DataConsistency(PLANE)
    assert (dc.solver, dc.reason) == ("cg", "the mask is not 1-D Cartesian")


def test_auto_is_cg_beyond_the_memory_budget(monkeypatch):
    monkeypatch.setattr(linewise, "MEMORY_BUDGET", 5 * 8**2 * 16)
    assert DataConsistency(LINE).solver == "linewise"
    monkeypatch.setattr(linewise, "MEMORY_BUDGET", 5 * 8**2 * 16 - 1)
    dc = DataConsistency(LINE)
    assert dc.solver == "cg"
    assert "more than the budget" in dc.reason
    assert DataConsistency(LINE, solver="linewise").solver == "linewise"


def test_what_factors_would_need_is_told_in_gib():
    # 1024 x 1024 pixels of 8 bytes, and as many columns: no such maps are made.
    large = SimpleNamespace(
        is_cartesian_1d=True,
        image_shape=(1, 2**10, 2**10),
        maps=torch.empty(0, dtype=torch.complex64),
    )
    assert linewise.obstacle(large) == "line-wise factors need 8.0 GiB, more than the budget"


@pytest.mark.parametrize(("expected", "solver"), [(1, "cg"), (7, "cg"), (8, "linewise")])
def test_auto_weighs_the_expected_solves(expected, solver):
    dc = DataConsistency(LINE, expected_solves=expected)
    assert dc.solver == solver
    assert (f"{expected} solves do not repay" in dc.reason) == (solver == "cg")


@pytest.mark.parametrize("solver", ["linewise", "cg"])
def test_an_explicit_solver_is_used(solver):
    dc = DataConsistency(LINE, solver=solver)
    assert (dc.solver, dc.reason) == (solver, "asked for")


def test_large_lam_returns_the_denoised_image_and_small_lam_the_measured_one():
    full = sense(line_mask("11111111"))
    assert relative_difference(DataConsistency(LINE, 1e9)(Z, D), D) < 1e-8
    assert relative_difference(DataConsistency(full, 1e-9)(Z, D), Z) < 1e-8


def test_lam_tol_and_max_iter_change_the_result():
    reference = DataConsistency(PLANE, tol=1e-12)(Z, D)
    assert not torch.allclose(DataConsistency(PLANE, 2.0, tol=1e-12)(Z, D), reference, rtol=1e-3)
    assert not torch.allclose(DataConsistency(PLANE, tol=0.3)(Z, D), reference, rtol=1e-3)
    with pytest.warns(ConvergenceWarning):
        capped = DataConsistency(PLANE, tol=1e-12, max_iter=1)(Z, D)
    assert not torch.allclose(capped, reference, rtol=1e-3)


@pytest.mark.parametrize("solver", ["linewise", "cg"])
def test_lam_as_a_tensor_gives_what_the_number_gives(solver):
    number = DataConsistency(LINE, 0.5, solver, tol=1e-13)(Z, D)
    for dtype in (torch.float32, torch.float64):
        for requires_grad in (False, True):
            lam = torch.tensor(0.5, dtype=dtype, requires_grad=requires_grad)
            x = DataConsistency(LINE, lam, solver, tol=1e-13)(Z, D)
            assert x.dtype == torch.complex128
            assert x.requires_grad == requires_grad
            assert relative_difference(x.detach(), number) < 1e-12


def test_a_learned_lam_is_followed():
    lam = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    dc = DataConsistency(LINE, lam)
    dc(Z, D).abs().square().sum().backward()
    assert lam.grad.item() != 0
    with torch.no_grad():
        lam.fill_(2.0)
        assert relative_difference(dc(Z, D), DataConsistency(LINE, 2.0)(Z, D)) < 1e-12


def test_cached_keeps_factors_and_passes_steps_through():
    A = sense(line_mask("01101001"))
    before = linewise.kept_bytes()
    first = as_step(A, 1.0).apply(Z, D)
    assert linewise.kept_bytes() - before == 5 * 8**2 * 16
    kept = linewise.linewise(A).inverse(1.0)
    assert torch.equal(as_step(A, 1.0).apply(Z, D), first)
    assert linewise.linewise(A).inverse(1.0) is kept
    assert not torch.allclose(as_step(A, 2.0).apply(Z, D), first)
    assert torch.equal(as_step(A, 1.0).apply(Z, D), first)
    assert as_step(PLANE, 1.0).solver == "cg"
    assert as_step(A, 1.0, "cg").solver == "cg"
    step = DataConsistency(A, 3.0)
    assert as_step(step, 1.0) is step


def test_cached_factors_die_with_their_operator():
    gc.collect()
    gc.disable()  # reference counts alone must do: factors are large
    try:
        before = linewise.kept_bytes()
        A = sense(line_mask("01101001"))
        as_step(A, 1.0).apply(Z, D)
        watched = [weakref.ref(A), weakref.ref(linewise.linewise(A))]
        assert linewise.kept_bytes() > before
        del A
        assert [reference() for reference in watched] == [None, None]
        assert linewise.kept_bytes() == before
    finally:
        gc.enable()


def test_factors_beyond_the_budget_give_way_least_recently_used_first(monkeypatch):
    gc.collect()
    one = 5 * 8**2 * 16
    monkeypatch.setattr(linewise, "MEMORY_BUDGET", linewise.kept_bytes() + 2 * one)
    first, second, third = (sense(line_mask("01101001")) for _ in range(3))
    for A in (first, second, first, third):
        as_step(A, 1.0).apply(Z, D)
    kept = linewise.linewise(first)
    assert kept.n_bytes == one
    dropped = weakref.ref(linewise.linewise(second))
    as_step(second, 1.0).apply(Z, D)
    assert linewise.linewise(third).n_bytes == one
    assert linewise.kept_bytes() <= linewise.MEMORY_BUDGET
    assert dropped() is not None


NAN = float("nan")
BAD_SETTINGS = {
    "operator": ({"A": LINE.maps}, TypeError, "A must be a SenseOperator, got Tensor"),
    "lam zero": ({"lam": 0}, ValueError, "lam must be > 0"),
    "lam negative": ({"lam": -1.0}, ValueError, "lam must be > 0"),
    "lam nan": ({"lam": NAN}, ValueError, "lam must be a finite real number"),
    "lam tensor": ({"lam": torch.tensor(-1.0)}, ValueError, "lam must be > 0"),
    "lam axes": ({"lam": torch.ones(2)}, ValueError, "lam must be a real scalar tensor"),
    "lam complex": ({"lam": torch.tensor(1j)}, ValueError, "lam must be a real scalar tensor"),
    "solver": ({"solver": "lu"}, ValueError, "solver must be one of 'auto', 'linewise', 'cg'"),
    "plane": ({"A": PLANE, "solver": "linewise"}, ValueError, "needs a 1-D Cartesian mask"),
    "tol": ({"tol": 0.0}, ValueError, "tol must be > 0"),
    "tol nan": ({"tol": NAN, "solver": "linewise"}, ValueError, "tol must be a finite"),
    "cap": ({"max_iter": 0}, ValueError, "max_iter must be an integer >= 1"),
    "solves": ({"expected_solves": 0}, ValueError, "expected_solves must be an integer >= 1"),
    "solves type": ({"expected_solves": "8"}, ValueError, "expected_solves must be an integer"),
}


@pytest.mark.parametrize(("settings", "error", "message"), BAD_SETTINGS.values(), ids=BAD_SETTINGS)
def test_bad_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        DataConsistency(**{"A": LINE} | settings)


def test_maps_that_want_a_gradient_are_refused():
    A = type(LINE)(LINE.maps.clone().requires_grad_(), LINE.mask)
    with pytest.raises(ValueError, match="A.maps requires a gradient"):
        DataConsistency(A)


BAD_IMAGES = {
    "real": (Z.real, TypeError, "must be complex"),
    "dtype": (
        Z.to(torch.complex64),
        TypeError,
        "must have the dtype of the maps, torch.complex128",
    ),
    "size": (Z[..., 1:], ValueError, r"must have shape \[1, \(sample,\) 5, 8\]"),
    "axes": (Z[0], ValueError, "must have 3 or 4 axes"),
    "batch": (draw(2, 5, 8), ValueError, "must have shape"),
}


@pytest.mark.parametrize("solver", ["linewise", "cg"])
@pytest.mark.parametrize(("bad", "error", "message"), BAD_IMAGES.values(), ids=BAD_IMAGES)
def test_bad_images_are_refused(solver, bad, error, message):
    dc = DataConsistency(LINE, solver=solver)
    for name, call in {"z": lambda: dc(bad, D), "d": lambda: dc(Z, bad)}.items():
        with pytest.raises(error, match=f"{name} {message}"):
            call()
    with pytest.raises(error, match=f"rhs {message}"):
        dc.solve(bad)
    with pytest.raises(ValueError, match="d must have the shape of z"):
        dc(draw(1, 2, 5, 8), draw(1, 3, 5, 8))


@pytest.mark.parametrize("A", ["operator", None])
def test_cached_refuses_what_is_no_operator(A):
    with pytest.raises(TypeError, match="A must be a SenseOperator"):
        as_step(A, 1.0)


@pytest.mark.parametrize("lam", [0, -1, NAN])
def test_cached_refuses_a_bad_lam(lam):
    with pytest.raises(ValueError, match="lam must be"):
        as_step(LINE, lam)
