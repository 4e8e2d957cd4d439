"""Whole heads: the brains of `smuglib.data.anatomy`, folded and veined, inside their skulls.

The template is a mean of 152 people and has lost most sulci: they come back as sheets along which
a random field vanishes, vessels and perivascular spaces as curves along which two do.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from smuglib.data.anatomy import Subject, subject, template_points
from smuglib.data.cranium import THICKNESS, distances, enclose
from smuglib.data.fields import Array, RandomField
from smuglib.data.template import CENTER, template
from smuglib.random import generator

# Lowest and highest intensities of each contrast's tissues.
TISSUES = ("csf", "grey", "white", "bone", "marrow", "muscle", "fat", "skin")
CONTRASTS = {
    "T1": ((0.15, 0.25), (0.55, 0.7), (0.85, 0.95), (0.02, 0.1), (0.6, 1.3), (0.4, 0.55),
           (1.4, 2.2), (0.6, 1.0)),
    "T2": ((0.9, 1.05), (0.40, 0.5), (0.26, 0.34), (0.01, 0.06), (0.2, 0.5), (0.1, 0.2),
           (0.8, 1.1), (0.4, 0.7)),
    "FLAIR": ((0.06, 0.15), (0.72, 0.82), (0.55, 0.64), (0.01, 0.06), (0.1, 0.3), (0.15, 0.25),
              (0.2, 0.5), (0.2, 0.4)),
}  # fmt: skip


@dataclass(frozen=True)
class Head:
    """What sets one head apart beside its brain's subject; drawn once, shared by its slices.

    Parameters
    ----------
    brain, bends
        The subject, bent too smoothly for its skull to dent; how its brain bends within.
    values, atrophy
        Intensities of tissues and layers; how wide sulci are.
    noise
        The subject's noise, relative to its protocol's.
    folds, vessels, layers, texture, phase, fat_phase
        Fields that vanish at sulci and, both, at vessels; of the layers' thickness, of relative
        intensity and of the local phase in radians, and the phase of fat against water.
    """

    brain: Subject
    bends: tuple[RandomField, ...]
    values: dict[str, float]
    atrophy: float
    noise: float
    folds: RandomField
    vessels: tuple[RandomField, ...]
    layers: tuple[RandomField, ...]
    texture: RandomField
    phase: RandomField
    fat_phase: float


@lru_cache(maxsize=32)
def draw_head(seed: int, split: str, number: int, contrast: str) -> Head:
    """Draw a head by its subject; its contrast is one of `CONTRASTS`, or ``"any"`` of them."""
    rng = generator(seed, "head", split, number, "anatomy")

    def uniform(low: float, high: float) -> float:
        draw = torch.rand((), generator=rng, dtype=torch.float64, device="cpu")
        return low + (high - low) * draw.item()

    names = tuple(CONTRASTS)
    drawn = names[int(uniform(0, len(names)))]
    ranges = CONTRASTS[drawn if contrast == "any" else contrast]
    values = {name: uniform(*between) for name, between in zip(TISSUES, ranges, strict=True)}
    bends = [RandomField.draw(mm, std, rng) for mm in (90.0, 60.0) for std in (0.8, 2.0, 2.0)]
    return Head(
        brain=replace(subject(seed, split, number), bends=tuple(bends)),
        bends=tuple(RandomField.draw(13.0, 1.3, rng) for _ in range(2)),
        values={**values, "air": 0.0},
        atrophy=uniform(0.8, 1.3),
        noise=2 ** uniform(-0.5, 0.5),
        folds=RandomField.draw(7.0, 1.0, rng),
        vessels=tuple(RandomField.draw(9.0, 1.0, rng) for _ in range(2)),
        layers=tuple(RandomField.draw(50.0, std, rng) for _, std in THICKNESS),
        texture=RandomField.draw(3.0, uniform(0.01, 0.03), rng),
        phase=RandomField.draw(5.0, 0.19, rng),
        fat_phase=uniform(-1.0, 1.0),
    )


def image(head: Head, plane: int, y: Array, x: Array) -> NDArray[np.complex128]:
    """Render a slice on a grid in millimetres, complex, ``[y, x]``, median over the brain 1."""
    z, pixel = plane - CENTER[0], abs(y[1] - y[0])
    points = template_points(head.brain, plane, y, x)
    skull, skin, depth = distances(points)
    seen = np.flatnonzero(skin < 20)

    def at(field: RandomField) -> Array:
        values: Array = field.plane(z, y, x).ravel()[seen]
        return values

    side = points[2] - CENTER[2]
    folds = _inwards(head.folds.plane(z, y, x), depth, side, pixel).ravel()[seen]
    skull, skin, depth = skull.ravel()[seen], skin.ravel()[seen], depth.ravel()[seen]
    points, side = points.reshape(3, -1)[:, seen], abs(side.ravel()[seen])
    points[1:] += [at(bend) for bend in head.bends]
    shares, relief = _tissues(head, points, depth, folds, at)
    tube = np.exp(-(at(head.vessels[0]) ** 2 + at(head.vessels[1]) ** 2) / 0.12**2)
    values = head.values
    csf, grey, white = (values[name] for name in TISSUES[:3])
    # Vessels are flow voids in CSF; the spaces around them are bright or dark with it in tissue.
    solid = (1 - 0.5 * tube) * (shares[1] * grey + shares[2] * white) * relief
    brain = solid + 0.5 * tube * (1 - shares[0]) * csf + (1 - 0.7 * tube) * shares[0] * csf
    sinus = np.clip((skull + 7 - 1.6 * side) / pixel, 0, 1)
    brain = brain + 0.8 * sinus * (0.5 * values["muscle"] - brain)
    thickness = [mean + at(field) for (mean, _), field in zip(THICKNESS, head.layers, strict=True)]
    magnitude, fat = enclose(brain, values, skull, skin, np.stack(thickness), pixel)
    magnitude = magnitude * np.exp(at(head.brain.bias))
    level = np.median(magnitude[(shares[0] < 0.5) & (skull < 0)])
    phase = at(head.brain.phase) + at(head.phase) + head.fat_phase * fat
    rendered = np.zeros((y.size, x.size), np.complex128)
    rendered.flat[seen] = magnitude / level * np.exp(1j * phase)
    return rendered


def _tissues(
    head: Head, points: Array, depth: Array, folds: Array, at: Callable[[RandomField], Array]
) -> tuple[Array, Array]:
    """Share out CSF, grey and white matter, ``[3, points]``, with the relief of their intensity."""
    t1, grey, white = (map_coordinates(v, points, order=1, output=np.float64) for v in template())
    support, sheet = np.clip(4 * t1, 0, 1), abs(folds)
    near = np.clip((depth + 26) / 10, 0, 1) * np.clip(2.5 * grey - 0.5, 0, 1)
    sulcus = head.atrophy * near * np.exp(-((sheet / 0.2) ** 2))
    gyrus = near * np.clip(sheet - 0.6, 0, 0.8)
    odds = [np.exp(0.4 * at(border)) for border in head.brain.borders]
    parts = [np.clip(1 - grey - white, 0, 1) + sulcus, grey * odds[0], (white + gyrus) * odds[1]]
    shares = np.stack(parts) ** 3
    shares *= support / np.maximum(shares.sum(0), 1e-9)
    shares[0] += 1 - support
    myelin = 0.35 * (t1 - 0.75) * np.sign(head.values["white"] - head.values["grey"])
    return shares, np.clip(1 + myelin, 0.8, 1.2) * (1 + at(head.texture))


def _inwards(surface: Array, depth: Array, side: Array, pixel: float) -> Array:
    """Continue a field inwards from the brain's surface: sulci are perpendicular to it.

    The halves of the brain take it from places apart, or sulci would cross the midline.
    """
    slopes = np.stack(np.gradient(depth, pixel))
    away = 0.8 * np.maximum(depth, -30) * slopes / np.maximum(np.hypot(*slopes), 0.3)
    away[0] += 8 * np.sign(side)
    values: Array = map_coordinates(
        surface, np.indices(depth.shape) - away / pixel, order=1, mode="nearest"
    )
    return values
