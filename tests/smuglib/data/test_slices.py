"""What all data sets share: an index, a size, a bounded memory."""

from __future__ import annotations

import pytest

from smuglib import data
from smuglib.data.slices import Slices
from smuglib.data.splits import Location


class Read(Slices):
    def locate(self, index):
        return Location(0, index)


def test_every_data_set_is_one():
    for kind in (data.BrainDataset, data.HeadDataset, data.VolumeDataset, data.FastMRIDataset):
        assert issubclass(kind, Slices)


def test_slices_are_read_when_asked_for_and_kept():
    asked = []

    def read(index):
        asked.append(index)
        return data.brain("val", index, height=32, width=32, n_coils=2)

    kept, forgetful = Read("val", 2, read, 2**20), Read("val", 2, read, 0)
    assert not asked and len(kept) == 2
    assert kept[1] is kept[1] and asked == [1]
    assert forgetful[0] is not forgetful[0] and asked == [1, 0, 0]
    for index in (-1, 2):
        with pytest.raises(IndexError, match=rf"index must lie in \[0, 2\), got {index}"):
            kept[index]
    with pytest.raises(ValueError, match="n_slices must be an integer >= 1, got 0"):
        Read("val", 0, read, 0)
    with pytest.raises(ValueError, match="split must be one of 'train', 'val', 'test', got 'dev'"):
        Read("dev", 1, read, 0)


def test_a_slice_is_located_without_being_read():
    for dataset in (data.BrainDataset("test", 25), data.HeadDataset("test", 25)):
        assert [dataset.locate(index) for index in (0, 24)] == [
            data.locate("test", index) for index in (0, 24)
        ]
