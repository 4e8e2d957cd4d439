"""How much of a lesion's contrast a reconstruction keeps, and what an attacker may want of it.

Every function takes the planted scans, and reconstructions of ``planted.scan`` (``x``) or of
``planted.free`` (``free``), complex, ``[1, height, width]``, each in its scan's units. Contrasts
are in units of each lesion's, float64, ``[lesion]``.
"""

from collections.abc import Callable

from torch import Tensor

from smuglib import checks
from smuglib.analysis.lesions.planting import Planted, index_of


def contrast_recovery(planted: Planted, x: Tensor, free: Tensor) -> Tensor:
    """Return the share of each lesion's contrast that a reconstruction keeps: 1 all, 0 none.

    It is the second term of :eq:`eq-recovery` of the book. ``x`` and ``free`` are made under the
    same perturbation (in absolute units) and the same smoothing noise; else artefacts of the
    attacks count as lost or gained contrast.
    """
    checks.instance("planted", planted, Planted)
    return (_seen(planted, x) - _shown(planted, "free", free)) / _truth(planted)


def false_contrast(planted: Planted, free: Tensor) -> Tensor:
    """Return the contrast shown without the lesions, minus the target's: :eq:`eq-recovery`."""
    checks.instance("planted", planted, Planted)
    absent = _contrast(planted, planted.free.target)
    return (_shown(planted, "free", free) - absent) / _truth(planted)


def apparent_contrast(planted: Planted, x: Tensor) -> Tensor:
    """Return the contrast that a reader sees, minus the anatomy's: :eq:`eq-recovery`."""
    checks.instance("planted", planted, Planted)
    return (_seen(planted, x) - _contrast(planted, planted.free.target)) / _truth(planted)


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
    return mean_in(magnitude, planted.discs) - mean_in(magnitude, planted.annuli)


def mean_in(values: Tensor, masks: Tensor) -> Tensor:
    """Return the mean over the last two axes of real values where a mask is true."""
    checks.real_tensor("values", values)
    masks = checks.mask("masks", masks)
    if values.ndim < 2 or masks.ndim < 2 or values.shape[-2:] != masks.shape[-2:]:
        raise ValueError(
            f"masks must have the height and width of values, {tuple(values.shape[-2:])}, "
            f"got {tuple(masks.shape)}"
        )
    if not masks.sum((-2, -1)).all():
        raise ValueError("masks must be true somewhere, each of them")
    return (values * masks).sum((-2, -1)) / masks.sum((-2, -1))


AIMS = ("error", "erase", "create")
"""The squared error of the slice; the loss of a lesion's contrast; contrast without a lesion."""


def objective(planted: Planted, aim: str, *, lesion: int = 0) -> Callable[[Tensor], Tensor] | None:
    """Return what an attacker with an aim maximizes, a function of the reconstruction.

    ``"erase"`` is minus the contrast at the lesion, in the lesion's own direction (a dark lesion is
    erased by making it brighter), ``"create"`` that contrast itself, ``"error"`` None: no objective
    of its own. The first two are linear in the magnitudes, so an attacker goes on past the goal
    where its budget allows. ``lesion`` is the index of the lesion, or of its place.
    """
    lesion = index_of(planted, lesion)
    if checks.one_of("aim", aim, AIMS) == "error":
        return None
    sign = 1.0 if planted.lesions[lesion].contrast > 0 else -1.0
    sign = -sign if aim == "erase" else sign

    def wanted(x: Tensor) -> Tensor:
        disc, annulus = (m[lesion].to(x.device) for m in (planted.discs, planted.annuli))
        return sign * (mean_in(x.abs(), disc) - mean_in(x.abs(), annulus))

    return wanted
