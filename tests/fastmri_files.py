"""fastMRI files as a scanner writes them, of known maps and images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from smuglib import data
from smuglib.operators import fft2c, ifft2c
from smuglib.random import complex_normal, generator

HEIGHT, WIDTH, N_COILS = 64, 48, 4
# As the scanner stores a slice: twice the readout, and some columns more.
READOUT, COLUMNS = 128, 60
UNIT = 1e-4
# 16 ACS columns of 48: the ESPIRiT kernels of 6 need at least 12.
SMALL: dict[str, Any] = {
    "height": HEIGHT,
    "width": WIDTH,
    "sampling_rate": 0.5,
    "center_fraction": 0.34,
}
TENSORS = ("kspace", "maps", "mask", "target")


def header(readout: int = READOUT, columns: int = COLUMNS) -> str:
    return (
        '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>'
        f"<encodedSpace><matrixSize><x>{readout}</x><y>{columns}</y><z>1</z></matrixSize>"
        "</encodedSpace></encoding></ismrmrdHeader>"
    )


def truth(index: int = 0, n_coils: int = N_COILS) -> tuple[Tensor, Tensor]:
    """Return known maps ``[1, C, H, W]`` and the image ``[1, H, W]`` in the file's units."""
    scan = data.brain("test", index, height=HEIGHT, width=WIDTH, n_coils=n_coils, noise=0.0)
    return scan.maps, scan.target * scan.scale * UNIT


def scanned(index: int = 0, *, noise: float = 0.0, n_coils: int = N_COILS) -> Tensor:
    """Measure a slice on the scanner's larger grid, ``[1, C, READOUT, COLUMNS]``."""
    maps, image = truth(index, n_coils)
    coil_images = torch.zeros(1, n_coils, READOUT, COLUMNS, dtype=torch.complex64)
    top, left = READOUT // 2 - HEIGHT // 2, COLUMNS // 2 - WIDTH // 2
    coil_images[..., top : top + HEIGHT, left : left + WIDTH] = maps * image[:, None]
    draws = generator(0, "noise", index)
    return fft2c(coil_images) + complex_normal(coil_images.shape, noise * UNIT, draws, coil_images)


def write(
    path: Path,
    kspace: Tensor,
    *,
    patient: str = "patient",
    mask: Tensor | None = None,
    xml: str | None = None,
) -> Path:
    import h5py

    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.numpy()
        file["ismrmrd_header"] = header() if xml is None else xml
        file.attrs.update(acquisition="AXT2", max=1.0, norm=1.0, patient_id=patient)
        if mask is None:
            file["reconstruction_rss"] = ifft2c(kspace + 0j).abs().square().sum(1).sqrt().numpy()
        else:
            file["mask"] = mask.numpy()
    return path


def relative(x: Tensor, reference: Tensor) -> float:
    return ((x - reference).norm() / reference.norm()).item()


def same(first: data.Scan, second: data.Scan) -> bool:
    return all(torch.equal(getattr(first, name), getattr(second, name)) for name in TENSORS)
