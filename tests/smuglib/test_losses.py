"""Losses against the poster's formulas written out, and where their gradients go."""

import pytest
import torch

from smuglib import losses
from smuglib.losses import (
    finetuning_loss,
    pretraining_loss,
    reconstruction_loss,
    unrolled_stability,
)
from smuglib.methods import REFERENCES
from smuglib.models import Trace
from smuglib.random import generator
from tests.helpers import ToyDenoiser, draw, noise_by_hand
from tests.unrolled import SAMPLES, STEPS, A, Z, network

TARGET = draw(2, 4, 8, key="target")
N_VALUES = TARGET.numel()


def squared_norm(x):
    return sum(abs(value) ** 2 for value in x.flatten().tolist())


def traced(placement="denoiser"):
    toy, trace = ToyDenoiser(), Trace()
    x = network(placement, toy)(Z, A, generator=generator(0), trace=trace)
    return x, toy, trace


def anchor_by_hand(toy, reference):
    with torch.no_grad():
        return TARGET if reference == "target" else toy(TARGET)


def test_reconstruction_loss_is_the_mean_squared_modulus():
    x = draw(2, 4, 8)
    expected = squared_norm(x - TARGET) / N_VALUES
    assert reconstruction_loss(x, TARGET).item() == pytest.approx(expected, rel=1e-13)
    assert reconstruction_loss(TARGET, TARGET).item() == 0


def test_gradient_of_the_reconstruction_loss():
    x = draw(2, 4, 8).requires_grad_()
    (gradient,) = torch.autograd.grad(reconstruction_loss(x, TARGET), x)
    torch.testing.assert_close(gradient, 2 * (x - TARGET).detach() / N_VALUES)


@pytest.mark.parametrize("n_samples", [1, 3])
def test_pretraining_loss(n_samples):
    toy = ToyDenoiser()
    (noise,) = noise_by_hand(0, 0.3, (2, n_samples, 4, 8))
    loss = pretraining_loss(toy, TARGET, 0.3, generator=generator(0), n_samples=n_samples)
    expected = sum(squared_norm(toy(TARGET + noise[:, s]) - TARGET) for s in range(n_samples))
    assert loss.item() == pytest.approx(expected / n_samples / N_VALUES, rel=1e-12)
    loss.backward()
    assert toy.gain.grad.item() != 0
    assert toy.blur.grad.item() != 0


def test_pretraining_without_noise_is_the_plain_error():
    toy = ToyDenoiser()
    loss = pretraining_loss(toy, TARGET, 0.0, generator=generator(0))
    torch.testing.assert_close(loss, reconstruction_loss(toy(TARGET), TARGET))


@pytest.mark.parametrize("placement", ["denoiser", "step"])
@pytest.mark.parametrize("reference", REFERENCES)
def test_unrolled_stability_is_the_posters_sum(placement, reference):
    _, toy, trace = traced(placement)
    anchor = anchor_by_hand(toy, reference)
    noises = noise_by_hand(0, 0.2, *[(2, SAMPLES, 4, 8)] * STEPS)
    expected = 0.0
    for x, noise in zip(trace.inputs, noises, strict=True):
        for sample in range(SAMPLES):
            expected += squared_norm(toy(x + noise[:, sample]) - anchor) / SAMPLES / N_VALUES
    loss = unrolled_stability(trace, toy, TARGET, reference=reference)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_references_differ_in_value_or_in_gradient():
    values, gradients = {}, {}
    for reference in REFERENCES:
        _, toy, trace = traced()
        loss = unrolled_stability(trace, toy, TARGET, reference=reference)
        loss.backward()
        values[reference], gradients[reference] = loss.item(), toy.gain.grad.item()
    assert values["denoised"] == values["denoised_detached"] != values["target"]
    assert len(set(gradients.values())) == 3


def test_the_default_reference_is_the_posters():
    _, toy, trace = traced()
    poster = unrolled_stability(trace, toy, TARGET, reference="denoised")
    (default,) = torch.autograd.grad(
        unrolled_stability(trace, toy, TARGET), toy.gain, retain_graph=True
    )
    (expected,) = torch.autograd.grad(poster, toy.gain)
    assert torch.equal(default, expected)


@pytest.mark.parametrize(
    ("reference", "has_gradient"),
    [("denoised", True), ("denoised_detached", False), ("target", False)],
)
def test_only_the_posters_reference_carries_a_gradient(reference, has_gradient):
    """Train through a second denoiser that makes nothing but the reference."""
    _, _, trace = traced()
    referee = ToyDenoiser()
    loss = unrolled_stability(trace, referee, TARGET, reference=reference)
    (gradient,) = torch.autograd.grad(loss, referee.gain, allow_unused=True)
    assert (gradient is not None) == has_gradient


def test_target_reference_needs_no_denoiser_call():
    calls = []
    _, toy, trace = traced()
    toy.register_forward_pre_hook(lambda *_: calls.append(1))
    unrolled_stability(trace, toy, TARGET, reference="target")
    assert not calls
    unrolled_stability(trace, toy, TARGET)
    assert len(calls) == 1


def test_finetuning_loss_weighs_the_reconstruction():
    x, toy, trace = traced()
    error, stability = reconstruction_loss(x, TARGET), unrolled_stability(trace, toy, TARGET)
    for weight in (1.0, 0.25, 100.0):
        loss = finetuning_loss(x, TARGET, trace=trace, denoiser=toy, reconstruction_weight=weight)
        torch.testing.assert_close(loss, weight * error + stability)
        torch.testing.assert_close(
            finetuning_loss(x, TARGET, denoiser=toy, reconstruction_weight=weight), weight * error
        )
    to_target = finetuning_loss(x, TARGET, trace=trace, denoiser=toy, reference="target")
    expected = error + unrolled_stability(trace, toy, TARGET, reference="target")
    torch.testing.assert_close(to_target, expected)


def test_gradient_of_the_finetuning_loss():
    toy = ToyDenoiser()
    net = network("denoiser", toy)

    def loss(gain, blur):
        trace, x = Trace(), None
        parameters = {"denoiser.gain": gain, "denoiser.blur": blur}
        x = torch.func.functional_call(
            net, parameters, (Z, A), {"generator": generator(0), "trace": trace}
        )
        return losses.mean_squared_error(x, TARGET) + sum(
            losses.mean_squared_error(d, TARGET[:, None]) for d in trace.denoised
        )

    trace = Trace()
    x = net(Z, A, generator=generator(0), trace=trace)
    ours = finetuning_loss(x, TARGET, trace=trace, denoiser=toy, reference="target")
    gradients = torch.autograd.grad(ours, (toy.gain, toy.blur))
    for index, gradient in enumerate(gradients):
        shift = torch.zeros(2, dtype=torch.float64)
        shift[index] = 1e-5
        up, down = (loss(toy.gain + s * shift[0], toy.blur + s * shift[1]) for s in (1, -1))
        assert gradient.item() == pytest.approx((up - down).item() / 2e-5, rel=1e-7)


def test_an_error_to_a_real_target_is_that_to_a_complex_one():
    x = draw(2, 4, 8)
    real, whole = (losses.mean_squared_error(x, t) for t in (TARGET.real, TARGET.real + 0j))
    assert torch.equal(real, whole)
    with pytest.raises(TypeError, match="^target must be"):
        losses.mean_squared_error(x, TARGET.real > 0)
    with pytest.raises(TypeError, match="^x must be complex"):
        losses.mean_squared_error(x.real, TARGET)
    with pytest.raises(ValueError, match="^x and target must have shapes that broadcast"):
        losses.mean_squared_error(x, TARGET[..., 1:])


def test_a_trace_of_one_step_is_enough():
    trace = Trace(denoised=[TARGET[:, None] + 1])
    assert unrolled_stability(trace, ToyDenoiser(), TARGET, reference="target").item() == 1
    with pytest.raises(ValueError, match="^target must have 3 axes"):
        unrolled_stability(trace, ToyDenoiser(), TARGET[0])


def test_what_is_no_denoiser_and_no_trace_is_refused_by_name():
    x, toy, trace = traced()
    calls = [
        ("denoiser must be a function", lambda: finetuning_loss(x, TARGET, denoiser=3)),
        ("denoiser must take 1", lambda: finetuning_loss(x, TARGET, denoiser=lambda: x)),
        ("denoiser must take 1", lambda: unrolled_stability(trace, lambda: x, TARGET)),
        (
            "denoiser must take 1",
            lambda: pretraining_loss(lambda: x, TARGET, 0.1, generator=generator(0)),
        ),
        ("trace must be a Trace", lambda: finetuning_loss(x, TARGET, trace="t", denoiser=toy)),
        ("trace must be a Trace", lambda: unrolled_stability("t", toy, TARGET)),
        ("target must be complex", lambda: unrolled_stability(trace, toy, TARGET.real)),
        ("target must be a torch.Tensor", lambda: losses.mean_squared_error(x, "t")),
    ]
    for message, call in calls:
        with pytest.raises(TypeError, match=f"^{message}"):
            call()


def test_bad_input_is_refused():
    x, toy, trace = traced()
    noise = generator(0)
    with pytest.raises(TypeError, match="target must be complex"):
        reconstruction_loss(x, TARGET.real)
    with pytest.raises(TypeError, match="x must be complex"):
        reconstruction_loss(x.real, TARGET)
    with pytest.raises(ValueError, match="x must have the shape of target"):
        reconstruction_loss(x[:1], TARGET)
    with pytest.raises(TypeError, match="target must be complex"):
        pretraining_loss(toy, TARGET.real, 0.1, generator=noise)
    with pytest.raises(ValueError, match="sigma must be >= 0, got -0.1"):
        pretraining_loss(toy, TARGET, -0.1, generator=noise)
    with pytest.raises(ValueError, match="n_samples must be an integer >= 1, got 0"):
        pretraining_loss(toy, TARGET, 0.1, generator=noise, n_samples=0)
    with pytest.raises(ValueError, match="generator is required"):
        pretraining_loss(toy, TARGET, 0.1, generator=None)
    with pytest.raises(
        ValueError, match="reference must be one of 'denoised', 'denoised_detached'"
    ):
        unrolled_stability(trace, toy, TARGET, reference="label")
    with pytest.raises(ValueError, match="target must have the shape of the trace's images"):
        unrolled_stability(trace, toy, TARGET[:1])
    with pytest.raises(ValueError, match="holds no noisy denoiser outputs"):
        unrolled_stability(traced("none")[2], toy, TARGET)
    with pytest.raises(ValueError, match="holds no noisy denoiser outputs"):
        unrolled_stability(Trace(), toy, TARGET)
    with pytest.raises(ValueError, match="reconstruction_weight must be > 0, got 0"):
        finetuning_loss(x, TARGET, reconstruction_weight=0)
    with pytest.raises(ValueError, match="denoiser is required with a trace"):
        finetuning_loss(x, TARGET, trace=trace)
    with pytest.raises(ValueError, match="reference must be one of"):
        finetuning_loss(x, TARGET, reference="label")
