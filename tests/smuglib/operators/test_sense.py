"""The SENSE operator against a matrix built without it, and what it refuses."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smuglib.operators import SenseOperator, normal
from tests.helpers import (
    assert_adjoint,
    columns_of,
    draw,
    few_examples,
    line_mask,
    normal_matrix,
    plane_mask,
    relative_difference,
    sense,
    sense_matrix,
)
from tests.strategies import images, keys, operators, rounding, scan_of

LINE = line_mask("0110100")
MASKS = {"line": LINE, "plane": plane_mask(5, 7), "full": line_mask("1111111")}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
def test_forward_adjoint_and_normal_are_the_dense_matrix(mask):
    A = sense(mask)
    dense = torch.from_numpy(sense_matrix(A))
    forward = torch.from_numpy(columns_of(A.forward, 1, 5, 7))
    normal = torch.from_numpy(columns_of(A.normal, 1, 5, 7))
    assert relative_difference(forward, dense) < 1e-13
    assert relative_difference(normal, torch.from_numpy(normal_matrix(A))) < 1e-13
    y = draw(1, 3, 5, 7)
    assert relative_difference(A.adjoint(y).flatten(), dense.mH @ y.flatten()) < 1e-13


@few_examples
@given(
    height=st.integers(1, 7),
    batch=st.integers(1, 3),
    n_coils=st.integers(1, 4),
    shared=st.booleans(),
)
def test_each_scan_of_a_batch_is_its_own_operator(height, batch, n_coils, shared):
    masks = line_mask(*["01101", "10001", "00100"][: 1 if shared else batch])
    A = sense(masks, batch=batch, n_coils=n_coils, height=height)
    x = draw(batch, height, 5)
    for scan in range(batch):
        expected = torch.from_numpy(sense_matrix(A, scan)) @ x[scan].flatten()
        assert (A.forward(x)[scan].flatten() - expected).norm() <= 1e-13 * x.norm()


@few_examples
@given(A=operators(), samples=st.integers(0, 3), key=keys)
def test_an_operator_of_any_shape_is_linear_and_has_its_adjoint_and_normal(A, samples, key):
    x, other, wanted = (images(A, samples, (name, key)) for name in ("x", "other", "wanted"))
    y, tolerance = A.forward(wanted), rounding(A.maps.dtype)
    combined = A.forward(2j * x - other)
    assert combined.dtype == A.maps.dtype
    size = (x.norm() + other.norm()).item()
    assert (combined - 2j * A.forward(x) + A.forward(other)).norm() <= tolerance * size
    assert_adjoint(A.forward, A.adjoint, x, y + draw(*y.shape, key=key).to(y.dtype), tolerance)
    assert (A.normal(x) - A.adjoint(A.forward(x))).norm() <= tolerance * x.norm()


@few_examples
@given(A=operators(), samples=st.integers(0, 3), key=keys)
def test_a_scan_does_not_depend_on_its_batch_whatever_its_shape(A, samples, key):
    x, tolerance = images(A, samples, key), rounding(A.maps.dtype)
    y = A.forward(x)
    for scan in range(len(x)):
        own, alone = slice(scan, scan + 1), scan_of(A, scan)
        pairs = [
            (y[own], alone.forward(x[own])),
            (A.adjoint(y)[own], alone.adjoint(y[own])),
            (A.normal(x)[own], alone.normal(x[own])),
        ]
        for together, apart in pairs:
            assert (together - apart).norm() <= tolerance * x[own].norm()


def test_noise_samples_share_maps_and_mask():
    A = sense(line_mask("0110100", "1010001"), batch=2)
    x = draw(2, 4, 5, 7)
    for sample in range(4):
        assert torch.equal(A.forward(x)[:, sample], A.forward(x[:, sample]))
        assert relative_difference(A.normal(x)[:, sample], A.normal(x[:, sample])) < 1e-14


def test_normal_is_adjoint_of_forward_and_unsampled_kspace_is_zero_and_ignored():
    A = sense(LINE)
    x, y = draw(1, 5, 7), draw(1, 3, 5, 7)
    assert relative_difference(A.normal(x), A.adjoint(A.forward(x))) < 1e-14
    assert not A.forward(x)[..., ~LINE[0, 0, 0]].any()
    assert torch.equal(A.adjoint(y), A.adjoint(y * LINE))


@pytest.mark.parametrize("mask", [line_mask("01101001"), plane_mask(5, 8)], ids=["line", "plane"])
@pytest.mark.parametrize("n_lines", [1, 2, 5])
def test_normal_does_not_depend_on_the_pieces_it_is_computed_in(monkeypatch, mask, n_lines):
    A = sense(mask, batch=2)
    monkeypatch.setattr(normal, "PIECE_BYTES", n_lines * A.n_coils * 8 * 16)
    x = draw(2, 3, 5, 8)
    assert relative_difference(A.normal(x), A.adjoint(A.forward(x))) < 1e-14


def test_rows_of_a_checked_operator_are_the_operator_of_its_rows():
    whole, x = sense(LINE), draw(1, 2, 3, 7)
    rows = SenseOperator.of_parts(whole.maps[:, :, 1:4], whole.mask, whole.norm_bound)
    checked = SenseOperator(whole.maps[:, :, 1:4], whole.mask)
    assert torch.equal(rows.normal(x), checked.normal(x))
    assert rows.norm_bound == whole.norm_bound >= checked.norm_bound


def test_full_sampling_and_normalized_maps_give_the_identity():
    A = sense(MASKS["full"])
    x = draw(1, 5, 7)
    assert relative_difference(A.normal(x), x) < 1e-14


def test_properties():
    A = sense(LINE, batch=2)
    assert (A.n_coils, A.image_shape, A.is_cartesian_1d) == (3, (2, 5, 7), True)
    assert not sense(MASKS["plane"]).is_cartesian_1d


def test_another_dtype_is_another_operator():
    A = sense(LINE)
    single = A.to(torch.complex64)
    assert (A.maps.dtype, single.maps.dtype) == (torch.complex128, torch.complex64)
    assert single.mask is A.mask
    assert single.forward(draw(1, 5, 7, dtype=torch.complex64)).dtype == torch.complex64
    assert A.to("cpu").maps.device.type == "cpu"


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_agrees():
    A, x = sense(LINE), draw(1, 5, 7)
    assert relative_difference(A.to("cuda").normal(x.cuda()).cpu(), A.normal(x)) < 1e-13


def test_a_real_dtype_is_refused():
    with pytest.raises(
        TypeError, match="must be complex64 or complex128, as maps are, got torch.float32"
    ):
        sense(LINE).to(torch.float32)


def test_the_normal_operator_mixes_no_precisions():
    with pytest.raises(TypeError, match="^x must have the dtype of the maps"):
        sense(LINE).normal(draw(1, 5, 7, dtype=torch.complex64))


def test_an_unknown_device_is_refused_by_name():
    with pytest.raises(ValueError, match="^target must be"):
        sense(LINE).to("abacus")


MAPS = draw(2, 3, 5, 7)
BAD_PARTS = {
    "real maps": (MAPS.real, LINE, TypeError, "maps must be complex"),
    "no tensor": ([1.0], LINE, TypeError, "maps must be a torch.Tensor, got list"),
    "maps axes": (MAPS[0], LINE, ValueError, "maps must have 4 axes"),
    "mask values": (MAPS, LINE * 0.5, ValueError, "mask must be boolean.* with .0.5"),
    "mask type": (MAPS, "mask", TypeError, "mask must be a torch.Tensor, got str"),
    "maps with NaN": (MAPS * torch.nan, LINE, ValueError, "maps must be finite, got .* NaN"),
    "mask width": (MAPS, LINE[..., :6], ValueError, r"mask must have shape \[1 or 2, 1, 1 or 5, 7"),
    "mask height": (MAPS, plane_mask(4, 7), ValueError, "mask must have shape"),
    "mask batch": (MAPS, LINE.expand(3, 1, 1, 7), ValueError, "mask must have shape"),
    "mask coils": (MAPS, LINE.expand(1, 3, 1, 7), ValueError, "mask must have shape"),
    "mask axes": (MAPS, LINE[0], ValueError, "mask must have shape"),
    "empty mask": (MAPS, torch.zeros_like(LINE), ValueError, "samples no column"),
    "one empty mask": (MAPS, line_mask("0110100", "0000000"), ValueError, "samples no column"),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.uint8, torch.int64])
def test_a_mask_of_zeros_and_ones_is_a_boolean_one(dtype):
    operator = SenseOperator(MAPS, LINE.to(dtype))
    assert torch.equal(operator.mask, LINE)


@pytest.mark.parametrize(("maps", "mask", "error", "message"), BAD_PARTS.values(), ids=BAD_PARTS)
def test_bad_maps_and_masks_are_refused(maps, mask, error, message):
    with pytest.raises(error, match=message):
        SenseOperator(maps, mask)


@pytest.mark.parametrize("method", ["forward", "normal", "adjoint"])
def test_bad_images_and_kspace_are_refused(method):
    A = SenseOperator(MAPS, LINE)
    apply, coils = getattr(A, method), (3,) if method == "adjoint" else ()
    name = "y" if method == "adjoint" else "x"
    with pytest.raises(TypeError, match=f"{name} must be complex"):
        apply(torch.zeros(2, *coils, 5, 7))
    for shape in [(1, *coils, 5, 7), (2, *coils, 7, 5), (2, 1, 1, *coils, 5, 7), (*coils, 5, 7)]:
        with pytest.raises(ValueError, match=rf"{name} must have"):
            apply(draw(*shape))
    if coils:
        with pytest.raises(ValueError, match=r"y must have shape \[2, \(sample,\) 3, 5, 7\]"):
            apply(draw(2, 4, 5, 7))
