"""Lines of ISMRMRD files come to their places, and what is no image stays out."""

from __future__ import annotations

import numpy as np
import pytest

from smuglib.data.ismrmrd import Acquisitions
from smuglib.files import UnreadableFileError
from tests.fastmri_files import header
from tests.kspace_files import HEAD, HEIGHT, WIDTH, line, lines, slices, write_ismrmrd

pytest.importorskip("h5py", reason="needs the extra 'fastmri'")

NOISE, REVERSED = 1 << 18, 1 << 21


@pytest.fixture(scope="module")
def kspace():
    return slices(2)


def test_the_header_of_a_line_has_the_standards_size():
    assert HEAD.itemsize == 340


def test_interleaved_lines_are_sorted_by_slice_and_step(tmp_path, kspace):
    found = Acquisitions.open(write_ismrmrd(tmp_path / "scan.h5", lines(kspace)))
    assert found.shape == kspace.shape
    for index, one in enumerate(kspace):
        np.testing.assert_array_equal(found.kspace(index), one)


def test_averages_are_averaged_and_noise_is_left_out(tmp_path, kspace):
    noise = [line(np.full_like(kspace[0], 7), 3, 0, flags=NOISE)]
    again = [line(3 * kspace[0], 5, 0, average=1)]
    path = write_ismrmrd(tmp_path / "scan.h5", noise + lines(kspace) + again)
    found = Acquisitions.open(path).kspace(0)
    # The mean of the line and of three times the line; sums of two numbers round once.
    np.testing.assert_allclose(found[:, :, 5], 2 * kspace[0][:, :, 5], rtol=1e-6)
    np.testing.assert_array_equal(found[:, :, :5], kspace[0][:, :, :5])


def test_partial_echoes_and_a_shifted_centre_come_to_their_places(tmp_path, kspace):
    late = kspace[0][:, 10:]
    limits = "<encodingLimits><kspace_encoding_step_1><center>18</center></kspace_encoding_step_1>"
    xml = header(HEIGHT, WIDTH).replace("</encoding>", f"{limits}</encodingLimits></encoding>")
    acquired = [line(late, w, 0, center_sample=HEIGHT // 2 - 10) for w in range(30)]
    found = Acquisitions.open(write_ismrmrd(tmp_path / "scan.h5", acquired, xml)).kspace(0)
    shift = WIDTH // 2 - 18
    np.testing.assert_array_equal(found[:, 10:, shift : shift + 30], late[:, :, :30])
    assert not found[:, :10].any() and not found[:, :, :shift].any()


def test_discarded_samples_are_left_out(tmp_path, kspace):
    acquired = [line(kspace[0], w, 0, discard_pre=2, discard_post=3) for w in range(WIDTH)]
    found = Acquisitions.open(write_ismrmrd(tmp_path / "scan.h5", acquired)).kspace(0)
    assert not found[:, :2].any() and not found[:, -3:].any()
    np.testing.assert_array_equal(found[:, 2:-3], kspace[0][:, 2:-3])


@pytest.mark.parametrize(
    ("mode", "expected"), [("embedded", 1), ("separate", 0)], ids=["embedded", "separate"]
)
def test_lines_for_calibration_count_where_they_are_embedded(tmp_path, kspace, mode, expected):
    told = f"<parallelImaging><calibrationMode>{mode}</calibrationMode></parallelImaging>"
    xml = header(HEIGHT, WIDTH).replace("</encoding>", f"{told}</encoding>")
    acquired = [line(kspace[0], w, 0, flags=0 if w % 2 else 1 << 19) for w in range(WIDTH)]
    found = Acquisitions.open(write_ismrmrd(tmp_path / "scan.h5", acquired, xml)).kspace(0)
    np.testing.assert_array_equal(found[:, :, 1::2], kspace[0][:, :, 1::2])
    np.testing.assert_array_equal(found[:, :, ::2], expected * kspace[0][:, :, ::2])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"flags": REVERSED}, "read backwards"),
        ({"kspace_encode_step_2": 1}, "kspace_encode_step_2 has 2 values"),
        ({"contrast": 1}, "contrast has 2 values"),
        ({"active_channels": 3}, "active_channels has 2 values"),
        ({"kspace_encode_step_1": WIDTH}, "outside of 40 phase encodings"),
        ({"center_sample": 0}, "longer than 48 samples"),
        ({"number_of_samples": 20}, "a line has 384 numbers"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_no_cartesian_image_is_refused(tmp_path, kspace, change, message):
    acquired = [*lines(kspace), line(kspace[0], 0, 0, **change)]
    path = write_ismrmrd(tmp_path / "scan.h5", acquired)
    with pytest.raises(UnreadableFileError, match=rf"scan.h5 cannot be read: .*{message}"):
        Acquisitions.open(path).kspace(0)


def test_another_trajectory_and_no_lines_are_refused(tmp_path, kspace):
    xml = header(HEIGHT, WIDTH).replace("</encoding>", "<trajectory>spiral</trajectory></encoding>")
    with pytest.raises(UnreadableFileError, match="trajectory is 'spiral'"):
        Acquisitions.open(write_ismrmrd(tmp_path / "a.h5", lines(kspace), xml))
    noise = [line(kspace[0], 0, 0, flags=NOISE)]
    with pytest.raises(UnreadableFileError, match="holds no line of an image"):
        Acquisitions.open(write_ismrmrd(tmp_path / "b.h5", noise))
