"""The spread over noise samples: what it is, and how it is held against the error."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.analysis import uncertainty
from smuglib.consistency import DataConsistency
from smuglib.models import UnrolledNetwork
from smuglib.random import complex_normal, generator
from tests.helpers import draw, few_examples, noise_by_hand
from tests.unrolled import LAM, SAMPLES, SIGMA, STEPS, A, Z, network, run

STEP = DataConsistency(A, LAM)
SHAPE = (2, SAMPLES, 4, 8)
ALL = torch.ones(1, 100, 100, dtype=torch.bool)


def by_hand(samples):
    """Standard deviation over samples, written out with NumPy."""
    values = samples.detach().numpy()
    deviation = np.abs(values - values.mean(1, keepdims=True)) ** 2
    return torch.from_numpy(np.sqrt(deviation.sum(1) / (values.shape[1] - 1)))


@pytest.mark.parametrize("placement", ["step", "denoiser"])
def test_the_spread_of_smoothed_steps_is_that_of_the_last_one(placement):
    net = network(placement)
    x, spread = uncertainty.reconstruct(net, Z, STEP, generator=generator(0))
    assert torch.equal(x.detach(), run(net))
    *_, noise = noise_by_hand(0, SIGMA, *[SHAPE] * STEPS)
    before = run(net, n_steps=STEPS - 1)
    samples = STEP(Z, net.denoiser(before.unsqueeze(1) + noise))
    torch.testing.assert_close(samples.mean(1), x)
    torch.testing.assert_close(spread.detach(), by_hand(samples))


@pytest.mark.parametrize("start_only", [False, True])
def test_the_spread_end_to_end_is_that_of_whole_reconstructions(start_only):
    net = network("end_to_end", start_only=start_only)
    x, spread = uncertainty.reconstruct(net, Z, A, generator=generator(0))
    assert torch.equal(x.detach(), run(net))
    (noise,) = noise_by_hand(0, SIGMA, SHAPE)
    samples = Z.unsqueeze(1) + noise
    for _ in range(STEPS):
        seen = Z if start_only else Z.unsqueeze(1) + noise
        samples = STEP(seen, net.denoiser(samples)).detach()
    torch.testing.assert_close(spread.detach(), by_hand(samples))


def test_steps_and_samples_are_passed_on():
    net = network("denoiser")

    def spread(**options):
        return uncertainty.reconstruct(net, Z, STEP, generator=generator(0), **options)[1].detach()

    assert not torch.allclose(spread(), spread(n_samples=2))
    assert not torch.allclose(spread(), spread(n_steps=1))


def test_the_spread_of_a_linear_step_is_the_noise_it_passes():
    """Many samples of a step whose answer to noise is known: sigma sqrt(2) times a norm."""

    class Half(torch.nn.Module):
        def forward(self, x):
            return 0.5 * x

    net = UnrolledNetwork(Half(), n_steps=2, lam=LAM, smoothing=network("denoiser").smoothing)
    _, spread = uncertainty.reconstruct(net, Z, STEP, generator=generator(0), n_samples=4000)
    pixels = torch.eye(32, dtype=Z.dtype).reshape(32, 1, 4, 8).expand(-1, 2, -1, -1)
    response = torch.stack([STEP.solve(LAM * 0.5 * pixel) for pixel in pixels])
    expected = SIGMA * math.sqrt(2) * response.abs().square().sum(0).sqrt()
    # 4000 complex samples: a standard deviation is known to 1 in sqrt(2 * 2 * 4000).
    torch.testing.assert_close(spread, expected, rtol=0.04, atol=0)


@pytest.mark.parametrize(
    ("net", "options", "message"),
    [
        (network("none"), {}, "net must be smoothed"),
        (network("denoiser"), {"n_samples": 1}, "at least two samples, got 1"),
        (network("end_to_end", n_samples=1), {}, "at least two samples, got 1"),
    ],
)
def test_networks_without_a_spread_are_refused(net, options, message):
    with pytest.raises(ValueError, match=message):
        uncertainty.reconstruct(net, Z, STEP, generator=generator(0), **options)


def test_spread_known_answers():
    pair = draw(2, 1, 4, 8)
    found = uncertainty.spread(torch.cat((pair, -pair), 1))
    torch.testing.assert_close(found, math.sqrt(2) * pair[:, 0].abs())
    assert not uncertainty.spread(pair.expand(-1, 3, -1, -1)).any()
    with pytest.raises(TypeError, match="samples must be complex"):
        uncertainty.spread(pair.real)


def drawn(seed=0, factor=1.0):
    """A spread that varies over the pixels, and errors drawn with that spread times a factor."""
    noise = generator(seed, "errors")
    spread = 0.01 * torch.exp(torch.randn(1, 100, 100, generator=noise, dtype=torch.float64))
    # Complex noise of sigma on each part has a mean square of 2 sigma^2.
    like = torch.zeros((), dtype=torch.complex128)
    error = complex_normal(spread.shape, factor / math.sqrt(2), noise, like) * spread
    return spread, error.abs()


@few_examples
@given(seed=st.integers(0, 10**6), factor=st.floats(0.2, 5))
def test_errors_drawn_with_the_spread_are_calibrated(seed, factor):
    spread, error = drawn(seed, factor)
    table = uncertainty.calibration(spread, error, ALL, n_bins=5)
    # 2000 pixels a bin: a root mean square is known to about 1.2 %; the last bin's weights are
    # uneven, since the spread itself varies there, and it is known to about 5 %.
    np.testing.assert_allclose(table["error"][:-1] / table["predicted"][:-1], factor, rtol=0.06)
    np.testing.assert_allclose(table["error"] / table["predicted"], factor, rtol=0.3)
    assert uncertainty.underestimation(spread, error, ALL) == pytest.approx(factor, rel=0.3)
    assert uncertainty.rank_correlation(spread, error, ALL) > 0.7


def test_an_uninformative_spread_has_a_flat_curve():
    spread, _ = drawn(0)
    _, error = drawn(1)
    table = uncertainty.calibration(spread, error, ALL, n_bins=4)
    assert table["error"].max() / table["error"].min() < 1.5
    assert table["predicted"].max() / table["predicted"].min() > 5
    assert abs(uncertainty.rank_correlation(spread, error, ALL)) < 0.05


def test_calibration_bins():
    spread = torch.tensor([[[3.0, 1.0, 2.0, 4.0, 9.0]]])
    error = torch.tensor([[[3.0, 4.0, 0.0, 4.0, 9.0]]])
    mask = spread < 9
    table = uncertainty.calibration(spread, error, mask, n_bins=2)
    assert table["pixels"].tolist() == [2, 2]
    np.testing.assert_allclose(table["predicted"], [math.sqrt(2.5), math.sqrt(12.5)])
    np.testing.assert_allclose(table["error"], [math.sqrt(8), math.sqrt(12.5)])
    with pytest.raises(ValueError, match="n_bins must be <= the 4 pixels, got 5"):
        uncertainty.calibration(spread, error, mask, n_bins=5)


@few_examples
@given(factor=st.floats(0.1, 10))
def test_underestimation_is_the_ratio(factor):
    spread, _ = drawn()
    found = uncertainty.underestimation(spread, factor * spread, ALL)
    assert found == pytest.approx(factor)


@few_examples
@given(power=st.floats(0.2, 4), seed=st.integers(0, 100))
def test_ranks_do_not_depend_on_the_unit(power, seed):
    spread, error = drawn(seed)
    assert uncertainty.rank_correlation(spread, spread**power, ALL) == pytest.approx(1)
    assert uncertainty.rank_correlation(spread, -spread, ALL) == pytest.approx(-1)
    expected = uncertainty.rank_correlation(spread, error, ALL)
    assert uncertainty.rank_correlation(spread**power, error, ALL) == pytest.approx(expected)


def test_the_attainable_correlation_grows_with_the_range_of_the_spread():
    def attainable(power, seed=0, mask=ALL):
        noise = generator(seed, "attainable")
        return uncertainty.attainable_correlation(spread**power, mask, generator=noise)

    spread, error = drawn()
    assert abs(attainable(1e-6)) < 0.05
    assert 0.2 < attainable(0.3) < attainable(1) < 0.9 < attainable(5)
    # Errors that were drawn with the spread reach it.
    expected = uncertainty.rank_correlation(spread, error, ALL)
    assert attainable(1) == pytest.approx(expected, abs=0.02)
    assert attainable(1, seed=1) != attainable(1) != attainable(1, mask=spread > 0.01)


def test_only_the_pixels_of_the_mask_count():
    spread, error = drawn()
    mask = torch.zeros_like(ALL)
    mask[:, :10] = True
    for measure in (uncertainty.rank_correlation, uncertainty.underestimation):
        inside = measure(spread[:, :10], error[:, :10], ALL[:, :10])
        assert measure(spread, error, mask) == inside != measure(spread, error, ALL)


def test_bad_pixels_are_refused():
    spread, error = drawn()
    one = torch.zeros_like(ALL)
    one[0, 0, 0] = True
    for measure in (
        uncertainty.rank_correlation, uncertainty.underestimation, uncertainty.calibration
    ):  # fmt: skip
        with pytest.raises(ValueError, match="at least two pixels, got 1"):
            measure(spread, error, one)
        with pytest.raises(ValueError, match="must be finite"):
            measure(spread, error / 0, ALL)
        with pytest.raises(ValueError, match="error must have the shape"):
            measure(spread, error[:, 1:], ALL)
        with pytest.raises(ValueError, match="mask must have the shape"):
            measure(spread, error, ALL[:, 1:])
    with pytest.raises(ValueError, match="must vary"):
        uncertainty.rank_correlation(torch.ones_like(error), error, ALL)
    with pytest.raises(ValueError, match="must not be zero everywhere"):
        uncertainty.underestimation(torch.zeros_like(error), error, ALL)


def test_foreground_and_gradient_known_answers():
    ramp = torch.arange(1.0, 7.0).expand(1, 5, 6)
    x = torch.polar(3 * ramp, ramp)
    torch.testing.assert_close(uncertainty.gradient_magnitude(x), torch.full((1, 5, 6), 3.0))
    turned = uncertainty.gradient_magnitude(x.mT)
    torch.testing.assert_close(turned, torch.full((1, 6, 5), 3.0))
    assert uncertainty.foreground(x, 0.5)[0, 0].tolist() == [False, False, True, True, True, True]
    assert uncertainty.foreground(x).all()
    with pytest.raises(ValueError, match="fraction must lie in"):
        uncertainty.foreground(x, 0.0)
