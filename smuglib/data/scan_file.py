"""One simulated scan as a safetensors file that proves itself whole."""

from __future__ import annotations

import hashlib

import torch
from safetensors import SafetensorError
from safetensors import torch as safetensors
from torch import Tensor

from smuglib.data.scan import Scan

FORMAT = 1
"""Version of the file's layout."""


def packed(scan: Scan, name: str) -> bytes:
    """Write a scan as a safetensors file that carries its own hash.

    Parameters
    ----------
    scan
        A scan of one slice; its k-space is kept in the sampled columns alone.
    name
        The scan's key.

    Returns
    -------
    bytes
        The file.
    """
    tensors = {
        "samples": scan.kspace[..., scan.mask.flatten()].contiguous(),
        "maps": scan.maps,
        "mask": scan.mask,
        "target": scan.target,
        "scale": torch.tensor(scan.scale, dtype=torch.float64),
        "subject": torch.tensor(scan.subject),
    }
    return safetensors.save({**tensors, "digest": _digest(tensors, name)})


def unpacked(content: bytes, name: str, split: str, index: int) -> Scan | None:
    """Read what `packed` wrote.

    Parameters
    ----------
    content
        The file.
    name
        The scan's key.
    split, index
        The slice.

    Returns
    -------
    Scan or None
        The scan, bit for bit; None if the file is damaged or belongs to another key.
    """
    try:
        tensors = safetensors.load(content)
    except SafetensorError:
        return None
    digest = tensors.pop("digest", None)
    if digest is None or not torch.equal(digest, _digest(tensors, name)):
        return None
    # Copies lie as any other tensor does in memory: transforms may round by alignment.
    maps, target = tensors["maps"].clone(), tensors["target"].clone()
    kspace = torch.zeros_like(maps)
    kspace[..., tensors["mask"].flatten()] = tensors["samples"]
    return Scan(
        kspace,
        maps,
        tensors["mask"].clone(),
        target,
        tensors["scale"].item(),
        int(tensors["subject"].item()),
        index,
        split,
    )


def _digest(tensors: dict[str, Tensor], name: str) -> Tensor:
    """Hash the key and all tensors with their names and shapes, uint8, ``[32]``."""
    found = hashlib.sha256(name.encode())
    for label, tensor in sorted(tensors.items()):
        found.update(f"{label} {tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.numpy().data)
    return torch.tensor(list(found.digest()), dtype=torch.uint8)
