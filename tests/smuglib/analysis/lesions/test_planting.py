"""What lesions do to a scan."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.analysis.lesions import footprint
from tests.helpers import few_examples
from tests.lesions import SIZE, at_the_peak, planted


@few_examples
@given(contrast=st.floats(0.1, 2), sign=st.sampled_from([1, -0.4]))
def test_the_target_changes_by_the_contrast_and_keeps_its_phase(contrast, sign):
    pair = planted(contrast=sign * contrast)
    ratio = pair.factor * pair.scan.target[0] / pair.free.target[0]
    for lesion, annulus in zip(pair.lesions, pair.annuli, strict=True):
        profile = lesion.profile(SIZE, SIZE)
        near = lesion.disc(SIZE, SIZE)
        expected = 1 + sign * contrast * profile[near]
        torch.testing.assert_close(ratio[near], expected.to(ratio.dtype))
        torch.testing.assert_close(ratio[annulus], torch.ones_like(ratio[annulus]))


def test_the_noise_is_what_it_was_and_the_scale_is_of_the_new_image():
    pair = at_the_peak()

    def noise(part):
        return part.scale * (part.kspace - part.operator.forward(part.target))

    torch.testing.assert_close(noise(pair.scan), noise(pair.free))
    assert noise(pair.free).abs().max() > 1e-3
    assert pair.scan.operator.adjoint(pair.scan.kspace).abs().max().item() == pytest.approx(1)
    absolute = pair.scan.scale * pair.scan.target - pair.free.scale * pair.free.target
    assert absolute[0][~(pair.lesions[0].profile(SIZE, SIZE) > 0)].abs().max() < 1e-12
    assert not pair.scan.kspace[~pair.scan.mask.expand_as(pair.scan.kspace)].any()


def test_a_footprint_is_what_the_lesion_adds_to_the_measurement():
    pair = planted(n_lesions=2)
    apart = [footprint(pair, lesion) for lesion in (0, 1)]
    for lesion, size in zip(pair.lesions, apart, strict=True):
        change = pair.free.target * lesion.contrast * lesion.profile(SIZE, SIZE)
        added = pair.free.operator.forward(change)
        assert size == pytest.approx((added.norm() / pair.free.kspace.norm()).item())
    assert apart[0] != apart[1]
