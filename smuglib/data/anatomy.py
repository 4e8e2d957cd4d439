"""Synthetic subjects: the ICBM152 template bent, its tissues and contrast changed, by a seed."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from smuglib.data.fields import Array, RandomField, pixel_grid
from smuglib.data.template import CENTER, template
from smuglib.random import generator

# Field of view in millimetres, front to back and left to right: the largest slices of the
# template are 180 x 145, so a subject fills about 85 % of the longer side.
FIELD_OF_VIEW = (210.0, 175.0)

# A subject's deformation moves no point further than this through the plane, in millimetres:
# what separates the splits' slice bands (see `smuglib.data.splits`).
MAX_THROUGH_PLANE = 1.5


@dataclass(frozen=True)
class Subject:
    """What sets one synthetic subject apart; drawn once, shared by all of its slices.

    Parameters
    ----------
    affine, shift, tilt, bends
        In-plane matrix from image to template coordinates, ``[2, 2]`` over (y, x); shift in
        millimetres and slope of the plane against the template's, each ``[2]``; displacement
        fields (z, y, x) in millimetres, a coarse and a fine triple.
    borders, sharpness
        Log-odds fields that move the borders of grey and of white matter; power of the tissue
        probabilities: the larger, the crisper the borders.
    tissues, t1_weight, t1_gamma
        Intensities of CSF, grey and white matter; share and exponent of the template's own T1.
    bias, phase, texture
        Fields of the log-intensity and of the phase in radians; relative standard deviation of
        the fine texture.
    """

    affine: Array
    shift: Array
    tilt: Array
    bends: tuple[RandomField, ...]
    borders: tuple[RandomField, ...]
    sharpness: float
    tissues: tuple[float, float, float]
    t1_weight: float
    t1_gamma: float
    bias: RandomField
    phase: RandomField
    texture: float


@lru_cache(maxsize=32)
def subject(seed: int, split: str, number: int) -> Subject:
    """Draw a subject: every combination of seed, split and number is another one."""
    rng = generator(seed, "brain", split, number, "anatomy")

    def uniform(low: float, high: float) -> float:
        draw = torch.rand((), generator=rng, dtype=torch.float64, device="cpu")
        return low + (high - low) * draw.item()

    angle, shear = uniform(-0.1, 0.1), uniform(-0.05, 0.05)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.array([[1 / uniform(0.94, 1.05), shear], [0.0, 1 / uniform(0.92, 1.06)]])
    coarse = tuple(RandomField.draw(35.0, std, rng) for std in (0.8, 3.0, 3.0))
    fine = tuple(RandomField.draw(13.0, std, rng) for std in (0.4, 1.3, 1.3))
    return Subject(
        affine=rotation @ stretch,
        shift=np.array([uniform(-3, 3), uniform(-3, 3)]),
        tilt=np.array([uniform(-0.012, 0.012), uniform(-0.012, 0.012)]),
        bends=coarse + fine,
        borders=tuple(RandomField.draw(8.0, 1.0, rng) for _ in range(2)),
        sharpness=uniform(1.2, 2.2),
        tissues=(uniform(0.08, 0.3), uniform(0.45, 0.72), uniform(0.78, 1.0)),
        t1_weight=uniform(0.2, 0.6),
        t1_gamma=uniform(0.8, 1.4),
        bias=RandomField.draw(90.0, 0.2, rng),
        phase=RandomField.draw(80.0, 0.8, rng),
        texture=uniform(0.012, 0.025),
    )


def image(
    person: Subject, plane: int, height: int, width: int, rng: torch.Generator
) -> NDArray[np.complex128]:
    """Render one axial slice of a subject, complex, ``[height, width]``, largest magnitude 1.

    ``plane`` is in millimetres from the template's lowest one, rows run from front to back, and
    ``rng`` is the seeded CPU generator of the slice's texture.
    """
    # Tissue borders are drawn on a grid twice as fine and averaged: partial volume in each pixel.
    fine_magnitude = _magnitude(person, plane, *pixel_grid(2 * height, 2 * width, *FIELD_OF_VIEW))
    magnitude = fine_magnitude.reshape(height, 2, width, 2).mean(axis=(1, 3))
    y, x = pixel_grid(height, width, *FIELD_OF_VIEW)
    z = plane - CENTER[0]
    draws = torch.randn(height, width, generator=rng, dtype=torch.float32, device="cpu")
    grain = gaussian_filter(draws.double().numpy(), 0.6)
    magnitude = magnitude * (1 + person.texture * grain / grain.std())
    magnitude = magnitude * np.exp(person.bias.plane(z, y, x))
    phasor = np.exp(1j * person.phase.plane(z, y, x))
    complex_image: NDArray[np.complex128] = magnitude / magnitude.max() * phasor
    return complex_image


def template_points(person: Subject, plane: int, y: Array, x: Array) -> Array:
    """Find where in the template the points of a subject's slice come from, in voxels.

    ``y`` and ``x`` are in millimetres from the centre of the head. The result is (z, y, x),
    ``[3, rows, columns]``; z stays within `MAX_THROUGH_PLANE` of the plane.
    """
    z = plane - CENTER[0]
    bends = [bend.plane(z, y, x) for bend in person.bends]
    down, back, side = (coarse + fine for coarse, fine in zip(bends[:3], bends[3:], strict=True))
    grid = np.stack(np.broadcast_arrays(y[:, None], x[None, :]))
    bent = np.tensordot(person.affine, grid, axes=1) + person.shift[:, None, None]
    down = down + np.tensordot(person.tilt, grid, axes=1)
    through = MAX_THROUGH_PLANE * np.tanh(down / MAX_THROUGH_PLANE)
    return np.stack([plane + through, CENTER[1] + bent[0] + back, CENTER[2] + bent[1] + side])


def _magnitude(person: Subject, plane: int, y: Array, x: Array) -> Array:
    """Mix the tissues and the template's T1 at each point of a grid, ``[rows, columns]``."""
    points = template_points(person, plane, y, x).reshape(3, -1)
    everywhere = map_coordinates(template()[0], points, order=1, output=np.float64)
    # More than half of the points see nothing but air, where every term below is zero.
    seen = np.flatnonzero(everywhere)
    t1, inside = everywhere[seen], points[:, seen]
    grey, white = (
        map_coordinates(volume, inside, order=1, output=np.float64) for volume in template()[1:]
    )
    support = np.clip(4 * t1, 0, 1)
    fluid = np.clip(support - grey - white, 0, 1)
    z = plane - CENTER[0]
    odds = [np.exp(border.plane(z, y, x).ravel()[seen]) for border in person.borders]
    shares = np.stack([fluid, grey * odds[0], white * odds[1]]) ** person.sharpness
    shares = shares / np.maximum(shares.sum(0), 1e-9) * support
    mixed: Array = np.tensordot(np.array(person.tissues), shares, axes=1)
    template_t1: Array = t1**person.t1_gamma
    magnitude = np.zeros(y.size * x.size)
    magnitude[seen] = person.t1_weight * template_t1 + (1 - person.t1_weight) * mixed
    return magnitude.reshape(y.size, x.size)
