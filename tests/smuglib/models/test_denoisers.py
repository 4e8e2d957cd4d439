"""Denoisers: shapes, batches, seeds, gradients and sizes."""

import shutil

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.models import denoisers
from smuglib.models.architectures import BODIES
from smuglib.models.denoisers import make, seeded
from tests.helpers import draw, few_examples, relative_difference

NAMES = sorted(BODIES)
each_name = pytest.mark.parametrize("name", NAMES)


def small(name, seed=0):
    return seeded({"name": name, "channels": 4, "blocks": 2}, seed)


@each_name
@few_examples
@given(
    height=st.integers(5, 24),
    width=st.integers(5, 24),
    axes=st.lists(st.integers(1, 3), max_size=3),
)
def test_any_size_and_any_leading_axes(name, height, width, axes):
    x = draw(*axes, height, width, dtype=torch.complex64)
    denoised = small(name)(x)
    assert denoised.shape == x.shape
    assert denoised.dtype == torch.complex64
    assert not torch.equal(denoised, x)


@each_name
def test_odd_size_is_the_crop_of_a_reflected_image(name):
    denoiser, x = small(name), draw(2, 37, 50, dtype=torch.complex64)
    height, width = (-(-n // denoiser.stride) * denoiser.stride for n in (37, 50))
    rows = torch.tensor([*range(37), *range(35, 35 - height + 37, -1)])
    columns = torch.tensor([*range(50), *range(48, 48 - width + 50, -1)])
    reflected = x[:, rows][:, :, columns]
    assert reflected.shape == (2, height, width)
    assert relative_difference(denoiser(x), denoiser(reflected)[:, :37, :50]) < 1e-6


@each_name
def test_an_image_does_not_depend_on_its_batch(name):
    denoiser, x = small(name), draw(2, 3, 24, 19, dtype=torch.complex64)
    x[0, 1] *= 100
    together = denoiser(x)
    for index in [(0, 0), (0, 1), (1, 2)]:
        assert relative_difference(denoiser(x[index]), together[index]) < 1e-6


@each_name
def test_residual_around_the_image(name):
    denoiser, x = small(name).double(), draw(2, 16, 16)
    channels = torch.stack((x.real, x.imag), 1)
    real, imaginary = denoiser.body(channels).unbind(1)
    assert relative_difference(denoiser(x), x + torch.complex(real, imaginary)) < 1e-14
    with torch.no_grad():
        for parameter in denoiser.body.parameters():
            parameter.zero_()
    assert torch.equal(denoiser(x), x)


@each_name
def test_every_parameter_gets_a_gradient(name):
    denoiser = small(name).double()
    denoiser(draw(1, 24, 24)).abs().square().sum().backward()
    for path, parameter in denoiser.named_parameters():
        assert parameter.grad is not None, path
        assert parameter.grad.any(), path


@each_name
def test_gradient_of_the_image(name):
    denoiser = small(name).double()
    x = draw(1, 9, 8).requires_grad_()
    assert torch.autograd.gradcheck(denoiser, x, fast_mode=True)


@each_name
def test_seeded_weights_leave_the_global_generator_alone(name):
    state = torch.get_rng_state()
    first, again, other = small(name), small(name), small(name, seed=1)
    assert torch.equal(torch.get_rng_state(), state)
    pairs = zip(first.parameters(), again.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
    assert not torch.equal(next(first.parameters()), next(other.parameters()))


@pytest.mark.parametrize(
    ("name", "channels", "blocks", "n_parameters"),
    [
        ("didn", 32, 2, 874_778),
        ("didn", 8, 1, 29_313),
        ("unet", 32, 2, 625_103),
        ("dncnn", 32, 2, 19_685),
    ],
)
def test_number_of_parameters(name, channels, blocks, n_parameters):
    # Pinned: weights of another layout would not load, and the text states these sizes.
    denoiser = make(name, channels=channels, blocks=blocks)
    assert sum(parameter.numel() for parameter in denoiser.parameters()) == n_parameters


@each_name
def test_channels_and_blocks_change_the_network(name):
    sizes = {
        sum(p.numel() for p in make(name, channels=channels, blocks=blocks).parameters())
        for channels, blocks in [(4, 1), (4, 2), (5, 1)]
    }
    assert len(sizes) == 3
    architecture = {"name": name, "channels": 5, "blocks": 1}
    assert make(name, channels=5, blocks=1).architecture == architecture


@each_name
def test_one_channel_and_one_block_work(name):
    denoiser = seeded({"name": name, "channels": 1, "blocks": 1}, 0)
    assert denoiser(draw(1, 16, 16, dtype=torch.complex64)).shape == (1, 16, 16)


@each_name
def test_convolutions_run_channels_last(name):
    denoiser, seen = small(name), []
    denoiser.body.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for size in [(2, 16, 16), (2, 13, 16), (2, 3, 16, 16)]:
        denoiser(draw(*size, dtype=torch.complex64))
        assert seen[-1].shape[1] == 2
        assert seen[-1].is_contiguous(memory_format=torch.channels_last)
    kernels = [p for p in denoiser.parameters() if p.ndim == 4]
    assert all(kernel.is_contiguous(memory_format=torch.channels_last) for kernel in kernels)


@each_name
def test_reduced_precision_convolutions_keep_complex_images(name):
    denoiser, x = small(name), draw(2, 16, 16, dtype=torch.complex64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = denoiser(x)
    assert reduced.dtype == torch.complex64
    assert 0 < relative_difference(reduced, denoiser(x)) < 0.02


@each_name
@pytest.mark.parametrize("n_images", [1, 2, 3])
def test_images_may_pass_a_few_at_a_time(name, n_images, monkeypatch):
    denoiser, x = small(name), draw(5, 16, 16, dtype=torch.complex64)
    whole, calls = denoiser(x), []
    monkeypatch.setattr(denoisers, "CPU_PIXEL_BYTES", n_images * 16 * 16 * 4)
    denoiser.body.register_forward_pre_hook(lambda _, images: calls.append(len(images[0])))
    assert relative_difference(denoiser(x), whole) < 1e-6
    assert calls == [n_images] * (5 // n_images) + [5 % n_images] * bool(5 % n_images)


@each_name
def test_bfloat16_can_be_asked_for_and_taken_back(name):
    denoiser, x = small(name), draw(2, 16, 16, dtype=torch.complex64)
    reference = denoiser(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        expected = denoiser(x)
    assert torch.equal(denoiser.accelerate(precision="bfloat16")(x), expected)
    assert torch.equal(denoiser.accelerate()(x), reference)


@pytest.mark.filterwarnings("ignore")  # torch.compile trips over warnings of its own
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_network_computes_the_same():
    denoiser, x = make("dncnn", channels=2, blocks=1), draw(2, 8, 8, dtype=torch.complex64)
    reference = denoiser(x)
    names = list(denoiser.state_dict())
    assert relative_difference(denoiser.accelerate(compiled=True)(x), reference) < 1e-6
    assert list(denoiser.state_dict()) == names


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "float16"}, "precision must be one of 'float32', 'bfloat16', got 'float16'"),
        ({"compiled": 1}, "compiled must be True or False, got 1"),
    ],
)
def test_bad_acceleration_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        small("dncnn").accelerate(**settings)


@each_name
def test_conjugate_views_are_images_too(name):
    denoiser, x = small(name), draw(2, 16, 16, dtype=torch.complex64)
    assert torch.equal(denoiser(x.conj()), denoiser(x.conj().resolve_conj()))


@each_name
def test_bad_images_are_refused(name):
    denoiser = small(name)
    with pytest.raises(TypeError, match="x must be complex .*, got torch.float32"):
        denoiser(torch.zeros(1, 16, 16))
    with pytest.raises(ValueError, match=r"x must have shape \[..., height, width\]"):
        denoiser(torch.zeros(16, dtype=torch.complex64))
    if denoiser.stride > 1:
        small_image = torch.zeros(1, 16, denoiser.stride // 2, dtype=torch.complex64)
        with pytest.raises(ValueError, match=f"both above {denoiser.stride // 2}"):
            denoiser(small_image)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet"}, "name must be one of 'didn', 'unet', 'dncnn', got 'resnet'"),
        ({"channels": 0}, "channels must be an integer >= 1, got 0"),
        ({"blocks": 1.5}, "blocks must be an integer >= 1, got 1.5"),
    ],
)
def test_bad_architecture_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        make(**settings)


def test_bad_seed_is_refused():
    with pytest.raises(ValueError, match="seed must be an integer >= 0, got -1"):
        seeded({"name": "dncnn"}, -1)
