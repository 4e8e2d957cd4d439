"""The SENSE forward operator ``A = M F S``: coil maps, Fourier transform, sampling mask."""

import itertools
from functools import cached_property

import torch
from torch import Tensor

from smuglib import checks
from smuglib.operators.fourier import fft2c, ifft2c
from smuglib.operators.normal import NormalOperator


class SenseOperator:
    """Multi-coil Cartesian MRI: ``A x = M F (S_c x)_c`` (poster, "MoDL in MRI Reconstruction").

    Images may carry an axis of noise samples behind the batch axis; the same maps and mask then
    serve every sample. The operator is immutable: use `to` for another device or dtype.

    Parameters
    ----------
    maps
        Coil sensitivities ``S``, complex, ``[batch, coil, height, width]``, with
        ``sum_c |S_c|^2 = 1`` on their support (which is not enforced).
    mask
        Sampling mask ``M``, boolean or of zeros and ones, ``[batch or 1, 1, 1 or height, width]``.
        A height of 1 is a 1-D Cartesian mask: the readout, along the height, is complete.

    Examples
    --------
    >>> maps = torch.full((1, 4, 16, 16), 0.5 + 0j)
    >>> mask = torch.arange(16).view(1, 1, 1, 16) % 2 == 0
    >>> A = SenseOperator(maps, mask)
    >>> y = A.forward(torch.ones(1, 16, 16, dtype=torch.complex64))
    >>> y.shape, A.adjoint(y).shape
    (torch.Size([1, 4, 16, 16]), torch.Size([1, 16, 16]))
    """

    def __init__(self, maps: Tensor, mask: Tensor) -> None:
        checks.finite("maps", checks.complex_tensor("maps", maps, n_axes=(4,)))
        mask = _checked_mask(mask, maps)
        with torch.inference_mode(False):  # no gradient passes tensors of an inference mode
            self.maps = maps.clone() if maps.is_inference() else maps
            self.mask = mask.clone() if mask.is_inference() else mask

    @classmethod
    def of_parts(cls, maps: Tensor, mask: Tensor, norm_bound: float) -> "SenseOperator":
        """Make the operator of rows of checked ones: nothing is checked, no GPU is waited for."""
        made = cls.__new__(cls)
        made.maps, made.mask, made.norm_bound = maps, mask, norm_bound
        return made

    @property
    def n_coils(self) -> int:
        """Number of receive coils."""
        return self.maps.shape[1]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape of an image batch, ``(batch, height, width)``."""
        batch, _, height, width = self.maps.shape
        return batch, height, width

    @property
    def is_cartesian_1d(self) -> bool:
        """Whether whole columns are sampled, so that the readout axis is complete."""
        return self.mask.shape[-2] == 1

    def to(self, target: torch.device | torch.dtype | str) -> "SenseOperator":
        """Return this operator on another device, or with maps of another complex dtype."""
        if not isinstance(target, torch.dtype):
            target = checks.device("target", target)
        elif target not in (torch.complex64, torch.complex128):
            raise TypeError(f"target must be complex64 or complex128, as maps are, got {target}")
        mask = self.mask if isinstance(target, torch.dtype) else self.mask.to(target)
        return SenseOperator(self.maps.to(target), mask)

    def forward(self, x: Tensor) -> Tensor:
        """Apply ``A``, :eq:`eq-forward` of the book.

        It takes images ``[batch, (sample,) height, width]`` to k-space,
        ``[batch, (sample,) coil, height, width]``, zero where not sampled.
        """
        self.check_images("x", x)
        maps, mask = self._aligned(x.ndim + 1)
        return mask * fft2c(maps * x.unsqueeze(-3))

    def adjoint(self, y: Tensor) -> Tensor:
        """Apply ``A^H``: zero-filled, coil-combined images, :eq:`eq-zero-filled` of the book.

        It takes k-space, as `forward` returns it, to images. Unsampled positions are ignored.
        """
        checks.complex_tensor("y", y, n_axes=(4, 5))
        _check_fit("y", y, *self.maps.shape)
        maps, mask = self._aligned(y.ndim)
        return (maps.conj() * ifft2c(mask * y)).sum(-3)

    def normal(self, x: Tensor) -> Tensor:
        """Apply ``A^H A`` to images, of the shapes that `forward` takes."""
        self.check_images("x", x, dtype=self.maps.dtype)
        samples = x.reshape(len(x), -1, *x.shape[-2:])
        return self.normal_operator(samples).reshape(x.shape)

    @cached_property
    def norm_bound(self) -> float:
        """Upper bound of the eigenvalues of ``A^H A``, the largest ``sum_c |S_c|^2``."""
        return self.maps.detach().abs().square().sum(1).amax().item()

    @cached_property
    def normal_operator(self) -> NormalOperator:
        """``A^H A`` for images ``[batch, sample, height, width]`` that are known to fit."""
        return NormalOperator(self.maps, self.mask)

    def check_images(
        self,
        name: str,
        x: Tensor,
        *,
        n_axes: tuple[int, ...] = (3, 4),
        dtype: torch.dtype | None = None,
    ) -> None:
        """Refuse images that do not fit this operator, or are not of ``dtype`` if it is given."""
        checks.complex_tensor(name, x, n_axes=n_axes)
        _check_fit(name, x, *self.image_shape)
        if dtype is not None and x.dtype != dtype:
            raise TypeError(f"{name} must have the dtype of the maps, {dtype}, got {x.dtype}")

    def _aligned(self, n_axes: int) -> tuple[Tensor, Tensor]:
        """Return maps and mask, with a sample axis where k-space has five axes."""
        return (self.maps, self.mask) if n_axes == 4 else (self.maps[:, None], self.mask[:, None])


def _check_fit(name: str, x: Tensor, batch: int, *axes: int) -> None:
    if (x.shape[0], *x.shape[-len(axes) :]) != (batch, *axes):
        wanted = f"[{batch}, (sample,) {', '.join(map(str, axes))}]"
        raise ValueError(f"{name} must have shape {wanted} to fit the maps, got {tuple(x.shape)}")


def _checked_mask(mask: Tensor, maps: Tensor) -> Tensor:
    mask = checks.mask("mask", mask)
    batch, _, height, width = maps.shape
    allowed = set(itertools.product((1, batch), (1,), (1, height), (width,)))
    if tuple(mask.shape) not in allowed:
        raise ValueError(
            f"mask must have shape [1 or {batch}, 1, 1 or {height}, {width}] to fit the maps, "
            f"got {tuple(mask.shape)}"
        )
    if not mask.flatten(1).any(1).all():
        raise ValueError("mask samples no column: at least one must be True in every scan")
    return mask
