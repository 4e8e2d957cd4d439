"""Scans are joined, moved and checked."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from smuglib import data
from tests.brains import SMALL, TENSORS, same


def test_collate_joins_scans_and_shares_their_mask():
    scans = [data.brain("test", index, **SMALL) for index in range(3)]
    batch = data.collate([data.collate(scans[:2]), scans[2]])
    assert len(batch) == 3 and batch.mask.shape == (1, 1, 1, 64)
    for index, scan in enumerate(scans):
        assert torch.equal(batch.kspace[index], scan.kspace[0])
        assert torch.equal(batch.target[index], scan.target[0])
        assert batch.scale[index].item() == pytest.approx(scan.scale)
        assert (batch.subject[index], batch.slice_index[index]) == (scan.subject, index)
    peaks = batch.operator.adjoint(batch.kspace).abs().flatten(1).amax(1)
    torch.testing.assert_close(peaks, torch.ones(3))


def test_collate_keeps_masks_that_differ():
    scans = [data.brain("test", 0, mask_seed=seed, **SMALL) for seed in (0, 1)]
    batch = data.collate(scans)
    assert torch.equal(batch.mask, torch.cat([scan.mask for scan in scans]))
    assert torch.equal(batch.operator.forward(batch.target) == 0, batch.kspace == 0)


def test_collate_refuses_what_does_not_fit():
    scan = data.brain("test", 0, **SMALL)
    with pytest.raises(ValueError, match="at least one scan"):
        data.collate([])
    with pytest.raises(ValueError, match="share split and shape"):
        data.collate([scan, data.brain("val", 0, **SMALL)])
    with pytest.raises(ValueError, match="share split and shape"):
        data.collate([scan, data.brain("test", 0, height=32, width=64, n_coils=4)])


def test_scan_moves_and_refuses_parts_that_do_not_fit():
    scan = data.brain("test", 0, **SMALL)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    moved = scan.to(device)
    assert all(getattr(moved, name).device.type == device for name in TENSORS)
    assert same(scan, moved.to("cpu"))
    parts = {field.name: getattr(scan, field.name) for field in fields(scan)}
    with pytest.raises(ValueError, match="target must have shape"):
        data.Scan(**{**parts, "target": scan.target[:, :32]})
    with pytest.raises(ValueError, match="kspace must have the shape of maps"):
        data.Scan(**{**parts, "kspace": scan.kspace[:, :1]})
