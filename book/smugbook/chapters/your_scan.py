"""A file as a scanner's user has it, made up."""

from pathlib import Path

import h5py
import torch

from smuglib.data import head
from smuglib.operators import fft2c, ifft2c

HEADER = (
    '<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><encoding>'
    "<encodedSpace><matrixSize><x>{readout}</x><y>{columns}</y><z>1</z></matrixSize></encodedSpace>"
    "<reconSpace><matrixSize><x>{height}</x><y>{width}</y><z>1</z></matrixSize></reconSpace>"
    "</encoding></ismrmrdHeader>"
)


def make_up_volume(path: Path | str, seed: int, n_slices: int = 1) -> Path:
    """Write a complete fastMRI volume of a simulated head, its readout oversampled twice."""
    slices = []
    for index in range(n_slices):
        scan = head("test", index, 1.0, seed=seed)
        coils = ifft2c(scan.kspace * scan.scale)
        height = coils.shape[-2]
        margins = (0, 0, height // 2, height - height // 2)
        slices.append(fft2c(torch.nn.functional.pad(coils, margins)))
    kspace = torch.cat(slices)
    height, (readout, columns) = kspace.shape[-2] // 2, kspace.shape[-2:]
    sizes = {"readout": readout, "columns": columns, "height": height, "width": columns}
    images = ifft2c(kspace)[..., height // 2 : height // 2 + height, :]
    with h5py.File(path, "w") as file:
        file["kspace"] = kspace.numpy()
        file["ismrmrd_header"] = HEADER.format(**sizes)
        file["reconstruction_rss"] = images.abs().square().sum(1).sqrt().numpy()
        file.attrs["patient_id"] = f"simulated {seed}"
    return Path(path)
