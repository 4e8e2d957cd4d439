"""The spectrum of A^H A: against the operator, the solver and the unrolled loop it describes."""

import pytest
import torch
from torch import nn

from smuglib import DataConsistency, UnrolledNetwork, data, random
from smuglib.analysis import Spectrum
from smuglib.analysis.spectrum import gain
from smuglib.random import complex_normal

EDGES = torch.tensor([0.01, 0.1, 1.0])


@pytest.fixture(scope="module")
def scan():
    return data.brain(height=32, width=32, n_coils=3)


@pytest.fixture(scope="module")
def operator(scan):
    return scan.operator.to(torch.complex128)


@pytest.fixture(scope="module")
def spectrum(operator):
    return Spectrum.of(operator)


@pytest.fixture
def image(operator):
    like = torch.zeros(1, dtype=torch.complex128)
    return complex_normal(operator.image_shape, 1.0, random.generator(0, "image"), like)


def test_spectrum_rebuilds_the_normal_operator(operator, spectrum, image):
    torch.testing.assert_close(spectrum.apply(lambda g: g, image), operator.normal(image))
    assert spectrum.values.min() >= 0
    assert spectrum.values.max() <= 1 + 1e-10


def test_data_consistency_divides_by_the_shifted_eigenvalue(operator, spectrum, image):
    expected = DataConsistency(operator, 0.7).solve(image)
    torch.testing.assert_close(spectrum.apply(lambda g: 1 / (g + 0.7), image), expected)


def test_energy_splits_the_squared_norm(spectrum, image):
    energy = spectrum.energy(image, EDGES)
    assert energy.shape == (4,)
    assert energy.sum().item() == pytest.approx(image.abs().square().sum().item())
    assert spectrum.counts(EDGES).sum() == image.numel()
    small = spectrum.apply(lambda g: (g < 0.01).double(), image)
    assert spectrum.energy(small, EDGES)[1:].sum().item() == pytest.approx(0, abs=1e-20)


@pytest.mark.parametrize("slope", [1.0, 0.6])
@pytest.mark.parametrize("n_steps", [1, 2, 8])
def test_gain_is_that_of_an_unrolled_network_with_a_linear_denoiser(
    operator, spectrum, image, slope, n_steps
):
    class Scaled(nn.Module):
        def forward(self, x):
            return slope * x

    network = UnrolledNetwork(Scaled(), n_steps=n_steps, lam=0.8)
    expected = spectrum.apply(lambda g: gain(g, n_steps, lam=0.8, slope=slope), image)
    torch.testing.assert_close(network(image, operator), expected)


def test_gain_at_its_limits():
    values = torch.tensor([0.0, 0.25], dtype=torch.float64)
    assert gain(values, 8, lam=2.0)[0].item() == pytest.approx(1 + 8 / 2)
    assert gain(values, 500)[1].item() == pytest.approx(4)


def test_measurement_norm_is_that_of_an_error_which_was_measured(operator, spectrum, image):
    error = operator.forward(image)
    norm = spectrum.measurement_norm(operator.adjoint(error), floor=1e-12)
    # A x lies in the range of A, so it is the shortest measurement with this A^H η.
    assert norm.item() == pytest.approx(torch.linalg.vector_norm(error).item(), rel=1e-6)
    assert spectrum.measurement_norm(image, floor=1e-6) > spectrum.measurement_norm(
        image, floor=1e-2
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: gain(s.values, 0), "n_steps"),
        (lambda s: gain(s.values, 8, lam=0.0), "lam"),
        (lambda s: gain(s.values, 8, slope=float("nan")), "slope"),
        (lambda s: s.measurement_norm(s.values + 0j, floor=0.0), "floor"),
        (lambda s: s.coefficients(torch.zeros(1, 8, 8, dtype=torch.complex128)), "x must have"),
    ],
)
def test_impossible_arguments_are_refused(spectrum, call, message):
    with pytest.raises(ValueError, match=message):
        call(spectrum)
