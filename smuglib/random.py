"""Seeded generators: every random draw of the library comes from one of these.

Draws for different paths of keys are independent, and none depends on what was drawn before it:
an interrupted training can resume at any update.
"""

import hashlib
import operator

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


def complex_normal(
    shape: tuple[int, ...] | torch.Size, sigma: float, generator: torch.Generator, like: Tensor
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
    checks.generator("generator", generator)
    shape = tuple(checks.integer("shape", n, minimum=0) for n in checks.members("shape", shape))
    sigma = checks.non_negative("sigma", sigma)
    if not checks.instance("like", like, Tensor).is_complex() and not like.is_floating_point():
        raise TypeError(f"like must be complex or floating point, got {like.dtype}")
    real_dtype = like.dtype.to_real()
    parts = torch.randn((*shape, 2), generator=generator, dtype=real_dtype, device=generator.device)
    return torch.view_as_complex(parts.mul_(sigma)).to(like.device)
