"""Whole heads: the brains of `smuglib.data.anatomy`, folded and veined, inside skull and scalp.

The template is a mean of 152 people and has lost most sulci: they come back as sheets along which a
random field vanishes, vessels and perivascular spaces as curves along which two do. The layers
around the brain follow the distance to its surface, the furrows closed.
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

# Intensities: CSF, grey and white matter, bone, marrow, muscle, fat, skin; a head's differ by 10 %.
CONTRASTS = (
    (0.20, 0.62, 0.90, 0.06, 0.95, 0.48, 1.80, 0.80),  # T1
    (1.00, 0.45, 0.30, 0.03, 0.35, 0.15, 0.95, 0.55),  # T2
    (0.10, 0.77, 0.60, 0.03, 0.20, 0.20, 0.35, 0.30),  # FLAIR
)
BONE, MARROW, MUSCLE, FAT, SKIN = range(3, 8)

# From CSF outwards: a layer's thickness in mm, mean and spread, and what follows; 8 is air.
LAYERS = (
    (1.5, 0.7, BONE), (1.6, 0.4, MARROW), (2.6, 1.0, BONE), (1.8, 0.5, MUSCLE), (0.8, 0.6, FAT),
    (3.0, 1.2, SKIN), (2.0, 0.4, 8),
)  # fmt: skip

# Random fields: distance of knots in mm, and standard deviation; phase in radians.
FIELDS = {
    "fold": (7.0, 1.0), "vein": (9.0, 1.0), "artery": (9.0, 1.0), "texture": (4.0, 0.027),
    "phase": (5.0, 0.19), "back": (13.0, 1.3), "side": (13.0, 1.3),
}  # fmt: skip

# Front to back and left to right, in millimetres.
FIELD_OF_VIEW = (240.0, 200.0)

# Room around the template and step of the grid of distances, in mm.
ROOM, STEP = 54, 3


@dataclass(frozen=True)
class Head:
    """A subject, bent too smoothly to dent the skull; intensities, noise, thicknesses, fields."""

    brain: Subject
    values: Array
    noise: float
    layers: tuple[RandomField, ...]
    fields: dict[str, RandomField]


@lru_cache(maxsize=32)
def draw_head(seed: int, split: str, number: int) -> Head:
    """Draw the head of a subject, and its contrast."""
    rng = generator(seed, "head", split, number, "anatomy")
    draws = torch.rand(10, generator=rng, dtype=torch.float64, device="cpu").numpy()
    values = np.array(CONTRASTS[int(draws[8] * len(CONTRASTS))]) * (0.9 + 0.2 * draws[:8])
    bends = [RandomField.draw(mm, std, rng) for mm in (90.0, 60.0) for std in (0.8, 2.0, 2.0)]
    return Head(
        replace(subject(seed, split, number), bends=tuple(bends)),
        np.append(values, 0.0),
        2 ** (draws[9] - 0.5),
        tuple(RandomField.draw(50.0, std, rng) for _, std, _ in LAYERS),
        {name: RandomField.draw(*size, rng) for name, size in FIELDS.items()},
    )


@lru_cache(maxsize=1)
def distances() -> tuple[NDArray[np.float32], ...]:
    """Distances in mm, negative inside, to the skull and to the scalp's layers.

    All splits share them, as they share the template's coordinates: they hold no brain structure.
    """
    brain = np.pad(template()[0, ::STEP, ::STEP, ::STEP], ROOM // STEP)
    # The scalp bridges temples, and goes straight down: there is a face below the forehead.
    below = np.maximum.accumulate(brain[::-1])[::-1]
    found = []
    for filled, radius in ((brain, 16.0), (below, 48.0)):
        near = distance_transform_edt(filled < 0.05) * STEP < radius
        closed = distance_transform_edt(near) * STEP > radius
        found.append(distance_transform_edt(~closed) - distance_transform_edt(closed))
    return tuple(gaussian_filter((STEP * v).astype(np.float32), 1.5) for v in found)


def image(head: Head, plane: int, y: Array, x: Array) -> NDArray[np.complex128]:
    """Render a slice on a grid in millimetres, complex, ``[y, x]``; its median brain is 1."""
    z, pixel = plane - CENTER[0], abs(y[1] - y[0])
    points = template_points(head.brain, plane, y, x)
    places = (points + ROOM) / STEP
    skull, scalp = (map_coordinates(v, places, order=1, mode="nearest") for v in distances())
    seen = np.flatnonzero(scalp < 20)
    at = {name: field.plane(z, y, x) for name, field in head.fields.items()}
    # A sulcus is perpendicular to the surface it starts from; halves of the brain differ.
    slopes = np.stack(np.gradient(skull, pixel))
    inwards = 0.8 * np.clip(skull, -30, 0) * slopes / np.maximum(np.hypot(*slopes), 0.3)
    inwards[0] += 8 * np.sign(points[2] - CENTER[2])
    surface = np.indices(skull.shape) - inwards / pixel
    at["fold"] = map_coordinates(at["fold"], surface, order=1, mode="nearest")
    at = {name: values.ravel()[seen] for name, values in at.items()}
    skull, scalp, points = skull.flat[seen], scalp.flat[seen], points.reshape(3, -1)[:, seen]

    sinus = np.clip((skull + 7 - 1.6 * abs(points[2] - CENTER[2])) / pixel, 0, 0.8)
    points[1:] += at["back"], at["side"]
    shares, relief = _tissues(head, points, at["fold"])
    csf, *solid = head.values[:3]
    # Vessels are flow voids; in the brain, the CSF around them is what shows.
    tube = np.exp(-(at["vein"] ** 2 + at["artery"] ** 2) / 0.12**2)
    brain = (solid @ shares[1:]) * relief * (1 + at["texture"]) * (1 - 0.5 * tube)
    brain += csf * (shares[0] * (1 - 0.7 * tube) + (1 - shares[0]) * 0.5 * tube)
    magnitude = brain + sinus * (head.values[MUSCLE] / 2 - brain)
    thicker = [field.plane(z, y, x).ravel()[seen] for field in head.layers]
    magnitude = enclose(magnitude, head.values, skull, scalp, thicker, pixel)
    magnitude *= np.exp(head.brain.bias.plane(z, y, x).ravel()[seen])
    magnitude /= np.median(magnitude[(shares[0] < 0.5) & (skull < 0)])
    rendered = np.zeros((y.size, x.size), np.complex128)
    phase = head.brain.phase.plane(z, y, x).ravel()[seen] + at["phase"]
    rendered.flat[seen] = magnitude * np.exp(1j * phase)
    return rendered


def enclose(
    inner: Array, values: Array, skull: Array, scalp: Array, thicker: list[Array], pixel: float
) -> Array:
    """Lay CSF and the layers around a brain's intensities; borders are ramps of one pixel."""
    outer, border = inner.copy(), np.zeros_like(inner)
    for more, (thickness, _, following) in zip(thicker, LAYERS, strict=True):
        border += np.maximum(thickness + more, 0.3)
        distance = scalp if following in (FAT, SKIN, 8) else skull
        outer += np.clip((distance - border) / pixel + 0.5, 0, 1) * (values[following] - outer)
    return outer


def _tissues(head: Head, points: Array, fold: Array) -> tuple[Array, Array]:
    """Share out CSF, grey and white matter, ``[3, points]``, with the relief of their intensity."""
    t1, grey, white = (map_coordinates(v, points, order=1, output=np.float64) for v in template())
    support = np.clip(4 * t1, 0, 1)
    # Grey matter is cortex but within an ellipsoid: basal ganglia, thalamus, brainstem.
    radius = np.linalg.norm((points.T - (74, 115, 98)) / (26, 34, 34), axis=1)
    cortex = np.clip(3 * radius - 2.7, 0, 1) * np.clip(2.5 * grey - 0.5, 0, 1)
    sulcus = cortex * np.exp(-((fold / 0.2) ** 2))
    gyrus = cortex * np.clip(abs(fold) - 0.6, 0, 0.8)
    shares = np.stack([np.clip(1 - grey - white, 0, 1) + sulcus, grey, white + gyrus]) ** 3
    shares *= support / np.maximum(shares.sum(0), 1e-9)
    shares[0] += 1 - support
    myelin = 0.35 * (t1 - 0.75) * np.sign(head.values[2] - head.values[1])
    return shares, np.clip(1 + myelin, 0.8, 1.2)
