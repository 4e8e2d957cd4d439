"""Heads: layers in their order around the brain, and statistics of real scans."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from smuglib import data
from smuglib.data import anatomy, head_anatomy
from smuglib.data.fields import pixel_grid
from smuglib.data.head_anatomy import ROOM, STEP
from smuglib.data.simulator import LIFT
from smuglib.data.splits import locate

# Pixels of 1.64 mm, the size for which the ranges below were measured on real scans.
HEIGHT, WIDTH = 146, 122
PIXEL = 240 / HEIGHT


def distances(index):
    """Distances of a scan's pixels to skull and scalp, negative inside."""
    place = locate("train", index)
    head = head_anatomy.draw_head(0, "train", place.subject)
    y, x = pixel_grid(HEIGHT, WIDTH, *head_anatomy.FIELD_OF_VIEW)
    points = anatomy.template_points(head.brain, place.plane + LIFT, y, x)
    return [
        map_coordinates(v, (points + ROOM) / STEP, order=1, mode="nearest")
        for v in head_anatomy.distances()
    ]


@pytest.fixture(scope="module")
def heads():
    """A dozen references, complex, and the distances of their pixels."""
    scans = (
        data.head("train", index, height=HEIGHT, width=WIDTH, n_coils=2) for index in range(12)
    )
    return [(scan.target[0].numpy(), *distances(i)) for i, scan in enumerate(scans)]


def statistics(image, skull, scalp):
    """Numbers that tell a head from a smooth phantom, from their definitions."""
    x = abs(image)
    brain, head = skull < -1, scalp < 10
    level = np.median(x[brain & (skull < -6)])
    power = abs(np.fft.fft2(x)) ** 2
    f = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n, PIXEL) for n in x.shape), indexing="ij"))
    edges = np.geomspace(0.03, 0.25, 14)
    radial = [power[(f >= a) & (f < b)].mean() for a, b in zip(edges, edges[1:], strict=False)]
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(radial), 1)[0]
    steps = np.hypot(np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:]))
    smooth = gaussian_filter(image.real, 8 / PIXEL) + 1j * gaussian_filter(image.imag, 8 / PIXEL)
    return {
        "exponent": -slope,
        "fine": power[(f > 0.15) & (f < 0.3)].sum() / power.sum(),
        "variation": steps[head].mean() / x[head].mean(),
        "flat": (steps[skull < -3] / level < 0.02).mean(),
        "outside": (x[head & (skull > 0)] ** 2).sum() / (x**2).sum(),
        "peak": np.percentile(x, 99.9) / level,
        "phase": np.angle(image * smooth.conj())[scalp < -6].std(),
    }


def test_a_dozen_heads_have_the_statistics_of_real_ones(heads):
    found = [statistics(*head) for head in heads]
    median = {name: np.median([one[name] for one in found]) for name in found[0]}
    # Of real scans: 2.1-2.9, 0.7-4 %, 0.22-0.41, 1.7-5 %, 5-40 %, 2-4, 0.15-0.24 rad. A median of
    # 12 of a population that T1, T2 and FLAIR spread over those ranges has a standard error of a
    # tenth of them, and masks here are those of the anatomy, not found in the image.
    ranges = {
        "exponent": (2.0, 3.0),
        "fine": (0.006, 0.043),
        "variation": (0.21, 0.43),
        "flat": (0.015, 0.06),
        "outside": (0.04, 0.43),
        "peak": (1.9, 4.2),
        "phase": (0.14, 0.25),
    }
    for name, (low, high) in ranges.items():
        assert low <= median[name] <= high, (name, median[name])


def test_a_phantom_has_none_of_them():
    scan = data.brain("train", 3, height=128, width=106)
    y, x = pixel_grid(128, 106, *anatomy.FIELD_OF_VIEW)
    image = scan.target[0].numpy()
    inside = np.where(abs(image) > 0.1 * abs(image).max(), -8.0, 20.0)
    found = statistics(image, inside, inside)
    assert found["exponent"] > 3 and found["fine"] < 0.006 and found["variation"] < 0.21
    assert found["outside"] == 0 and found["peak"] < 1.9 and found["phase"] < 0.14


def test_bone_is_dark_and_scalp_bright_around_every_brain(heads):
    for image, skull, scalp in heads:
        x = abs(image)
        # 3 to 4 mm beyond the closed brain lies bone, and more than 20 mm beyond it nothing.
        ring = x[(skull > 3) & (skull < 4.5) & (scalp > 0)]
        bright = np.percentile(x[scalp > 5], 98)
        assert np.median(ring) < 0.6 * bright
        # What is left there is the noise, 1 % of a brain that FLAIR's scalp has a third of.
        assert np.median(x[scalp > 25]) < 0.06 * bright


def test_layers_lie_around_a_sphere_in_their_order():
    values, distance = np.arange(1.0, 10.0), np.linspace(-5, 25, 3001)
    for more in (0.0, 1.0, -10.0):
        thicker = np.full((7, 3001), more)
        found = head_anatomy.enclose(
            np.full(3001, 0.5), values, distance, distance, thicker, pixel=0.01
        )
        border, inside = 0.0, 0.5
        for thickness, _, following in head_anatomy.LAYERS:
            outer = border + max(thickness + more, 0.3)
            within = (distance > border + 0.02) & (distance < outer - 0.02)
            np.testing.assert_allclose(found[within], inside)
            border, inside = outer, values[following]
        np.testing.assert_allclose(found[distance > border + 0.02], values[8])


def test_the_scalp_bridges_what_the_skull_follows():
    skull, scalp = head_anatomy.distances()
    # Both are smoothed over 4.5 mm, which shifts curved surfaces by up to two voxels of 3 mm.
    assert (skull - scalp).min() > -2 * STEP
    # Beside the frontal lobes, at the height of the temporal ones, lie the muscles of the temple.
    corner = tuple((np.array([58, 162, 39]) + ROOM) // STEP)
    assert skull[corner] > 3 > 0 > scalp[corner]


def test_every_head_fits_into_its_field_of_view():
    y, x = pixel_grid(72, 60, *head_anatomy.FIELD_OF_VIEW)
    for number in range(30):
        head = head_anatomy.draw_head(0, "test", number)
        image = abs(head_anatomy.image(head, 86, y, x))
        assert max(image[0].max(), image[-1].max(), image[:, 0].max(), image[:, -1].max()) == 0


def test_the_brain_is_of_intensity_one_and_contrasts_differ():
    y, x = pixel_grid(72, 60, *head_anatomy.FIELD_OF_VIEW)
    seen = set()
    for number in range(20):
        head = head_anatomy.draw_head(0, "test", number)
        csf, grey, white = head.values[:3]
        seen.add((csf > grey, grey > white))
        magnitude = abs(head_anatomy.image(head, 90, y, x))
        assert np.median(magnitude[30:45, 20:40]) == pytest.approx(1, abs=0.35)
    # T2, FLAIR and T1.
    assert seen == {(True, True), (False, True), (False, False)}
