"""Arithmetic of convolutions: IEEE single precision unless a lower one is asked for."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Allow or forbid TF32 convolutions on CUDA devices, backward passes included.

    Their products carry 10 bits of mantissa. Data consistency is never computed in TF32.
    """
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before


def autocast(precision: str, device_type: str) -> AbstractContextManager[object]:
    """Return the context of a forward pass: ``"bfloat16"`` autocasts, any other changes nothing."""
    if precision == "bfloat16":
        return torch.autocast(device_type, torch.bfloat16)
    return nullcontext()
