r"""Small lesions of known contrast, and how much of that contrast a reconstruction keeps.

A lesion is a disc with a soft edge, in which the magnitude of the tissue is changed by a known
factor and its phase is not. A scan is linear in the image, so lesions are inserted into the
measured data: ``y' = y + A (t' - t)``, with coils, mask and noise as they were.

The *contrast* ``c(v)`` of an image v at a lesion is the mean of ``|v|`` in the disc minus that in
an annulus around it. Let x' and x be the reconstructions of the scan with lesions and of the same
scan without them, under the same perturbation and the same noise of the smoothing. Then

.. math::

    \underbrace{\frac{c(x') - c(t)}{c(t') - c(t)}}_{\text{apparent}}
    = \underbrace{\frac{c(x') - c(x)}{c(t') - c(t)}}_{\text{recovery}}
    + \underbrace{\frac{c(x) - c(t)}{c(t') - c(t)}}_{\text{false}} .

The *recovery*, 1 if fully kept and 0 if erased, is the primary measure: anatomy cancels in it,
and with it every artefact that would be there without the lesion. The *false* contrast is what
stands where there is no lesion: as large as 1, an artefact looks like a lesion or hides one. The
*apparent* contrast is what a reader sees.
"""

from smuglib.analysis.lesions.contrast import (
    AIMS,
    apparent_contrast,
    contrast_recovery,
    false_contrast,
    mean_in,
    objective,
)
from smuglib.analysis.lesions.places import draw
from smuglib.analysis.lesions.planting import Planted, footprint, plant
from smuglib.analysis.lesions.shape import Lesion

__all__ = [
    "AIMS",
    "Lesion",
    "Planted",
    "apparent_contrast",
    "contrast_recovery",
    "draw",
    "false_contrast",
    "footprint",
    "mean_in",
    "objective",
    "plant",
]
