"""A lesion is a disc with a soft edge."""

import math

import pytest

from smuglib.analysis.lesions import Lesion


def test_a_lesion_is_a_disc_with_a_soft_edge():
    lesion = Lesion(5, 6, 1.0, 0.2)
    profile = lesion.profile(13, 14)
    assert lesion.disc(13, 14).sum() == 5
    assert profile[5, 7] == 0.5
    assert 0.97 < profile[5, 6] < 1
    assert profile[5, 8] == pytest.approx(math.erfc(1 / (0.5 * math.sqrt(2))) / 2)
    annulus = lesion.annulus(13, 14)
    assert not (annulus & lesion.disc(13, 14)).any()
    assert profile[annulus].eq(0).all()
    # Distances from 2.5 to 4.5 pixels: (3, 0) lies in it, (2, 0) and (5, 0) do not.
    assert annulus[8, 6] and not annulus[7, 6] and not annulus[10, 6]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"row": -1}, "row must be an integer >= 0"),
        ({"column": 0.5}, "column must be an integer"),
        ({"radius": 0.0}, "radius must be > 0"),
        ({"edge": 0.0}, "edge must be > 0"),
        ({"contrast": 0.0}, "contrast must be > -1 and not 0"),
        ({"contrast": -1.0}, "contrast must be > -1 and not 0"),
    ],
)
def test_impossible_lesions_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Lesion(**{"row": 1, "column": 1, "radius": 2.0, "contrast": 0.2} | settings)
