"""Small scans of the embedded data set, and their comparison."""

from __future__ import annotations

import torch

from smuglib import data

SMALL = {"height": 64, "width": 64, "n_coils": 4}
SPLITS = ("train", "val", "test")
TENSORS = ("kspace", "maps", "mask", "target")


def same(first: data.Scan, second: data.Scan) -> bool:
    return first.scale == second.scale and all(
        torch.equal(getattr(first, name), getattr(second, name)) for name in TENSORS
    )
