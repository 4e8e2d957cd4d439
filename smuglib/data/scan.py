"""One scan, or a batch of scans: what was measured, and the image it was measured from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smuglib import checks
from smuglib.data.espirit import Espirit
from smuglib.operators.fourier import ifft2c
from smuglib.operators.sense import SenseOperator

Array = Tensor | NDArray[np.generic]
"""What k-space, masks and maps of one's own come as."""


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
        Boolean or of zeros and ones, ``[batch or 1, 1, 1 or height, width]``: the sampled columns,
        or positions.
    target
        Reference image, complex64, ``[batch, height, width]``; NaN where there is none.
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

    @classmethod
    def from_kspace(
        cls, kspace: Array, mask: Array | None = None, maps: Array | None = None
    ) -> Scan:
        """Make a scan of k-space of one's own, in any units.

        Where k-space is complete, whatever ``mask`` keeps of it, the target is its coil combination
        ``S^H F^H y``; elsewhere there is nothing to compare with, and the target is NaN.

        Parameters
        ----------
        kspace
            Complex, ``[coil, height, width]`` or ``[batch, coil, height, width]``, phase encoding
            along the width, zero frequency at index ``n // 2``; a tensor or NumPy array.
        mask
            Sampled columns, ``[width]`` or ``[batch, 1, width]``, or positions,
            ``[height, width]`` or ``[batch, height, width]``, boolean or of zeros and ones; by
            default what no coil has a zero at.
        maps
            Coil maps as k-space, which are divided by their root sum of squares; by default those
            of `smuglib.data.espirit.Espirit`, from the calibration region of what is sampled.

        Examples
        --------
        >>> scan = Scan.from_kspace(torch.ones(2, 8, 8) + 0j, maps=torch.ones(2, 8, 8) + 0j)
        >>> tuple(scan.kspace.shape), scan.mask.shape[-2], scan.has_target
        ((1, 2, 8, 8), 1, True)
        """
        kspace = checks.finite("kspace", _of_coils("kspace", kspace))
        sampled = kspace.abs().sum(1, keepdim=True) > 0
        if not sampled.flatten(1).any(1).all():
            raise ValueError("kspace must hold a signal in every scan, got only zeros in one")
        chosen = whole_columns(sampled) if mask is None else _of_positions(mask, kspace)
        measured = kspace * chosen
        if maps is None:
            try:
                maps = torch.cat([Espirit().estimate(one[None]) for one in measured])
            except ValueError as error:
                raise ValueError(f"maps cannot be estimated, and must be given: {error}") from error
        else:
            maps = checks.same_shape("maps", _of_coils("maps", maps), "kspace", kspace)
            norm = checks.finite("maps", maps).abs().square().sum(1, keepdim=True).sqrt()
            maps = maps / norm.where(norm > 0, 1.0)
        scale = SenseOperator(maps, chosen).adjoint(measured).abs().amax((1, 2))
        if not ((scale > 0) & scale.isfinite()).all():
            raise ValueError("kspace, mask and maps must give a finite image that is not zero")
        target = (maps.conj() * ifft2c(kspace)).sum(1) / scale[:, None, None]
        target[~is_rectangle(sampled)] = torch.nan
        index = torch.arange(len(kspace), dtype=torch.int64, device=kspace.device)
        one = len(kspace) == 1
        return cls(
            kspace=measured / scale[:, None, None, None],
            maps=maps,
            mask=chosen,
            target=target,
            scale=scale.item() if one else scale,
            subject=0 if one else torch.zeros_like(index),
            slice_index=0 if one else index,
            split="test",
        )

    @property
    def has_target(self) -> bool:
        """Whether there is an image to compare with, as of no undersampled scan of one's own."""
        return bool(self.target.isfinite().all())

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
        peak = checks.finite("target", self.target).abs().amax((-2, -1))
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
    if len({scan.operator.is_cartesian_1d for scan in scans}) > 1:
        raise ValueError("scans must have masks of columns, or of positions, got some of each")
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


def whole_columns(sampled: Tensor) -> Tensor:
    """Return the mask of sampled positions, ``[batch, 1, height, width]``, as one of columns.

    That is ``[batch, 1, 1, width]``, where the readout is complete in each; else it is as it is.
    """
    columns = sampled.any(-2, keepdim=True)
    return columns if torch.equal(columns.expand_as(sampled), sampled) else sampled


def is_rectangle(sampled: Tensor) -> Tensor:
    """Return whether sampled positions fill a rectangle, ``[batch]``: a complete scan.

    Its borders are those of the matrix, or what a scanner has filled with zeros beyond.
    """
    rows, columns = sampled.any(-1, keepdim=True), sampled.any(-2, keepdim=True)
    whole = (sampled == (rows & columns)).flatten(1).all(1)
    for line in (rows.flatten(1).long(), columns.flatten(1).long()):
        begins = line.diff(dim=1, prepend=torch.zeros_like(line[:, :1])) > 0
        whole = whole & (begins.sum(1) == 1)
    return whole


def _as_tensor(name: str, value: Array) -> Array:
    """Return a NumPy array of numbers as a tensor, whatever its strides and bytes' order are."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind not in "biufc":
        raise TypeError(f"{name} must hold numbers, got {checks.shown(value)}")
    native = value.astype(value.dtype.newbyteorder("="), order="C")
    return torch.from_numpy(native)


def _of_coils(name: str, value: Array) -> Tensor:
    """Return an array of coil images as complex64, ``[batch, coil, height, width]``."""
    found = checks.complex_tensor(name, _as_tensor(name, value), n_axes=(3, 4)).to(torch.complex64)
    return found if found.ndim == 4 else found[None]


def _of_positions(mask: Array, kspace: Tensor) -> Tensor:
    """Return a mask as `SenseOperator` takes it, ``[batch or 1, 1, 1 or height, width]``."""
    found = checks.tensor("mask", _as_tensor("mask", mask), n_axes=(1, 2, 3, 4))
    found = checks.mask("mask", found)
    found = found.to(kspace.device)
    found = found[:, None] if found.ndim == 3 else found[(None,) * (4 - found.ndim)]
    batch, _, height, width = kspace.shape
    if found.shape[0] not in (1, batch) or found.shape[1:] not in (
        (1, 1, width),
        (1, height, width),
    ):
        got, wanted = tuple(mask.shape), f"[(batch,) {width}] or [(batch,) {height}, {width}]"
        raise ValueError(f"mask must have shape {wanted} to fit kspace, got {got}")
    return whole_columns(found)
