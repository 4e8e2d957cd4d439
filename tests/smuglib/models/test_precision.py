"""TF32 is allowed only inside its context, whatever happens there."""

import pytest
import torch

from smuglib.models.precision import autocast, tf32


@pytest.mark.parametrize("allowed", [True, False])
def test_tf32_holds_inside_and_is_restored_after_an_error(allowed):
    before = torch.backends.cudnn.allow_tf32
    seen = []

    def fail():
        with tf32(allowed):
            seen.append(torch.backends.cudnn.allow_tf32)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert seen == [allowed]
    assert torch.backends.cudnn.allow_tf32 is before


def test_only_bfloat16_casts():
    for precision in ("float32", "tf32", "bfloat16"):
        with autocast(precision, "cpu"):
            assert torch.is_autocast_enabled("cpu") == (precision == "bfloat16")
