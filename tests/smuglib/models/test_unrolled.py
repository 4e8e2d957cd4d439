"""The unrolled network against a naive loop, and the invariants of its four placements."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.consistency import DataConsistency
from smuglib.methods import METHODS
from smuglib.models import Trace
from smuglib.random import generator
from smuglib.smoothing import PLACEMENTS, Smoothing
from tests.helpers import (
    ToyDenoiser,
    dense_solution,
    few_examples,
    noise_by_hand,
    relative_difference,
)
from tests.strategies import images, keys, operators
from tests.unrolled import LAM, SAMPLES, SIGMA, STEPS, A, Z, network, run, scan

each_placement = pytest.mark.parametrize("placement", PLACEMENTS)
each_smoothed = pytest.mark.parametrize("placement", PLACEMENTS[1:])


def naive(placement, noises):
    """The poster's equations, one image at a time, with dense solves and the given noise."""
    with torch.no_grad():
        toy, results = ToyDenoiser(), []
        for b in range(len(Z)):
            one = scan(b)

            def step(z, d, one=one):
                return dense_solution(one, z[None], d[None], LAM)[0]

            def modl(z, step=step):
                x = z
                for _ in range(STEPS):
                    x = step(z, toy(x))
                return x

            x = Z[b]
            if placement == "none":
                x = modl(x)
            elif placement == "end_to_end":
                x = sum(modl(Z[b] + noise) for noise in noises[0][b]) / SAMPLES
            else:
                for n in range(STEPS):
                    denoised = [toy(x + noise) for noise in noises[n][b]]
                    if placement == "step":
                        x = sum(step(Z[b], d) for d in denoised) / SAMPLES
                    else:
                        x = step(Z[b], sum(denoised) / SAMPLES)
            results.append(x)
        return torch.stack(results)


@each_placement
@pytest.mark.parametrize("share_noise", [False, True])
@pytest.mark.parametrize("solver", ["linewise", "cg"])
def test_network_is_the_naive_loop(placement, share_noise, solver):
    shape = (2, SAMPLES, 4, 8)
    noises = noise_by_hand(0, SIGMA, *[shape] * (1 if share_noise else STEPS)) * STEPS
    consistency = DataConsistency(A, LAM, solver, tol=1e-13)
    x = run(network(placement, share_noise=share_noise), operator=consistency)
    assert relative_difference(x, naive(placement, noises)) < 1e-11


@pytest.mark.parametrize("share_noise", [False, True])
def test_smug_v0_and_smug_are_one_network(share_noise):
    """Data consistency is affine in d, so E[DC(z, D(x + v))] = DC(z, E[D(x + v)]).

    For the same noise SMUGv0 and SMUG agree to rounding, gradients included: what the poster
    measures between them can only come from training or from the noise drawn.
    """
    toy, z = ToyDenoiser(), Z.clone().requires_grad_()
    outcomes = []
    for placement in ("step", "denoiser"):
        x = network(placement, toy, share_noise=share_noise)(z, A, generator=generator(0))
        gradients = torch.autograd.grad(x.abs().square().sum(), (z, *toy.parameters()))
        outcomes.append((x.detach(), *gradients))
    for v0, smug in zip(*outcomes, strict=True):
        assert relative_difference(v0, smug) < 1e-12
    assert relative_difference(run(network("end_to_end", toy)), outcomes[0][0]) > 1e-3


def test_methods_are_the_placements():
    assert list(METHODS) == ["modl", "rs_e2e", "smug_v0", "smug"]
    assert tuple(METHODS.values()) == PLACEMENTS


def test_noise_of_rs_e2e_enters_the_start_and_data_consistency():
    (noise,) = noise_by_hand(0, SIGMA, (2, 1, 4, 8))
    smoothed = run(network("end_to_end", n_samples=1))
    everywhere = run(network("none"), z=Z + noise[:, 0])
    assert relative_difference(smoothed, everywhere) < 1e-13
    # With a denoiser that forgets its input, noise in the start alone would leave no trace.
    forgetful = network("end_to_end", torch.nn.Identity(), n_samples=1)
    forgetful.denoiser.forward = torch.zeros_like
    expected = dense_solution(A, Z + noise[:, 0], torch.zeros_like(Z), LAM)
    assert relative_difference(run(forgetful), expected) < 1e-12


def test_noise_in_the_start_only_leaves_data_consistency_clean():
    (noises,) = noise_by_hand(0, SIGMA, (2, SAMPLES, 4, 8))
    toy, whole = ToyDenoiser(), []
    with torch.no_grad():
        for noise in noises.unbind(1):
            x = Z + noise
            for _ in range(STEPS):
                x = dense_solution(A, Z, toy(x), LAM)
            whole.append(x)
    found = run(network("end_to_end", toy, start_only=True))
    assert relative_difference(found, sum(whole) / SAMPLES) < 1e-12
    assert relative_difference(found, run(network("end_to_end", toy))) > 1e-3


@each_smoothed
def test_zero_sigma_and_smoothing_off_are_modl(placement):
    modl = run(network("none"))
    assert relative_difference(run(network(placement, sigma=0.0)), modl) < 1e-13
    off = network(placement)(Z, A, smoothing=Smoothing("none"))
    assert torch.equal(off.detach(), modl)
    on = run(network("none"), smoothing=Smoothing(placement, sigma=SIGMA, n_samples=SAMPLES))
    assert torch.equal(on, run(network(placement)))


class Blur(torch.nn.Module):
    """A linear denoiser."""

    def forward(self, x):
        return 0.6 * x + 0.3j * torch.roll(x, (1, 2), (-2, -1))


@few_examples
@given(
    A=operators(dtypes=st.just(torch.complex128)),
    sigma=st.floats(0, 1),
    pairs=st.integers(1, 3),
    share_noise=st.booleans(),
    key=keys,
)
def test_antithetic_noise_passes_a_linear_denoiser_wherever_it_stands(
    A, sigma, pairs, share_noise, key
):
    z = A.adjoint(A.forward(images(A, 0, key)))
    modl, *smoothed = (
        network(
            placement,
            Blur(),
            sigma=sigma,
            n_samples=2 * pairs,
            share_noise=share_noise,
            antithetic=True,
        )(z, DataConsistency(A, LAM, tol=1e-13), generator=generator(key))
        for placement in PLACEMENTS
    )
    for x in smoothed:
        assert (x - modl).norm() <= 1e-10 * (z.norm() + sigma)


@each_smoothed
def test_more_samples_come_closer_to_the_expectation(placement):
    net = network(placement)
    limit = run(net, n_samples=20_000, seed=99)
    few, many = (
        sum(relative_difference(run(net, n_samples=n, seed=s), limit) for s in range(8)) / 8
        for n in (4, 256)
    )
    # Monte Carlo: 64 times the samples, an eighth of the error.
    assert 5 < few / many < 13


@each_placement
def test_gradient_of_the_measurement(placement):
    net, z = network(placement), Z.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda z: net(z, A, generator=generator(0)), z, fast_mode=True)


@each_placement
def test_trace_holds_iterates_and_denoiser_outputs(placement):
    net, trace = network(placement), Trace()
    x = run(net, trace=trace)
    assert torch.equal(x, run(net))
    samples = () if placement == "none" else (SAMPLES,)
    start = (2, *samples, 4, 8) if placement == "end_to_end" else (2, 4, 8)
    assert [entry.shape for entry in trace.inputs] == [start] * STEPS
    assert [entry.shape for entry in trace.denoised] == [(2, *samples, 4, 8)] * STEPS
    if placement == "denoiser":
        for entry, following in zip(trace.denoised, [*trace.inputs[1:], x], strict=True):
            expected = dense_solution(A, Z, entry.mean(1).detach(), LAM)
            assert relative_difference(following.detach(), expected) < 1e-12
