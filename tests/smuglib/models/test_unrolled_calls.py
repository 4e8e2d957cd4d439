"""Calls of the unrolled network: overrides, options, seeds, batches, precision, errors."""

import pytest
import torch

from smuglib.consistency import DataConsistency
from smuglib.models import UnrolledNetwork, denoisers
from smuglib.random import generator
from smuglib.smoothing import PLACEMENTS
from tests.helpers import ToyDenoiser, plane_mask, relative_difference, sense
from tests.unrolled import LAM, STEPS, A, Z, network, run, scan

each_placement = pytest.mark.parametrize("placement", PLACEMENTS)
each_smoothed = pytest.mark.parametrize("placement", PLACEMENTS[1:])


@each_placement
def test_steps_and_samples_can_be_overridden(placement):
    net = network(placement)
    longer = UnrolledNetwork(net.denoiser, n_steps=7, lam=LAM, smoothing=net.smoothing)
    assert torch.equal(run(net, n_steps=7), run(longer))
    assert not torch.allclose(run(net, n_steps=7), run(net), rtol=1e-6)
    more = run(net, n_samples=5)
    assert torch.equal(more, run(network(placement, n_samples=5)))
    assert torch.allclose(more, run(net), rtol=1e-6) == (placement == "none")


@each_smoothed
def test_every_option_of_the_smoothing_matters(placement):
    reference = run(network(placement))
    assert not torch.allclose(run(network(placement, sigma=0.3)), reference, rtol=1e-6)
    shared = torch.equal(run(network(placement, share_noise=True)), reference)
    assert shared == (placement == "end_to_end")  # noise is drawn once there anyway
    assert not torch.equal(run(network(placement), seed=1), reference)


@each_smoothed
def test_antithetic_noise_leaves_the_odd_part_of_an_average_out(placement):
    class Affine(torch.nn.Module):
        def forward(self, x):
            return 0.9 * x + 0.1

    clean = run(network("none", Affine()))
    pairs = run(network(placement, Affine(), n_samples=4, antithetic=True))
    assert relative_difference(pairs, clean) < 1e-14
    assert relative_difference(run(network(placement, Affine(), n_samples=4)), clean) > 1e-3


@each_placement
def test_checkpoints_change_neither_result_nor_gradients(placement):
    results, calls = [], []
    for checkpoint in (False, True):
        net = network(placement, denoisers.make("dncnn", channels=2, blocks=1).double())
        net.denoiser.load_state_dict(denoisers.seeded(net.denoiser.architecture, 0).state_dict())
        net.checkpoint = checkpoint
        count = []
        net.denoiser.body.register_forward_pre_hook(lambda *_, count=count: count.append(1))
        z = Z.clone().requires_grad_(True)
        x = net(z, A, generator=generator(0))
        gradients = torch.autograd.grad(x.abs().square().sum(), (z, *net.denoiser.parameters()))
        results.append((x, *gradients))
        calls.append(len(count))
    assert calls == [STEPS, 2 * STEPS]
    for plain, checkpointed in zip(*results, strict=True):
        assert torch.equal(plain, checkpointed)


def test_bad_checkpoint_is_refused():
    with pytest.raises(ValueError, match="checkpoint must be True or False, got 'yes'"):
        UnrolledNetwork(ToyDenoiser(), checkpoint="yes")


def test_lam_matters():
    other = UnrolledNetwork(ToyDenoiser(), n_steps=STEPS, lam=2.0)
    assert not torch.allclose(run(other), run(network("none")), rtol=1e-3)


@each_placement
def test_runs_repeat_bitwise_and_leave_the_global_generator_alone(placement):
    state, net = torch.get_rng_state(), network(placement)
    assert torch.equal(run(net), run(net))
    assert torch.equal(torch.get_rng_state(), state)


@each_placement
def test_an_image_does_not_depend_on_its_batch(placement):
    other = Z.clone()
    other[1] *= 10
    x, changed = run(network(placement)), run(network(placement), z=other)
    assert relative_difference(changed[0], x[0]) < 1e-13
    assert relative_difference(changed[1], x[1]) > 1e-2
    if placement == "none":
        assert relative_difference(run(network("none"), Z[1:], scan(1))[0], x[1]) < 1e-13


@each_placement
@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_precision_follows_the_scan(placement, dtype):
    denoiser = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, 0).to(
        dtype.to_real()
    )
    x = run(network(placement, denoiser), Z.to(dtype), A.to(dtype))
    assert (x.shape, x.dtype) == ((2, 4, 8), dtype)


def test_a_plane_mask_runs_by_conjugate_gradients():
    plane = sense(plane_mask(4, 8), batch=2, height=4)
    reference = run(network("denoiser"), operator=DataConsistency(plane, LAM, tol=1e-12))
    assert relative_difference(run(network("denoiser"), operator=plane), reference) < 1e-5


BAD_CALLS = {
    "real": ({"z": Z.real}, TypeError, "z must be complex"),
    "samples": ({"z": Z[:, None]}, ValueError, "z must have 3 axes"),
    "size": ({"z": Z[..., 1:]}, ValueError, r"z must have shape \[2, \(sample,\) 4, 8\]"),
    "dtype": ({"z": Z.to(torch.complex64)}, TypeError, "z must have the dtype of the maps"),
    "operator": ({"A": A.maps}, TypeError, "A must be a SenseOperator"),
    "generator": ({"generator": None}, ValueError, "generator is required: .* 'denoiser' draws"),
    "generator type": ({"generator": 0}, TypeError, "generator must be a torch.Generator, got int"),
    "steps": ({"n_steps": 0}, ValueError, "n_steps must be an integer >= 1, got 0"),
    "samples zero": ({"n_samples": 0}, ValueError, "n_samples must be an integer >= 1, got 0"),
    "smoothing": ({"smoothing": "none"}, TypeError, "smoothing must be a Smoothing, got str"),
}


@pytest.mark.parametrize(("changes", "error", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_calls_are_refused_before_the_denoiser_runs(changes, error, message):
    calls = []
    net = network("denoiser")
    net.denoiser.register_forward_pre_hook(lambda *_: calls.append(1))
    arguments = {"z": Z, "A": A, "generator": generator(0)} | changes
    with pytest.raises(error, match=message):
        net(**arguments)
    assert not calls


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps must be an integer >= 1"),
        ({"lam": 0.0}, ValueError, "lam must be > 0"),
        ({"lam": float("nan")}, ValueError, "lam must be a finite real number"),
        ({"smoothing": "denoiser"}, TypeError, "smoothing must be a Smoothing, got str"),
    ],
)
def test_bad_settings_are_refused(settings, error, message):
    with pytest.raises(error, match=message):
        UnrolledNetwork(ToyDenoiser(), **settings)
