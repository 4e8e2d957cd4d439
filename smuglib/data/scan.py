"""One scan, or a batch of scans: what was measured, and the image it was measured from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from smuglib import checks
from smuglib.operators.sense import SenseOperator


@dataclass(frozen=True, eq=False)
class Scan:
    """Undersampled multi-coil k-space with its coil maps, mask and reference image.

    Everything is in units of the scan's own zero-filled image: ``kspace`` and ``target`` have been
    divided by ``scale``, so ``max |A^H kspace| = 1``. No knowledge of the target enters the scale,
    unless it is asked for (see `scaled_by_target`). The scale is :eq:`eq-scale` of the book.

    Parameters
    ----------
    kspace, maps
        Measured k-space ``y``, zero where not sampled, and coil sensitivities, root sum of squares
        1: complex64, ``[batch, coil, height, width]``.
    mask
        Boolean or of zeros and ones, ``[batch or 1, 1, 1, width]``: the sampled columns.
    target
        Reference image, complex64, ``[batch, height, width]``.
    scale
        ``max |A^H y|`` before the division; in a batch a float32 tensor, ``[batch]``.
    subject, slice_index
        Numbers within the ``split``; in a batch int64 tensors.

    Examples
    --------
    >>> y, mask = torch.ones(1, 2, 8, 8) + 0j, torch.ones(1, 1, 1, 8, dtype=torch.bool)
    >>> scan = Scan(y, y / 2**0.5, mask, y[:, 0], 1.0, 0, 0, "test")
    >>> scan.operator.adjoint(scan.kspace).shape == scan.target.shape
    True
    """

    kspace: Tensor
    maps: Tensor
    mask: Tensor
    target: Tensor
    scale: float | Tensor
    subject: int | Tensor
    slice_index: int | Tensor
    split: str

    def __post_init__(self) -> None:
        """Refuse tensors that do not fit together."""
        self.operator.check_images("target", self.target)
        checks.complex_tensor("kspace", self.kspace, n_axes=(4,))
        checks.replace_fields(self, mask=self.operator.mask)
        if self.kspace.shape != self.maps.shape:
            raise ValueError(
                f"kspace must have the shape of maps, {tuple(self.maps.shape)}, "
                f"got {tuple(self.kspace.shape)}"
            )

    def __len__(self) -> int:
        """Return the number of scans in the batch."""
        return self.kspace.shape[0]

    @property
    def nbytes(self) -> int:
        """Number of bytes of all its tensors."""
        return sum(value.nbytes for value in vars(self).values() if isinstance(value, Tensor))

    @cached_property
    def operator(self) -> SenseOperator:
        """The scan's SENSE operator ``A``, one object, so that its factors are found again."""
        return SenseOperator(self.maps, self.mask)

    def scaled_by_target(self) -> Scan:
        """Return this scan in units of its target, ``max |target| = 1``.

        The published code scales so. Nobody could before the scan is known, and a network trained
        in the units of the zero-filled image sees another scale; σ and ε mean something else.
        """
        peak = self.target.abs().amax((-2, -1))
        factor = peak if isinstance(self.scale, Tensor) else peak.item()
        return replace(
            self,
            kspace=self.kspace / peak[:, None, None, None],
            target=self.target / peak[:, None, None],
            scale=self.scale * factor,
        )

    def to(self, device: torch.device | str) -> Scan:
        """Return this scan with its tensors on another device."""
        device = checks.device("device", device)
        tensors = {n: v.to(device) for n, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **tensors)  # type: ignore[arg-type]


def collate(scans: Sequence[Scan]) -> Scan:
    """Join scans or batches of one split and one size, in the order given.

    ``scale``, ``subject`` and ``slice_index`` become tensors; a shared mask keeps a batch axis of
    1.
    """
    scans = checks.members("scans", scans, Scan)
    if not scans:
        raise ValueError("scans must hold at least one scan, got none")
    splits = sorted({scan.split for scan in scans})
    shapes = sorted({tuple(scan.kspace.shape[1:]) for scan in scans})
    if len(splits) > 1 or len(shapes) > 1:
        raise ValueError(f"scans must share split and shape, got splits {splits}, shapes {shapes}")
    first = scans[0].mask
    shared = first.shape[0] == 1 and all(torch.equal(scan.mask, first) for scan in scans)
    masks = [scan.mask.expand(len(scan), -1, -1, -1) for scan in scans]

    def joined(name: str, dtype: torch.dtype) -> Tensor:
        values = [getattr(scan, name) for scan in scans]
        devices = [getattr(value, "device", "cpu") for value in values]
        parts = zip(values, devices, strict=True)
        return torch.cat([torch.as_tensor(v, dtype=dtype, device=d).reshape(-1) for v, d in parts])

    return Scan(
        kspace=torch.cat([scan.kspace for scan in scans]),
        maps=torch.cat([scan.maps for scan in scans]),
        mask=first if shared else torch.cat(masks),
        target=torch.cat([scan.target for scan in scans]),
        scale=joined("scale", torch.float32),
        subject=joined("subject", torch.int64),
        slice_index=joined("slice_index", torch.int64),
        split=splits[0],
    )
