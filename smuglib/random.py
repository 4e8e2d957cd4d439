"""Seeded generators: every random draw of the library comes from one of these.

Draws for different paths of keys are independent, and none depends on what was drawn before it:
an interrupted training can resume at any update. On one kind of device draws are the same bit by
bit; a CPU and a GPU draw differently, so results agree within the spread of their samples.
"""

import hashlib
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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

    def get_state(self) -> Tensor:
        """Return the states of all generators."""
        return torch.stack([generator.get_state() for generator in self.generators])


@dataclass(frozen=True)
class Share:
    """A generator of a whole batch, of whose draws one of several processes keeps its own rows.

    Examples
    --------
    >>> own = Share(generator(0, "a"), batch=4, rows=slice(2, 4))
    >>> whole = torch.rand(4, 3, generator=generator(0, "a"))
    >>> torch.equal(draw(torch.rand, (2, 3), own), whole[2:])
    True
    """

    generator: torch.Generator
    batch: int
    rows: slice

    def __len__(self) -> int:
        return len(range(self.batch)[self.rows])

    def get_state(self) -> Tensor:
        """Return the state of the generator."""
        return self.generator.get_state()


Source = torch.Generator | PerScan | Share


def checked_source(name: str, value: object) -> Source:
    """Return ``value``; refuse anything but a `Source`."""
    return value if isinstance(value, PerScan | Share) else checks.generator(name, value)


def draw(
    sampler: Callable[..., Tensor],
    shape: Sequence[int],
    source: Source,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Draw a batch by a function of torch, such as `torch.randn`, on the source's device."""
    if isinstance(source, torch.Generator):
        return sampler(tuple(shape), generator=source, device=source.device, dtype=dtype)
    if len(source) != shape[0]:
        n = len(source)
        raise ValueError(f"generator must be of {shape[0]} scans, as the batch, got one of {n}")
    if isinstance(source, Share):
        whole = draw(sampler, (source.batch, *shape[1:]), source.generator, dtype)
        return whole[source.rows]
    return torch.stack([draw(sampler, shape[1:], one, dtype) for one in source.generators])


def repeatable(source: Source) -> Callable[[], Source]:
    """Draw seeds; return what makes sources of them, each time the same."""
    if isinstance(source, PerScan):
        makers = [repeatable(one) for one in source.generators]
        return lambda: PerScan([maker() for maker in makers])  # type: ignore[misc]
    if isinstance(source, Share):
        remake = repeatable(source.generator)
        return lambda: replace(source, generator=remake())  # type: ignore[arg-type]
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
    checked_source("generator", generator)
    shape = tuple(checks.integer("shape", n, minimum=0) for n in checks.members("shape", shape))
    sigma = checks.non_negative("sigma", sigma)
    if not checks.instance("like", like, Tensor).is_complex() and not like.is_floating_point():
        raise TypeError(f"like must be complex or floating point, got {like.dtype}")
    parts = draw(torch.randn, (*shape, 2), generator, like.dtype.to_real())
    return torch.view_as_complex(parts.mul_(sigma)).to(like.device)
