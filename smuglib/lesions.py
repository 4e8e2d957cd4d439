r"""Small lesions of known contrast, and how much of that contrast a reconstruction keeps.

An average over a slice says little about a detail. A lesion is a disc with a soft edge, in which
the magnitude of the tissue is changed by a known factor and its phase is not. A scan is linear in
the image, so lesions are inserted into the measured data: ``y' = y + A (t' - t)``, with coils,
mask and noise as they were.

The *contrast* ``c(v)`` of an image v at a lesion is the mean of ``|v|`` in the disc minus that in
an annulus around it. Let x' and x be the reconstructions of the scan with lesions and of the same
scan without them, under the same perturbation and the same noise of the smoothing. Then

.. math::

    \underbrace{\frac{c(x') - c(t)}{c(t') - c(t)}}_{\text{apparent}}
    = \underbrace{\frac{c(x') - c(x)}{c(t') - c(t)}}_{\text{recovery}}
    + \underbrace{\frac{c(x) - c(t)}{c(t') - c(t)}}_{\text{false}} .

The *recovery* is what the lesion adds to the image: 1 if fully kept, 0 if erased. It is the
primary measure, because anatomy cancels in it, and with it every artefact that would be there
without the lesion. What is lost of it is information. The *false* contrast is what the
reconstruction shows where there is no lesion, in units of the lesion's: as large as 1, an
artefact looks like a lesion or hides one. The *apparent* contrast is what a reader sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from scipy.ndimage import binary_erosion
from torch import Tensor

from smuglib import checks
from smuglib.data.scan import Scan


@dataclass(frozen=True)
class Lesion:
    """A disc with a soft edge.

    Parameters
    ----------
    row, column
        Its centre in pixels.
    radius
        Distance in pixels at which the change has fallen to a half, > 0.
    contrast
        Relative change of the magnitude inside, > -1 and not 0: 0.2 is 20 % brighter.
    edge
        Standard deviation in pixels of the blur of its edge, > 0.

    Raises
    ------
    ValueError
        If a value is out of range.
    """

    row: int
    column: int
    radius: float
    contrast: float
    edge: float = 0.5

    def __post_init__(self) -> None:
        checks.integer("row", self.row, minimum=0)
        checks.integer("column", self.column, minimum=0)
        checks.positive("radius", self.radius)
        checks.positive("edge", self.edge)
        contrast = checks.real_number("contrast", self.contrast)
        if contrast <= -1 or contrast == 0:
            raise ValueError(f"contrast must be > -1 and not 0, got {contrast!r}")

    @property
    def inner(self) -> float:
        """Inner radius of the annulus, in pixels: the lesion ends here."""
        return self.radius + 3 * self.edge

    @property
    def outer(self) -> float:
        """Outer radius of the annulus, in pixels."""
        return self.inner + max(self.radius, 2.0)

    def profile(self, height: int, width: int) -> Tensor:
        """Return the share of the change at each pixel, float64, ``[height, width]``.

        An edge convolved with a Gaussian, ``erfc((r - radius) / (sqrt(2) edge)) / 2``, and exactly
        zero from the annulus on.
        """
        r = self._distance(height, width)
        share = torch.erfc((r - self.radius) / (2**0.5 * self.edge)) / 2
        return share.where(r < self.inner, torch.zeros_like(r))

    def disc(self, height: int, width: int) -> Tensor:
        """Return where the lesion's mean is taken, boolean, ``[height, width]``."""
        return self._distance(height, width) <= self.radius

    def annulus(self, height: int, width: int) -> Tensor:
        """Return where the surrounding mean is taken, boolean, ``[height, width]``."""
        r = self._distance(height, width)
        return (r >= self.inner) & (r <= self.outer)

    def _distance(self, height: int, width: int) -> Tensor:
        rows = torch.arange(height, dtype=torch.float64) - self.row
        columns = torch.arange(width, dtype=torch.float64) - self.column
        return torch.hypot(rows[:, None], columns)


@dataclass(frozen=True, eq=False)
class Planted:
    """A scan with lesions, beside the same scan without them.

    Parameters
    ----------
    scan
        The scan with lesions, in units of its own zero-filled image.
    free
        The scan without them, in units of its own.
    lesions
        What was inserted.
    """

    scan: Scan
    free: Scan
    lesions: tuple[Lesion, ...]

    @property
    def factor(self) -> float:
        """What turns the units of `scan` into those of `free`."""
        return float(self.scan.scale) / float(self.free.scale)

    @cached_property
    def discs(self) -> Tensor:
        """Masks of the lesions, boolean, ``[lesion, height, width]``."""
        size = self.free.target.shape[-2:]
        return torch.stack([lesion.disc(*size) for lesion in self.lesions])

    @cached_property
    def annuli(self) -> Tensor:
        """Masks of their surroundings, boolean, ``[lesion, height, width]``."""
        size = self.free.target.shape[-2:]
        return torch.stack([lesion.annulus(*size) for lesion in self.lesions])


def draw(
    target: Tensor,
    n_lesions: int,
    *,
    radius: float,
    contrast: float,
    edge: float = 0.5,
    tissue: float = 0.25,
    generator: torch.Generator,
) -> tuple[Lesion, ...]:
    """Draw lesions well inside tissue, none of which touches the surroundings of another.

    Every pixel up to the outer edge of a lesion's annulus lies in the image and has a magnitude of
    at least ``tissue * max |t|``. Among the places left, each is equally likely.

    Parameters
    ----------
    target
        The image to place them in, complex, ``[1, height, width]``.
    n_lesions
        How many, >= 1.
    radius, contrast, edge
        See `Lesion`.
    tissue
        Least magnitude around a lesion, relative to the image's largest, in (0, 1].
    generator
        Source of the places.

    Returns
    -------
    tuple of Lesion
        The lesions, in the order drawn: the first of more lesions are those of fewer.

    Raises
    ------
    TypeError
        If the target is not complex or the generator missing.
    ValueError
        If a setting is out of range, or there is no room for so many lesions.
    """
    checks.complex_tensor("target", target, n_axes=(3,))
    checks.integer("n_lesions", n_lesions)
    checks.fraction("tissue", tissue)
    checks.generator("generator", generator)
    if target.shape[0] != 1:
        raise ValueError(f"target must be a batch of one, got {target.shape[0]}")
    model = Lesion(0, 0, radius, contrast, edge)
    places = _places(target, model, tissue)
    found: list[Lesion] = []
    for _ in range(n_lesions):
        if not len(places):
            raise ValueError(
                f"there is room for {len(found)} lesions of radius {radius:g} pixels here, "
                f"not for n_lesions = {n_lesions}"
            )
        chosen = int(torch.randint(len(places), (), generator=generator))
        row, column = places[chosen].tolist()
        found.append(replace(model, row=row, column=column))
        apart = (places - places[chosen]).double().norm(dim=1) > model.outer + model.inner
        places = places[apart]
    return tuple(found)


def plant(scan: Scan, lesions: Sequence[Lesion]) -> Planted:
    """Insert lesions into a scan.

    Image and data are changed in the scan's units, where the noise is what it was, and divided by
    the largest magnitude of the new zero-filled image: a scanner that sees the lesion scales by
    what it sees. The two scans of the result may thus differ a little in their units.

    Parameters
    ----------
    scan
        A batch of one.
    lesions
        At least one, with centres inside the image. Where they overlap, their changes multiply.

    Returns
    -------
    Planted
        The scan with lesions, and the scan given.

    Raises
    ------
    ValueError
        If the scan is not a batch of one, there is no lesion, or one lies outside the image.
    """
    if len(scan) != 1:
        raise ValueError(f"a scan must be a batch of one, got a batch of {len(scan)}")
    if not lesions:
        raise ValueError("lesions must hold at least one lesion, got none")
    height, width = scan.target.shape[-2:]
    changes = torch.ones(height, width, dtype=torch.float64)
    for lesion in lesions:
        if lesion.row >= height or lesion.column >= width:
            raise ValueError(f"lesions must lie in an image of {height} x {width}, got {lesion}")
        changes *= 1 + lesion.contrast * lesion.profile(height, width)
    added = scan.target * (changes - 1).to(scan.target.real)
    kspace = scan.kspace + scan.operator.forward(added)
    peak = scan.operator.adjoint(kspace).abs().max()
    scale = float(scan.scale) * peak.item()
    inserted = replace(scan, kspace=kspace / peak, target=(scan.target + added) / peak, scale=scale)
    return Planted(inserted, scan, tuple(lesions))


def contrast_recovery(planted: Planted, x: Tensor, free: Tensor) -> Tensor:
    """Return the share of each lesion's contrast that a reconstruction keeps.

    Parameters
    ----------
    planted
        The scans.
    x
        Reconstruction of ``planted.scan``, complex, ``[1, height, width]``, in its units.
    free
        Reconstruction of ``planted.free``, likewise in its own units, under the same
        perturbation (in absolute units) and the same smoothing noise. A reference made of clean
        data would count artefacts of the attack as lost or gained contrast, and one with an attack
        of its own would bring a second set of them.

    Returns
    -------
    Tensor
        Recovery, float64, ``[lesion]``: 1 is fully kept, 0 erased.

    Raises
    ------
    TypeError, ValueError
        If an image is not complex or not of the scan's shape.
    """
    return (_seen(planted, x) - _shown(planted, "free", free)) / _truth(planted)


def false_contrast(planted: Planted, free: Tensor) -> Tensor:
    """Return the contrast that a reconstruction shows without the lesions, relative to theirs.

    Parameters
    ----------
    planted
        The scans.
    free
        Reconstruction of ``planted.free``, complex, ``[1, height, width]``, in its units.

    Returns
    -------
    Tensor
        Difference of the contrast to the target's, in units of each lesion's contrast; float64,
        ``[lesion]``; 0 where the surroundings are reconstructed without error.

    Raises
    ------
    TypeError, ValueError
        As `contrast_recovery`.
    """
    absent = _contrast(planted, planted.free.target)
    return (_shown(planted, "free", free) - absent) / _truth(planted)


def apparent_contrast(planted: Planted, x: Tensor) -> Tensor:
    """Return the contrast that a reader sees, relative to the true one.

    It needs no second reconstruction; it is the sum of `contrast_recovery` and `false_contrast`.

    Parameters
    ----------
    planted, x
        See `contrast_recovery`.

    Returns
    -------
    Tensor
        Apparent contrast minus that of the anatomy, in units of each lesion's; float64,
        ``[lesion]``.

    Raises
    ------
    TypeError, ValueError
        As `contrast_recovery`.
    """
    return (_seen(planted, x) - _contrast(planted, planted.free.target)) / _truth(planted)


def _places(target: Tensor, model: Lesion, tissue: float) -> Tensor:
    """Return the centres around which all is tissue, int64, ``[place, 2]``."""
    magnitude = target[0].abs().cpu()
    inside = magnitude >= tissue * magnitude.max()
    reach = int(model.outer)
    size = 2 * reach + 1
    around = replace(model, row=reach, column=reach)._distance(size, size) <= model.outer
    # What lies outside the image counts as no tissue.
    return torch.from_numpy(binary_erosion(inside.numpy(), around.numpy())).nonzero()


def _truth(planted: Planted) -> Tensor:
    """Return the contrast that the lesions add to the target, in units of the free scan."""
    return _seen(planted, planted.scan.target) - _contrast(planted, planted.free.target)


def _seen(planted: Planted, x: Tensor) -> Tensor:
    """Return the contrasts of an image of the scan with lesions, in units of the free scan."""
    return planted.factor * _shown(planted, "x", x)


def _shown(planted: Planted, name: str, image: Tensor) -> Tensor:
    checks.complex_tensor(name, image, n_axes=(3,))
    checks.same_shape(name, image, "the target", planted.free.target)
    return _contrast(planted, image)


def _contrast(planted: Planted, image: Tensor) -> Tensor:
    """Return the mean magnitude in each disc minus that in its annulus, ``[lesion]``."""
    magnitude = image[0].abs().double().cpu()
    return _mean(magnitude, planted.discs) - _mean(magnitude, planted.annuli)


def _mean(values: Tensor, masks: Tensor) -> Tensor:
    return (values * masks).sum((-2, -1)) / masks.sum((-2, -1))
