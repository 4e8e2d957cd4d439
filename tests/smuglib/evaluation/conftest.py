"""Scans and scenarios of quick evaluations."""

from __future__ import annotations

import pytest

from smuglib.data import Scan
from tests.scans import scan


@pytest.fixture(scope="module")
def scans() -> list[Scan]:
    return [scan(index) for index in range(3)]
