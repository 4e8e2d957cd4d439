"""fastMRI files as a scanner writes them, of known maps and images."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from smuglib import data
from smuglib.data.fastmri.acquisition import load_slice
from tests.fastmri_files import SMALL, scanned, write


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fastmri")
    return write(folder / "volume.h5", torch.cat([scanned(0), scanned(1)]))


@pytest.fixture(scope="module")
def scan(path: Path) -> data.Scan:
    return load_slice(path, 0, **SMALL)
