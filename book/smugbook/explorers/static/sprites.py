"""Small images side by side in one file: what a page without a kernel can show cell by cell.

Files are lossless WebP, so a cell says what was computed to half a `STEP` of its 255 levels.
"""

import warnings
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from PIL import Image

from smuglib.files import UnreadableFileError, reading, replacing

Sheet = np.ndarray[Any, np.dtype[np.uint8]]

STEP = 3
"""Levels are multiples of it; 86 are as many as an eye tells apart, and files shrink by a third."""

LARGEST = 2**24
"""Most pixels of a file: three times those of the largest profile."""

COLOURS: Sheet = np.round(matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(
    np.uint8
)
"""Colours of an error's levels 0 to 255, ``[256, 3]``, those of
`smugbook.figures.images.show_error`."""


def levels(values: np.ndarray[Any, Any], limit: float) -> Sheet:
    """Round values to levels."""
    steps = np.round(np.clip(values / limit, 0, 1) * (255 / STEP))
    scaled: Sheet = (steps * STEP).astype(np.uint8)
    return scaled


def write_sheet(path: Path | str, sheet: Sheet, *, coloured: bool) -> None:
    """Write levels to an image file, whole or not at all."""
    pixels = COLOURS[sheet] if coloured else np.repeat(sheet[..., None], 3, axis=-1)
    with replacing(path) as temporary:
        Image.fromarray(pixels).save(temporary, lossless=True, quality=80, method=4)


def read_sheet(path: Path | str, *, coloured: bool) -> Sheet:
    """Read the levels that `write_sheet` wrote."""
    with reading(path, "an image of the explorer"):
        pixels = _pixels(path)
    if not coloured:
        return pixels[..., 0].copy()
    codes = _codes(pixels)
    known = _codes(COLOURS)
    order = np.argsort(known)
    places = np.searchsorted(known, codes, sorter=order).clip(max=len(known) - 1)
    found: Sheet = order[places].astype(np.uint8)
    if not np.array_equal(COLOURS[found], pixels):
        raise UnreadableFileError(path, "it has pixels of other colours than those of an error map")
    return found


def _pixels(path: Path | str) -> Sheet:
    """Read the colours of a file's pixels, after a look at how many it claims."""
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path, formats=["WEBP"]) as file:
            if file.width * file.height > LARGEST:
                raise ValueError(f"it has more than {LARGEST} pixels")
            return np.asarray(file.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(str(error)) from error


def _codes(colours: Sheet) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """Return one number per colour."""
    red, green, blue = np.moveaxis(colours.astype(np.uint32), -1, 0)
    codes: np.ndarray[Any, np.dtype[np.uint32]] = (red << 16) | (green << 8) | blue
    return codes
