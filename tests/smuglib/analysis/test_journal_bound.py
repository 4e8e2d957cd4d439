"""The journal's bound: against its formula by hand, and against what it bounds."""

import math

import pytest
import torch

from smuglib import Smoothing, UnrolledNetwork
from smuglib.analysis import jacobian_norm, journal_bound
from tests import unrolled
from tests.helpers import normal_matrix, sense_matrix
from tests.unrolled import A, Z


class Constant(torch.nn.Module):
    """A denoiser whose output has one known norm, so that M is exact."""

    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def forward(self, x):
        value = self.norm / math.sqrt(x.shape[-1] * x.shape[-2])
        return torch.full_like(x, value) + 0 * x


def bound(norm=0.3, sigma=0.5, lam=0.7, placement="denoiser", **options):
    smoothing = Smoothing(placement, sigma=sigma, n_samples=3)
    net = UnrolledNetwork(Constant(norm), n_steps=2, lam=lam, smoothing=smoothing)
    return journal_bound(net, Z, A, **options)


def test_ingredients_are_those_of_dense_matrices():
    found = bound()
    for scan in range(2):
        smallest = torch.linalg.eigvalsh(torch.from_numpy(normal_matrix(A, scan)))[0].item()
        norm = torch.linalg.matrix_norm(torch.from_numpy(sense_matrix(A, scan)), 2).item()
        assert found.alpha[scan].item() == pytest.approx(1 / (smallest + 0.7))
        assert found.operator_norm[scan].item() == pytest.approx(norm)
    assert found.output_norm.tolist() == pytest.approx([0.3, 0.3])


def test_constants_are_the_journals_formula_for_its_lam():
    found = bound(lam=1.0, steps=(1, 2, 5, 16))
    for scan in range(2):
        alpha, norm = found.alpha[scan].item(), found.operator_norm[scan].item()
        r = alpha * 2 * 0.3 / (math.sqrt(2 * math.pi) * 0.5)
        assert found.ratio[scan].item() == pytest.approx(r)
        expected = [alpha * norm * (1 - r**n) / (1 - r) + norm * r**n for n in (1, 2, 5, 16)]
        assert found.constants[scan].tolist() == pytest.approx(expected)


def test_at_the_critical_sigma_the_bound_grows_linearly():
    critical = bound().critical_sigma
    smaller = critical.min().item()
    at = bound(sigma=smaller)
    scan = int(critical.argmin())
    assert at.ratio[scan].item() == pytest.approx(1)
    a, norm = at.alpha[scan].item(), at.operator_norm[scan].item()
    assert at.constants[scan, 7].item() == pytest.approx(8 * a * norm + norm)
    torch.testing.assert_close(bound(sigma=5.0).critical_sigma, critical)


def test_the_largest_output_of_any_sample_and_step_counts():
    net = unrolled.network("denoiser")
    few, many = (journal_bound(net, Z, A, steps=(n,)).output_norm for n in (1, 4))
    assert (many >= few).all()
    more = journal_bound(net, Z, A, steps=(1,), n_samples=40).output_norm
    assert (more > few).any()


def test_the_bound_holds_where_the_denoiser_is_bounded():
    """The toy denoiser divides by 1 + |x|^2: no pixel of its output exceeds 1.1 / 2."""
    net = unrolled.network("denoiser", sigma=2.0, n_samples=400)
    y = torch.zeros_like(A.maps)
    norm = jacobian_norm(net, y, A, domain="kspace", unrolling_steps=2).value
    found = journal_bound(net, A.adjoint(y), A, steps=(2,))
    assert (norm <= found.constants[:, 0]).all()


def test_placements_with_one_function_have_one_bound():
    torch.testing.assert_close(bound(placement="step").constants, bound().constants)
    assert bound().steps == tuple(range(1, 17)) and bound().constants.shape == (2, 16)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"placement": "none"}, "got 'none'"),
        ({"placement": "end_to_end"}, "got 'end_to_end'"),
        ({"sigma": 0.0}, "sigma must be > 0"),
        ({"steps": (0,)}, "steps must be an integer >= 1"),
        ({"steps": ()}, "steps must"),
        ({"n_samples": 0}, "n_samples must be an integer >= 1"),
        ({"seed": -1}, "seed must be an integer >= 0"),
    ],
)
def test_impossible_bounds_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        bound(**options)
