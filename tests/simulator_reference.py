"""The simulator once more, slowly: whole volumes, whole grids, one term after the other.

It shares the subjects' draws with the library, and no evaluation of them: splines and template by
scipy's interpolation at every point, coils and transform from their formulas.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter, map_coordinates

from smuglib.data import anatomy, splits
from smuglib.data.template import CENTER, template
from smuglib.random import complex_normal, generator
from tests.helpers import dft_matrix


def points_of(height, width):
    """Coordinates (y, x) in millimetres of every pixel centre, ``[2, height, width]``."""
    pixel = max(210.0 / height, 175.0 / width)
    row, column = np.mgrid[:height, :width]
    return np.stack([(height - 1) / 2 - row, column - (width - 1) / 2]) * pixel


def field(random_field, z, points):
    """A cubic B-spline at every point, by scipy."""
    middle = np.array(random_field.coefficients.shape)[:, None, None] // 2
    place = np.stack([np.full(points.shape[1:], z), *points]) / random_field.spacing
    place = np.clip(place, -(middle - 2), middle - 2)
    return map_coordinates(random_field.coefficients, place + middle, order=3, prefilter=False)


def magnitude(person, plane, points):
    z = plane - CENTER[0]
    bend = [field(f, z, points) for f in person.bends]
    y, x = points
    through = bend[0] + bend[3] + person.tilt[0] * y + person.tilt[1] * x
    through = 1.5 * np.tanh(through / 1.5)
    (a, b), (c, d) = person.affine
    back = CENTER[1] + a * y + b * x + person.shift[0] + bend[1] + bend[4]
    side = CENTER[2] + c * y + d * x + person.shift[1] + bend[2] + bend[5]
    place = np.stack([plane + through, back, side])
    t1, grey, white = (map_coordinates(v, place, order=1, output=float) for v in template())
    support = np.minimum(4 * t1, 1)
    fluid = np.clip(support - grey - white, 0, 1)
    odds = [np.exp(field(f, z, points)) for f in person.borders]
    shares = [s**person.sharpness for s in (fluid, grey * odds[0], white * odds[1])]
    total = np.maximum(sum(shares), 1e-9)
    mixed = sum(i * s for i, s in zip(person.tissues, shares, strict=True)) / total * support
    return person.t1_weight * t1**person.t1_gamma + (1 - person.t1_weight) * mixed


def coils(n_coils, z, points, rng):
    draws = torch.rand(n_coils, 6, generator=rng, dtype=torch.float64).numpy() * 2 - 1
    y, x = points
    maps = []
    for coil, (jitter, height, reach, offset, slope_y, slope_x) in enumerate(draws):
        angle = np.pi * draws[0, 0] + 2 * np.pi / n_coils * (coil + 0.2 * jitter)
        squared = (y - 135 * np.sin(angle)) ** 2 + (x - 120 * np.cos(angle)) ** 2
        squared += (z - 25 * height) ** 2
        strength = (1 + squared / (70 * (1 + 0.15 * reach)) ** 2) ** -1.5
        maps.append(strength * np.exp(1j * (np.pi * offset + (slope_y * y + slope_x * x) / 80)))
    return np.stack(maps) / np.sqrt((np.abs(maps) ** 2).sum(0))


def scan(protocol, split, index):
    """Return kspace, maps, target (complex128, one slice) and scale."""
    place = splits.locate(split, index, protocol.seed)
    height, width = protocol.height, protocol.width
    person = anatomy.subject(protocol.seed, split, place.subject)
    rng = generator(protocol.seed, "brain", split, place.subject, place.plane, "slice")
    points, z = points_of(height, width), place.plane - CENTER[0]
    fine = magnitude(person, place.plane, points_of(2 * height, 2 * width))
    image = (fine[::2, ::2] + fine[1::2, ::2] + fine[::2, 1::2] + fine[1::2, 1::2]) / 4
    grain = gaussian_filter(torch.randn(height, width, generator=rng).double().numpy(), 0.6)
    image = (
        image * (1 + person.texture * grain / grain.std()) * np.exp(field(person.bias, z, points))
    )
    target = image / image.max() * np.exp(1j * field(person.phase, z, points))
    own = generator(protocol.seed, "brain", split, place.subject, "coils")
    maps = coils(protocol.n_coils, z, points, own)
    like = torch.zeros(1, dtype=torch.complex64)
    noise = complex_normal((1, *maps.shape), protocol.noise, rng, like)[0].numpy()
    rows, columns = dft_matrix(height), dft_matrix(width)
    mask = protocol.mask()[0].numpy()
    kspace = mask * (rows @ (maps * target) @ columns.T + noise)
    zero_filled = (maps.conj() * (rows.conj().T @ kspace @ columns.conj())).sum(0)
    scale = np.abs(zero_filled).max()
    return kspace / scale, maps, target / scale, scale
