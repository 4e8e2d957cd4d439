"""Named, seeded draws."""

import numpy as np
import pytest
import torch

from smuglib.random import (
    PerScan,
    complex_normal,
    derived_seed,
    draw,
    generator,
    repeatable,
)
from smuglib.training import ranks

LIKE = torch.empty(0, dtype=torch.complex64)
ROWS = (slice(0, 2), slice(2, 6))
"""Shares of a batch of 6."""


def test_seed_is_the_same_on_every_machine():
    # Pinned: shipped weights and records were drawn from these seeds.
    assert derived_seed(0) == 5254295370254170289
    assert derived_seed(7, "train", 120, "noise") == 9030507087685844451


def test_every_key_and_the_seed_matter():
    paths = [
        (0,),
        (1,),
        (0, 0),
        (0, "0"),
        (0, "a"),
        (0, "a", "b"),
        (0, "ab"),
        (0, "a", 1),
        (0, 1, "a"),
    ]
    seeds = [derived_seed(*path) for path in paths]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("seed", [-1, 1.0, True, "0", None])
def test_bad_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed must be an integer >= 0"):
        generator(seed)


@pytest.mark.parametrize("key", [0.5, None, (1, 2)])
def test_key_that_is_neither_integer_nor_string_is_refused(key):
    with pytest.raises(TypeError, match="keys must be integers or strings"):
        derived_seed(0, key)


def test_numpy_key_names_the_same_draw():
    assert derived_seed(0, np.str_("slice"), np.int64(3)) == derived_seed(0, "slice", 3)


def test_draws_repeat_and_do_not_touch_the_global_generator():
    state = torch.get_rng_state()
    first = complex_normal((4, 5), 0.1, generator(3, "x"), LIKE)
    again = complex_normal((4, 5), 0.1, generator(3, "x"), LIKE)
    other = complex_normal((4, 5), 0.1, generator(3, "y"), LIKE)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128])
def test_sigma_is_the_deviation_of_each_part(dtype):
    n, sigma = 40_000, 0.05
    noise = complex_normal((n,), sigma, generator(0), torch.empty(0, dtype=dtype))
    assert noise.dtype == dtype
    for part in (noise.real, noise.imag):
        assert abs(part.mean().item()) < 5 * sigma / n**0.5
        assert part.std().item() == pytest.approx(sigma, rel=5 / (2 * n) ** 0.5)
    assert noise.abs().square().mean().item() == pytest.approx(2 * sigma**2, rel=5 / n**0.5)
    correlation = (noise.real * noise.imag).mean().item() / sigma**2
    assert abs(correlation) < 5 / n**0.5


def test_a_missing_generator_is_refused():
    with pytest.raises(TypeError, match="generator must be a torch.Generator, got NoneType"):
        complex_normal((3,), 1.0, None, LIKE)


def test_noise_like_integers_is_refused():
    with pytest.raises(TypeError, match="^like must be complex or floating point, got torch.int64"):
        complex_normal((3,), 1.0, generator(0), torch.tensor(1))


def test_zero_sigma_is_zero():
    assert not complex_normal((3,), 0.0, generator(0), LIKE).any()


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_cpu_generator_serves_a_gpu_with_the_same_draw():
    on_gpu = complex_normal((3,), 1.0, generator(0), LIKE.cuda())
    assert on_gpu.is_cuda
    assert torch.equal(on_gpu.cpu(), complex_normal((3,), 1.0, generator(0), LIKE))


@pytest.mark.parametrize("sampler", [torch.randn, torch.rand])
def test_a_scan_of_a_batch_draws_what_it_draws_alone(sampler):
    keys = ("a", "b", "c")
    together = PerScan([generator(0, key) for key in keys])
    drawn = [draw(sampler, (3, 40, 2), together), draw(sampler, (3,), together, torch.float64)]
    for index, key in enumerate(keys):
        alone = generator(0, key)
        for batch in drawn:
            one = draw(sampler, (1, *batch.shape[1:]), alone, batch.dtype)
            assert torch.equal(one[0], batch[index])
    with pytest.raises(ValueError, match="must be of 2 scans, as the batch, got one of 3"):
        draw(sampler, (2, 40), together)


def test_shares_of_a_batch_make_the_draws_of_the_whole():
    whole, shares = generator(0, "a"), [ranks.Share(generator(0, "a"), 6, s) for s in ROWS]
    for shape in ((40, 2), (3,)):
        drawn = [draw(torch.randn, (n, *shape), s) for n, s in zip((2, 4), shares, strict=True)]
        assert torch.equal(torch.cat(drawn), draw(torch.randn, (6, *shape), whole))
    with pytest.raises(ValueError, match="must be of 3 scans, as the batch, got one of 2"):
        draw(torch.randn, (3, 40), shares[0])


def test_repeatable_sources_are_alike_and_differ_from_the_first():
    several = PerScan([generator(0, "a"), generator(0, "b")])
    for source in (generator(0, "a"), ranks.Share(generator(0, "a"), 6, ROWS[0]), several):
        before = source.get_state()
        again = repeatable(source)
        assert not torch.equal(before, source.get_state())
        first, second = (draw(torch.rand, (2, 8), again()) for _ in range(2))
        assert torch.equal(first, second)
        assert not torch.equal(first, draw(torch.rand, (2, 8), source))
    alone = repeatable(generator(0, "b"))
    assert torch.equal(draw(torch.rand, (1, 8), alone())[0], first[1])


def test_a_source_of_several_scans_must_hold_generators():
    with pytest.raises(TypeError, match=r"generators\[1\] must be a torch.Generator, got int"):
        PerScan([generator(0, "a"), 3])
