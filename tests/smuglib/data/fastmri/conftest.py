"""A folder of fastMRI files of several patients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.fastmri_files import scanned, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold twelve patients of two files each, with one or three slices, and one of other coils."""
    folder = tmp_path_factory.mktemp("patients")
    slices = torch.cat([scanned(0), scanned(1), scanned(2)])
    for number in range(24):
        kspace = slices if number % 2 else slices[:1]
        write(folder / f"file{number:02}.h5", kspace, patient=f"patient {number % 12}")
    write(folder / "other.h5", scanned(0, n_coils=3), patient="patient 0")
    return folder
