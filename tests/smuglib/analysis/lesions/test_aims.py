"""What an attacker aims at."""

import pytest

from smuglib.analysis.lesions import objective
from tests.lesions import planted


@pytest.mark.parametrize("contrast", [0.5, -0.5])
def test_the_aims_are_the_contrast_with_the_sign_of_the_goal(contrast):
    scene = planted(contrast=contrast)
    x = scene.scan.target
    for lesion in (0, 1):
        disc, annulus = scene.discs[lesion], scene.annuli[lesion]
        bright = (x.abs()[0][disc].mean() - x.abs()[0][annulus].mean()).item()
        created, erased = (
            objective(scene, aim, lesion=lesion)(x).item() for aim in ("create", "erase")
        )
        assert created == pytest.approx(bright if contrast > 0 else -bright)
        assert erased == -created


def test_impossible_aims_are_refused():
    with pytest.raises(ValueError, match="aim must be one of"):
        objective(planted(), "hide")
    with pytest.raises(ValueError, match="lesion must be < 2, got 2"):
        objective(planted(), "erase", lesion=2)
    assert objective(planted(), "error") is None
