"""The shape of a lesion: a disc with a soft edge, and the annulus that it is compared with."""

from dataclasses import dataclass

import torch
from torch import Tensor

from smuglib import checks


@dataclass(frozen=True)
class Lesion:
    """A disc with a soft edge; lengths are in pixels.

    Parameters
    ----------
    row, column
        Its centre.
    radius
        Distance at which the change has fallen to a half, > 0.
    contrast
        Relative change of the magnitude inside, > -1 and not 0: 0.2 is 20 % brighter.
    edge
        Standard deviation of the blur of its edge, > 0.
    """

    row: int
    column: int
    radius: float
    contrast: float
    edge: float = 0.5

    def __post_init__(self) -> None:
        contrast = checks.real_number("contrast", self.contrast)
        checks.replace_fields(
            self,
            row=checks.integer("row", self.row, minimum=0),
            column=checks.integer("column", self.column, minimum=0),
            radius=checks.positive("radius", self.radius),
            contrast=contrast,
            edge=checks.positive("edge", self.edge),
        )
        if contrast <= -1 or contrast == 0:
            raise ValueError(f"contrast must be > -1 and not 0, got {contrast!r}")

    @property
    def inner(self) -> float:
        """Inner radius of the annulus, in pixels, where the lesion ends."""
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
        height, width = checks.integer("height", height), checks.integer("width", width)
        rows = torch.arange(height, dtype=torch.float64, device="cpu") - self.row
        columns = torch.arange(width, dtype=torch.float64, device="cpu") - self.column
        return torch.hypot(rows[:, None], columns)
