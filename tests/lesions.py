"""Scans with lesions, in a disc of tissue."""

import torch

from smuglib.analysis.lesions import Lesion, draw, plant
from smuglib.data import Scan
from smuglib.random import complex_normal, generator
from tests.scans import measurement

SIZE = 48


def image(dtype=torch.complex128):
    """A disc of tissue of smoothly varying magnitude and phase, in air."""
    rows, columns = torch.meshgrid(*[torch.arange(SIZE, dtype=torch.float64)] * 2, indexing="ij")
    magnitude = 0.6 + 0.2 * torch.cos(rows / 7) * torch.sin(columns / 9)
    inside = torch.hypot(rows - SIZE / 2, columns - SIZE / 2) < 20
    return torch.polar(magnitude * inside, rows / 20 + columns / 30)[None].to(dtype)


def scan(seed=0, dtype=torch.complex128):
    """A noisy scan of that image."""
    _, A, _ = measurement(seed, size=SIZE, n_coils=3, dtype=dtype)
    target = image(dtype)
    noise = complex_normal(A.maps.shape, 0.01, generator(seed, "noise"), target)
    y = torch.where(A.mask, A.forward(target) + noise, 0)
    scale = A.adjoint(y).abs().max()
    return Scan(y / scale, A.maps, A.mask, target / scale, scale.item(), seed, seed, "test")


def planted(seed=0, contrast=0.5, radius=2.0, n_lesions=2, dtype=torch.complex128):
    found = scan(seed, dtype)
    noise = generator(seed, "lesions")
    return plant(
        found, draw(found.target, n_lesions, radius=radius, contrast=contrast, generator=noise)
    )


def at_the_peak(dtype=torch.complex128):
    """A scan whose lesion is the brightest spot of its zero-filled image: its scale changes."""
    found = scan(dtype=dtype)
    peak = found.operator.adjoint(found.kspace).abs().argmax().item()
    pair = plant(found, [Lesion(peak // SIZE, peak % SIZE, 2.0, 1.5)])
    assert pair.factor > 1.05
    return pair
