"""NIfTI volumes of made-up heads, as a scanner or a preprocessing tool writes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

# Sides of a voxel in mm, and their number: right, anterior, superior.
SPACING = (2.0, 2.0, 6.0)
SHAPE = (100, 110, 24)


def made_up_head(spacing=SPACING, shape=SHAPE, seed=0):
    """Return magnitudes over right, anterior and superior: brain, skull and scalp, 140 x 170 mm."""
    rng = np.random.default_rng(seed)
    x, y, z = (
        (np.arange(n) - (n - 1) / 2)[(slice(None), *(None,) * (2 - axis))] * side
        for axis, (n, side) in enumerate(zip(shape, spacing, strict=True))
    )
    radius = np.sqrt((x / 70) ** 2 + (y / 85) ** 2 + (z / 70) ** 2)
    # Left and right, front and back can be told apart.
    texture = 1 + 0.2 * np.sin(x / 4 + seed) * np.cos(y / 5) + 0.1 * y / 85 + 0.05 * x / 70
    values = np.where(radius < 0.86, 500 * texture, 0.0)
    values = np.where((radius >= 0.86) & (radius < 0.93), 30.0, values)
    values = np.where((radius >= 0.93) & (radius < 1), 1200.0, values)
    return np.abs(values + 4 * rng.standard_normal(shape)).astype(np.float32)


def write_volume(path: Path, values, spacing=SPACING, axes="RAS"):
    """Write magnitudes over right, anterior and superior with the axes stored in another order."""
    import nibabel
    from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

    image = nibabel.Nifti1Image(values, np.diag([*spacing, 1.0]))
    wanted = ornt_transform(io_orientation(image.affine), axcodes2ornt(axes))
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(image.as_reoriented(wanted), path)
    return path


def write_patients(folder: Path, n_patients: int = 4):
    """Write a volume for each of some patients."""
    for number in range(n_patients):
        write_volume(folder / f"p{number}_T1.nii", made_up_head(seed=number))
    return folder
