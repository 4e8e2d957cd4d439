"""The normal operator ``A^H A``, without the work that cancels in it.

The shifts that centre k-space cancel once the mask is shifted instead, and along an axis that is
sampled completely the two transforms cancel. What remains is local to an image, and with a 1-D
mask to an image row. A CPU computes it in pieces that stay in the processor's cache.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

PIECE_BYTES = 2 * 2**20
"""Coil images of one piece on a CPU, in bytes; about the size of a core's second-level cache."""


@contextmanager
def ordinary_tensors() -> Iterator[None]:
    """Compute what is kept for later calls: no graph, and no tensor of an inference mode."""
    with torch.inference_mode(False), torch.no_grad():
        yield


class NormalOperator:
    """Apply ``A^H A`` to images, of the maps and the boolean mask of a `SenseOperator`."""

    def __init__(self, maps: Tensor, mask: Tensor) -> None:
        self._maps = maps
        self._axes = (-1,) if mask.shape[-2] == 1 else (-2, -1)
        with ordinary_tensors():
            shifted = torch.fft.ifftshift(mask, dim=self._axes)
            # A real factor for each of the two parts spares a product of complex numbers.
            self._mask = shifted.to(maps.real.dtype).unsqueeze(-1)

    def __call__(self, x: Tensor) -> Tensor:
        """Apply the operator to images ``[batch, sample, height, width]``; gradients pass."""
        if x.is_cuda or x.nbytes * self._maps.shape[1] <= PIECE_BYTES:
            return self._piece(x, self._maps[:, None], self._mask[:, None])
        masks = self._mask.expand(len(x), -1, -1, -1, -1)
        scans = zip(x, self._maps, masks, strict=True)
        images = [self._image(one, maps, mask) for samples, maps, mask in scans for one in samples]
        return torch.stack(images).reshape(x.shape)

    def _image(self, x: Tensor, maps: Tensor, mask: Tensor) -> Tensor:
        """Apply the operator to one image, by strips of rows where rows decouple."""
        coils, height, width = maps.shape
        lines = max(1, PIECE_BYTES // (coils * width * maps.element_size()))
        if len(self._axes) == 2 or lines >= height:
            return self._piece(x, maps, mask)
        strips = [slice(top, top + lines) for top in range(0, height, lines)]
        return torch.cat([self._piece(x[strip], maps[:, strip], mask) for strip in strips])

    def _piece(self, x: Tensor, maps: Tensor, mask: Tensor) -> Tensor:
        kspace = torch.fft.fftn(maps * x.unsqueeze(-3), dim=self._axes)
        sampled = torch.view_as_complex(torch.view_as_real(kspace) * mask)
        return torch.linalg.vecdot(maps, torch.fft.ifftn(sampled, dim=self._axes), dim=-3)
