"""Whole heads: a synthetic subject's brain, folded, inside CSF, skull, scalp and skin.

The brain is that of `smuglib.data.anatomy`. Sulci that the template, a mean of 152 people, has lost
are sheets where a random field vanishes, vessels and perivascular spaces are curves where two do,
and the layers around the brain follow its 3-D distance.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, map_coordinates

from smuglib.data.anatomy import Subject, subject, template_points
from smuglib.data.fields import Array, RandomField
from smuglib.data.template import CENTER, template
from smuglib.random import generator

FIELD_OF_VIEW = (240.0, 200.0)
"""In millimetres, front to back and left to right."""

LIFT = 14
"""Height of a head's planes above the brain's, in millimetres: they pass over the eyes."""

LAYERS = ("csf", "table", "marrow", "table", "muscle", "fat", "skin")
"""What lies around the brain, from the inside out."""

CONTRASTS = {
    #        grey          white         csf           table         marrow
    "T1": ((0.55, 0.7), (0.85, 0.95), (0.15, 0.25), (0.02, 0.1), (0.6, 1.3),
           (0.4, 0.55), (1.4, 2.2), (0.6, 1.0)),
    "T2": ((0.40, 0.5), (0.26, 0.34), (0.9, 1.05), (0.01, 0.06), (0.2, 0.5),
           (0.1, 0.2), (0.8, 1.1), (0.4, 0.7)),
    "FLAIR": ((0.72, 0.82), (0.55, 0.64), (0.06, 0.15), (0.01, 0.06), (0.1, 0.3),
              (0.15, 0.25), (0.25, 0.6), (0.2, 0.45)),
}  # fmt: skip

# Mean and spread of the layers' thickness in millimetres, CSF to skin.
THICKNESS = ((1.5, 0.7), (1.6, 0.4), (2.8, 1.0), (1.8, 0.5), (0.6, 0.5), (3.5, 1.2), (2.0, 0.4))

PAD, STEP = 24, 2

INWARDS = 0.8

FLAT = (RandomField(np.zeros((5, 5, 5)), 200.0),) * 3


@dataclass(frozen=True)
class Head:
    brain: Subject
    bends: tuple[RandomField, ...]
    atrophy: float
    contrast: str
    values: dict[str, float]
    layers: tuple[RandomField, ...]
    folds: RandomField
    vessels: tuple[RandomField, ...]
    texture: RandomField
    phase: RandomField
    fat_phase: float


@lru_cache(maxsize=32)
def draw_head(seed: int, split: str, number: int) -> Head:
    rng = generator(seed, "head", split, number, "anatomy")

    def uniform(low: float, high: float) -> float:
        draw = torch.rand((), generator=rng, dtype=torch.float64, device="cpu")
        return low + (high - low) * draw.item()

    contrast = tuple(CONTRASTS)[int(uniform(0, len(CONTRASTS)))]
    names = ("grey", "white", "csf", "table", "marrow", "muscle", "fat", "skin")
    return Head(
        brain=replace(
            subject(seed, split, number),
            bends=tuple(RandomField.draw(70.0, std, rng) for std in (0.8, 4.0, 4.0)) + FLAT,
        ),
        bends=tuple(RandomField.draw(13.0, 1.3, rng) for _ in range(2)),
        atrophy=uniform(0.8, 1.3),
        contrast=contrast,
        values={n: uniform(*r) for n, r in zip(names, CONTRASTS[contrast], strict=True)},
        layers=tuple(RandomField.draw(30.0, std, rng) for _, std in THICKNESS),
        folds=RandomField.draw(7.0, 1.0, rng),
        vessels=tuple(RandomField.draw(9.0, 1.0, rng) for _ in range(2)),
        texture=RandomField.draw(3.0, uniform(0.01, 0.03), rng),
        phase=RandomField.draw(5.0, 0.19, rng),
        fat_phase=uniform(-1.0, 1.0),
    )


@lru_cache(maxsize=1)
def surface_distance() -> NDArray[np.float32]:
    """Distance to the template brain's closed surface in mm, negative inside, every 2 mm."""
    brain = np.pad(template()[0] > 0.05, PAD)[::STEP, ::STEP, ::STEP]
    closed = distance_transform_edt(~brain) * STEP < 16
    closed = distance_transform_edt(closed) * STEP > 16
    d = STEP * (distance_transform_edt(~closed) - distance_transform_edt(closed))
    return gaussian_filter(d.astype(np.float32), 1.0)


def render(head: Head, plane: int, y: Array, x: Array) -> NDArray[np.complex128]:
    """Render one slice on a grid in millimetres, complex, ``[y, x]``."""
    z, pixel = plane - CENTER[0], abs(y[1] - y[0])
    points = template_points(head.brain, plane, y, x)
    distance = map_coordinates(surface_distance(), (points + PAD) / STEP, order=1, mode="nearest")
    seen = np.flatnonzero(distance < 30)

    def at(field: RandomField) -> Array:
        return field.plane(z, y, x).ravel()[seen]

    # A sulcus runs inwards: what the field is at the surface, it is below it.
    rows, columns = np.indices(distance.shape)
    slope_y, slope_x = np.gradient(distance)
    steep = np.maximum(np.hypot(slope_y, slope_x), 0.3 * pixel)
    depth = INWARDS * np.clip(distance, -30, 0) / pixel / steep
    places = np.stack([rows - depth * slope_y, columns - depth * slope_x]).reshape(2, -1)[:, seen]
    folds = map_coordinates(head.folds.plane(z, y, x), places, order=1, mode="nearest")
    d, points = distance.ravel()[seen], points.reshape(3, -1)[:, seen]
    bent = points.copy()
    bent[1:] += [at(bend) for bend in head.bends]
    inner = _brain(head, bent, d, folds, at)
    v = head.values
    side, front = np.abs(points[2] - CENTER[2]), points[1] - CENTER[1]
    temple = 6 * np.exp(-(((front - 15) / 30) ** 2)) / (1 + np.exp((50 - side) / 5))
    temple *= np.clip((110 - plane) / 40, 0, 1)
    sinus = np.clip((d + 7 - 1.6 * side) / pixel, 0, 1)
    inner = inner + (0.5 * v["muscle"] - inner) * sinus * 0.8
    border, outer, is_fat = 0.0, inner, 0.0
    values = [v[name] for name in LAYERS[1:]] + [0.0]
    for k, (mean, _) in enumerate(THICKNESS):
        thickness = mean + at(head.layers[k])
        if LAYERS[k] == "muscle":
            thickness = thickness + temple
        border = border + np.maximum(thickness, 0.3)
        step = np.clip((d - border) / pixel + 0.5, 0, 1)
        outer = outer + (values[k] - outer) * step
        is_fat = is_fat + ((values[k] == v["fat"]) - is_fat) * step
    outer = outer * np.exp(at(head.brain.bias))
    phase = at(head.brain.phase) + at(head.phase) + head.fat_phase * is_fat
    image = np.zeros(y.size * x.size, np.complex128)
    image[seen] = outer * np.exp(1j * phase)
    return image.reshape(y.size, x.size)


def _brain(head: Head, points: Array, d: Array, folds, at) -> Array:
    v = head.values
    t1, grey, white = (map_coordinates(t, points, order=1, output=float) for t in template())
    support = np.clip(4 * t1, 0, 1)
    fluid = np.clip(1 - grey - white, 0, 1)
    near = np.clip((d + 26) / 10, 0, 1)
    fold = np.abs(folds)
    sulcus = near * np.exp(-((fold / 0.2) ** 2)) * np.clip(2.5 * grey - 0.5, 0, 1)
    gyrus = near * np.clip(fold - 0.6, 0, 0.8) * grey
    odds = [np.exp(0.4 * at(border)) for border in head.brain.borders]
    shares = np.stack([fluid + head.atrophy * sulcus, grey * odds[0], (white + gyrus) * odds[1]]) ** 3
    shares /= np.maximum(shares.sum(0), 1e-9)
    shares[0] = 1 - (1 - shares[0]) * support
    shares[1:] *= support
    tissue = 1 + 0.35 * (t1 - 0.75) * (1 if head.contrast == "T1" else -1)
    tissue = np.clip(tissue, 0.8, 1.2) * (1 + at(head.texture))
    tube = np.exp(-(at(head.vessels[0]) ** 2 + at(head.vessels[1]) ** 2) / 0.12**2)
    solid = (shares[1] * v["grey"] + shares[2] * v["white"]) * tissue
    pvs = 0.5 * tube * (shares[1] + shares[2])
    solid = solid + pvs * (v["csf"] - solid / np.maximum(shares[1:].sum(0), 1e-3))
    return solid + shares[0] * v["csf"] * (1 - 0.7 * tube)
