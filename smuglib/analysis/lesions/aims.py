"""What an attacker may want of a lesion: to erase it, or to create one where there is none."""

from collections.abc import Callable

from torch import Tensor

from smuglib import checks
from smuglib.analysis.lesions.contrast import mean_in
from smuglib.analysis.lesions.planting import Planted, index_of

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
