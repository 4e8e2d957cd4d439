"""Files of k-space as other programs write them, byte by byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from smuglib import data
from smuglib.operators import fft2c
from tests.fastmri_files import header

HEIGHT, WIDTH, N_COILS = 48, 40, 4

INDEX = [
    *("kspace_encode_step_1", "kspace_encode_step_2", "average", "slice", "contrast", "phase"),
    *("repetition", "set", "segment"),
]
HEAD = np.dtype(
    [
        *(("version", "<u2"), ("flags", "<u8"), ("measurement_uid", "<u4")),
        *(("scan_counter", "<u4"), ("acquisition_time_stamp", "<u4")),
        *(("physiology_time_stamp", "<u4", 3), ("number_of_samples", "<u2")),
        *(("available_channels", "<u2"), ("active_channels", "<u2"), ("channel_mask", "<u8", 16)),
        *(("discard_pre", "<u2"), ("discard_post", "<u2"), ("center_sample", "<u2")),
        *(("encoding_space_ref", "<u2"), ("trajectory_dimensions", "<u2")),
        ("sample_time_us", "<f4"),
        *((name, "<f4", 3) for name in ("position", "read_dir", "phase_dir", "slice_dir")),
        ("patient_table_position", "<f4", 3),
        ("idx", [*((name, "<u2") for name in INDEX), ("user", "<u2", 8)]),
        *(("user_int", "<i4", 8), ("user_float", "<f4", 8)),
    ]
)
"""The header of a line: structs of the ISMRMRD standard, version 1, packed: 340 bytes."""


def truth(index: int = 0) -> tuple[Tensor, Tensor]:
    """Return known maps ``[1, C, H, W]`` and an image ``[1, H, W]``."""
    scan = data.brain("test", index, 1.0, height=HEIGHT, width=WIDTH, n_coils=N_COILS, noise=0.0)
    return scan.maps, 3e-4 * scan.target


def complete(index: int = 0) -> Tensor:
    """Return their k-space, ``[1, C, H, W]``."""
    maps, image = truth(index)
    return fft2c(maps * image[:, None])


def slices(n: int) -> np.ndarray:
    return torch.cat([complete(index) for index in range(n)]).numpy()


def write_cfl(path: Path, kspace: np.ndarray) -> Path:
    """Write slices, ``[slice, coil, H, W]``, as BART does: the first dimension runs fastest."""
    dims = [1] * 16
    dims[13], dims[3], dims[0], dims[1] = kspace.shape
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, dims)) + " \n")
    with path.open("wb") as file:
        for one in kspace:
            for coil in one:
                for column in coil.T:
                    file.write(np.ascontiguousarray(column, "<c8").tobytes())
    return path


def line(kspace: np.ndarray, column: int, number: int, **more: int) -> tuple:
    """Return an acquisition: its header, no trajectory, and a line of all coils."""
    head = np.zeros((), HEAD)
    samples = np.ascontiguousarray(kspace[:, :, column])
    head["number_of_samples"], head["center_sample"] = samples.shape[1], samples.shape[1] // 2
    head["active_channels"] = head["available_channels"] = len(samples)
    head["idx"]["kspace_encode_step_1"], head["idx"]["slice"] = column, number
    for name, value in more.items():
        (head["idx"] if name in INDEX else head)[name] = value
    return head, np.zeros(0, np.float32), samples.view(np.float32).ravel()


def lines(kspace: np.ndarray) -> list[tuple]:
    """Return all lines, slices interleaved and columns from the last to the first."""
    n, _, _, width = kspace.shape
    return [line(kspace[s], w, s) for w in reversed(range(width)) for s in range(n)]


def write_ismrmrd(path: Path, acquired: list[tuple], xml: str | None = None) -> Path:
    import h5py

    kind = [("head", HEAD), *((name, h5py.vlen_dtype(np.float32)) for name in ("traj", "data"))]
    rows = np.empty(len(acquired), np.dtype(kind))
    for row, one in zip(rows, acquired, strict=True):
        row["head"], row["traj"], row["data"] = one
    with h5py.File(path, "w") as file:
        group = file.create_group("dataset")
        text = header(HEIGHT, WIDTH) if xml is None else xml
        group.create_dataset("xml", data=[text], dtype=h5py.string_dtype())
        group.create_dataset("data", data=rows, maxshape=(None,), chunks=(16,))
    return path
