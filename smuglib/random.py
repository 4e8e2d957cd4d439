"""Seeded generators: every random draw of the library comes from one of these.

Draws for different paths of keys are independent, and none depends on what was drawn before it:
an interrupted training can resume at any update. On one kind of device draws are the same bit by
bit; a CPU and a GPU draw differently, so results agree within the spread of their samples.
"""

import hashlib
import operator
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from smuglib import checks


def derived_seed(seed: int, *keys: int | str) -> int:
    """Hash a seed >= 0 and a path of keys to an integer in ``[0, 2**63)``, on any machine."""
    seed = checks.integer("seed", seed, minimum=0)
    path = repr((seed, *map(_checked_key, keys))).encode()
    return int.from_bytes(hashlib.sha256(path).digest()[:8], "big") >> 1


def _checked_key(key: int | str) -> int | str:
    # Other types print differently from one version to the next, and would change the draw.
    if not isinstance(key, str) and not hasattr(key, "__index__"):
        raise TypeError(f"keys must be integers or strings, got {key!r}")
    return str(key) if isinstance(key, str) else operator.index(key)


def generator(seed: int, *keys: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Make the generator of one named draw, freshly seeded, on a device.

    Examples
    --------
    >>> first, again = (torch.rand(2, generator=generator(7, "train", 120)) for _ in range(2))
    >>> torch.equal(first, again)
    True
    """
    device = checks.device("device", device)
    return torch.Generator(device=device).manual_seed(derived_seed(seed, *keys))


Sampler = Callable[..., Tensor]
"""A function of torch, such as `torch.randn`."""


class PerScan:
    """A generator for each scan of a batch: no scan's draws depend on the others of its batch.

    It stands wherever a `torch.Generator` is asked for by a reconstruction or an attack.

    Examples
    --------
    >>> both = PerScan([generator(0, "a"), generator(0, "b")])
    >>> torch.equal(draw(torch.rand, (2, 3), both)[1], torch.rand(3, generator=generator(0, "b")))
    True
    """

    def __init__(self, generators: Sequence[torch.Generator]) -> None:
        self.generators = checks.members("generators", generators, torch.Generator)
        self.device = self.generators[0].device

    def __len__(self) -> int:
        return len(self.generators)

    def draw(self, sampler: Sampler, shape: Sequence[int], dtype: torch.dtype) -> Tensor:
        """Draw for all scans, see `draw`."""
        return torch.stack([draw(sampler, shape[1:], one, dtype) for one in self.generators])

    def repeatable(self) -> Callable[[], "PerScan"]:
        """Return what makes these sources again, see `repeatable`."""
        makers = [repeatable(one) for one in self.generators]
        return lambda: PerScan([maker() for maker in makers])  # type: ignore[misc]

    def get_state(self) -> Tensor:
        """Return the states of all generators."""
        return torch.stack([generator.get_state() for generator in self.generators])


Source = torch.Generator | PerScan


def checked_source(name: str, value: object) -> Source:
    """Return ``value``; refuse anything but a `Source`."""
    return value if isinstance(value, PerScan) else checks.generator(name, value)


def draw(
    sampler: Sampler, shape: Sequence[int], source: Source, dtype: torch.dtype = torch.float32
) -> Tensor:
    """Draw a batch on the source's device."""
    source = checked_source("generator", source)
    if not isinstance(source, PerScan):
        return sampler(tuple(shape), generator=source, device=source.device, dtype=dtype)
    if (n := len(source)) != shape[0]:
        raise ValueError(f"generator must be of {shape[0]} scans, as the batch, got one of {n}")
    return source.draw(sampler, shape, dtype)


def repeatable(source: Source) -> Callable[[], Source]:
    """Draw seeds; return what makes sources of them, each time the same."""
    if isinstance(source, PerScan):
        return source.repeatable()
    seed = int(torch.randint(2**62, (), generator=source, device=source.device))
    return lambda: torch.Generator(source.device).manual_seed(seed)


def complex_normal(
    shape: tuple[int, ...] | torch.Size, sigma: float, generator: Source, like: Tensor
) -> Tensor:
    """Draw complex Gaussian noise with standard deviation ``sigma`` on each part, in image units.

    The poster's noise is N(0, σ²I) on the two real channels of an image: the expected squared
    modulus is 2σ². The noise takes dtype and device of ``like``, wherever the generator lives.

    Examples
    --------
    >>> like = torch.zeros((), dtype=torch.complex64)
    >>> noise = complex_normal((100, 100), 0.5, generator(0, "noise"), like)
    >>> noise.dtype, round(noise.abs().square().mean().item(), 1)
    (torch.complex64, 0.5)
    """
    shape = tuple(checks.integer("shape", n, minimum=0) for n in checks.members("shape", shape))
    sigma = checks.non_negative("sigma", sigma)
    if not checks.instance("like", like, Tensor).is_complex() and not like.is_floating_point():
        raise TypeError(f"like must be complex or floating point, got {like.dtype}")
    parts = draw(torch.randn, (*shape, 2), generator, like.dtype.to_real())
    return torch.view_as_complex(parts.mul_(sigma)).to(like.device)
