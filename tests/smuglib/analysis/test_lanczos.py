"""Lanczos' largest eigenvalue: against dense eigenvalues, and honest about what it lacks."""

import pytest
import torch

from smuglib.analysis import lanczos
from smuglib.consistency import ConvergenceWarning
from smuglib.random import generator


def symmetric(*values):
    """Return matrices with the given eigenvalues, ``[batch, n, n]``, and random start vectors."""
    spectra = torch.tensor(values, dtype=torch.float64)
    shape = (*spectra.shape, spectra.shape[1])
    axes, _ = torch.linalg.qr(torch.randn(shape, generator=generator(0), dtype=torch.float64))
    start = torch.randn(spectra.shape, generator=generator(1), dtype=torch.float64)
    return axes @ torch.diag_embed(spectra) @ axes.mT, start


def run(matrices, start, **options):
    return lanczos.largest(lambda v: (matrices @ v[..., None])[..., 0], start, **options)


WIDE = [5.0, 4.9, 3.0, 1.0, 0.5, 0.0]
FLAT = [2.0, 2.0, 2.0, 2.0, 2.0, 2.0]


def test_value_and_vector_are_those_of_the_dense_matrix():
    matrices, start = symmetric(WIDE, FLAT)
    found = run(matrices, start, tol=1e-10)
    torch.testing.assert_close(found.value, torch.tensor([5.0, 2.0], dtype=torch.float64))
    images = (matrices @ found.vector[..., None])[..., 0]
    torch.testing.assert_close(images, found.value[:, None] * found.vector)
    torch.testing.assert_close(found.vector.norm(dim=1), torch.ones(2, dtype=torch.float64))


def test_the_iteration_ends_with_the_dimension_at_the_latest():
    found = run(*symmetric(WIDE), tol=1e-10)
    assert found.n_products <= 6 and found.residual.item() <= 1e-10
    assert run(*symmetric(FLAT)).n_products == 1


def test_the_value_is_never_above_and_the_residual_bounds_the_distance():
    matrices, start = symmetric([10.0 + 0.01 * k for k in range(40)])
    found = run(matrices, start, tol=1e-3, max_iter=60)
    assert 0 <= 10.39 - found.value.item() <= 2e-3 * 10.39
    distance = (torch.linalg.eigvalsh(matrices[0]) - found.value).abs().min()
    assert distance <= found.residual * found.value * (1 + 1e-9)


def test_a_map_does_not_depend_on_its_batch():
    matrices, start = symmetric(WIDE, FLAT)
    together = run(matrices, start, tol=0.01)
    for i in range(2):
        alone = run(matrices[i : i + 1], start[i : i + 1], tol=0.01)
        torch.testing.assert_close(together.value[i : i + 1], alone.value, rtol=1e-12, atol=0)
        torch.testing.assert_close(together.vector[i : i + 1], alone.vector, rtol=0, atol=1e-12)


def test_reaching_the_cap_warns():
    matrices, start = symmetric(WIDE)
    with pytest.warns(ConvergenceWarning, match=r"max_iter=2 .* \(tol=1.0e-08\)"):
        found = run(matrices, start, tol=1e-8, max_iter=2)
    assert found.n_products == 2 and found.residual.item() > 1e-8


def test_a_map_that_is_not_finite_has_no_value():
    start = torch.ones(1, 3)
    found = lanczos.largest(lambda v: v * torch.nan, start)
    assert found.value.isnan().all() and found.n_products == 1


@pytest.mark.parametrize(("option", "value"), [("tol", 0.0), ("max_iter", 0)])
def test_impossible_settings_are_refused(option, value):
    with pytest.raises(ValueError, match=option):
        run(*symmetric(WIDE), **{option: value})
