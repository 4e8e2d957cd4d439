"""deepinv's operator of a scan, and its real images; the one place that imports deepinv."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from smuglib.operators import SenseOperator

# deepinv imports torchvision, whose PyPI wheel is built for CUDA: beside a CPU-only torch its
# operators cannot be registered, and it fails as it looks them up. Declaring the two that it looks
# up is enough, for nothing here detects objects. The declaration lives as long as the library.
try:
    import torchvision  # noqa: F401
except ModuleNotFoundError:
    pass  # Without torchvision there is no deepinv either: the import below says so.
except RuntimeError:
    _detection = torch.library.Library("torchvision", "DEF")
    for _name in ("nms", "qnms"):
        _detection.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

from deepinv import __version__ as version
from deepinv.optim.linear import conjugate_gradient
from deepinv.physics import MultiCoilMRI

__all__ = ["as_channels", "as_complex", "conjugate_gradient", "physics", "version"]


def physics(A: SenseOperator, *, tol: float) -> Any:  # noqa: ANN401
    """Return deepinv's operator."""
    height, width = A.maps.shape[-2:]
    return MultiCoilMRI(
        mask=A.mask[0, 0].expand(height, width).float(),
        coil_maps=A.maps,
        device=A.maps.device,
        tol=tol,
        max_iter=100,
    )


def as_channels(x: Tensor) -> Tensor:
    """Return complex ``[n, ...]`` as real ``[n, 2, ...]``."""
    return torch.view_as_real(x).movedim(-1, 1).contiguous()


def as_complex(x: Tensor) -> Tensor:
    """Return real ``[n, 2, ...]`` as complex ``[n, ...]``."""
    return torch.view_as_complex(x.movedim(1, -1).contiguous())
