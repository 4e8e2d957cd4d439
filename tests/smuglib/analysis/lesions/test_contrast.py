"""What is measured of lesions, and what an attacker aims at."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.analysis.lesions import (
    apparent_contrast,
    contrast_recovery,
    false_contrast,
    objective,
)
from tests.helpers import few_examples
from tests.lesions import SIZE, at_the_peak, planted


@few_examples
@given(kept=st.floats(-0.5, 1.5), contrast=st.floats(0.1, 1))
def test_recovery_is_the_share_that_is_kept(kept, contrast):
    pair = planted(contrast=contrast)
    lesion = pair.factor * pair.scan.target - pair.free.target
    x = (pair.free.target + kept * lesion) / pair.factor
    expected = torch.full((2,), kept, dtype=torch.float64)
    torch.testing.assert_close(contrast_recovery(pair, x, pair.free.target), expected)
    torch.testing.assert_close(apparent_contrast(pair, x), expected)
    assert false_contrast(pair, pair.free.target).abs().max() < 1e-12


def test_each_lesion_has_a_number_of_its_own():
    pair = planted()
    x = pair.factor * pair.scan.target
    first = pair.lesions[0].profile(SIZE, SIZE) > 0
    x = torch.where(first, pair.free.target, x) / pair.factor
    expected = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(contrast_recovery(pair, x, pair.free.target), expected)


def test_an_artefact_in_both_is_false_contrast_and_no_recovery():
    """An artefact as strong as the lesion, in its disc, doubles the apparent contrast."""
    pair = at_the_peak()
    lesion = pair.factor * pair.scan.target - pair.free.target
    free = pair.free.target + lesion
    x = (pair.factor * pair.scan.target + lesion) / pair.factor
    for measure, images, value in (
        (contrast_recovery, (x, free), 1.0),
        (false_contrast, (free,), 1.0),
        (apparent_contrast, (x,), 2.0),
    ):
        assert measure(pair, *images).item() == pytest.approx(value)


def test_measures_are_in_the_units_of_their_scans():
    pair = at_the_peak()
    assert contrast_recovery(pair, pair.scan.target, pair.free.target).item() == pytest.approx(1)
    same = pair.factor * pair.scan.target  # in the units of the other scan: wrong by the factor
    assert abs(contrast_recovery(pair, same, pair.free.target).item() - 1) > 0.05


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
