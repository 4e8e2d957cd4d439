"""What an attacker aims at."""

import pytest

from smuglib.analysis.lesions import objective
from tests.lesions import planted


def test_impossible_aims_are_refused():
    with pytest.raises(ValueError, match="aim must be one of"):
        objective(planted(), "hide")
    with pytest.raises(ValueError, match="lesion must be < 2, got 2"):
        objective(planted(), "erase", lesion=2)
    assert objective(planted(), "error") is None
