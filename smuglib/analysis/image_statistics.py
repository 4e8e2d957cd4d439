"""What tells images of real heads from smooth phantoms, in a handful of numbers.

Meant for pixels of about 1.64 mm: what is fine depends on the pixel.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from smuglib import checks
from smuglib.data.fields import Array
from smuglib.data.regions import Region, brain_region, head_region
from smuglib.operators.fourier import fft2c

# Bands of spatial frequency, in cycles/mm: of the fitted exponent, and of what counts as fine.
FITTED, FINE, N_RINGS = (0.03, 0.25), (0.15, 0.3), 13

# Standard deviation in mm of the Gaussian that leaves the smooth phase, and how deep in the head
# the rest of it is measured.
SMOOTH, DEPTH = 8.0, 14.0


class ImageStatistics(NamedTuple):
    """Statistics of one image.

    Parameters
    ----------
    exponent
        Of the radial power spectrum, ``f ** -exponent`` from 0.03 to 0.25 cycles/mm.
    fine_energy
        Share of the energy at 0.15 to 0.3 cycles/mm.
    total_variation
        Mean length of the gradient (in units a pixel) over mean intensity, in the head.
    outside_energy
        Share of the energy that lies in the head, and outside of the brain.
    maximum
        Over the median of the brain.
    phase_residual
        Standard deviation, in radians and well inside of the head, of the phase against that of
        the image smoothed over 8 mm; NaN for an image without phase.
    """

    exponent: float
    fine_energy: float
    total_variation: float
    outside_energy: float
    maximum: float
    phase_residual: float


def image_statistics(
    image: Tensor, pixel: float, brain: Region | None = None, head: Region | None = None
) -> ImageStatistics:
    """Compute the statistics of an image ``[height, width]``, complex or a magnitude.

    Parameters
    ----------
    pixel
        Side of a pixel in mm.
    brain, head
        Where they are, boolean, ``[height, width]``; found if not given (both together).
    """
    checks.tensor("image", image, n_axes=(2,))
    pixel = checks.positive("pixel", pixel)
    values = image.detach().cpu().numpy()
    x = np.abs(values).astype(np.float64)
    if head is None or brain is None:
        head = head_region(x)
        brain = brain_region(x, head, pixel)
    inner = ndimage.binary_erosion(brain, iterations=2)
    if not inner.any():
        raise ValueError("image must show a brain, got none that is larger than 4 pixels")
    down, across = np.diff(x, axis=0, append=x[-1:]), np.diff(x, axis=1, append=x[:, -1:])
    around = ndimage.binary_dilation(head, iterations=2) & ~brain
    exponent, fine = spectral_shape(x, pixel)
    return ImageStatistics(
        exponent,
        fine,
        float(np.hypot(down, across)[head].mean() / x[head].mean()),
        float((x[around] ** 2).sum() / (x**2).sum()),
        float(x.max() / np.median(x[inner])),
        _phase_residual(values, head, pixel) if np.iscomplexobj(values) else math.nan,
    )


def spectral_shape(magnitude: Array, pixel: float) -> tuple[float, float]:
    """Return the exponent of the radial power spectrum, and the share of fine energy.

    The exponent is fitted to mean powers of rings that are equally wide in the logarithm.
    """
    power = fft2c(torch.from_numpy(magnitude) + 0j).abs().square().numpy()
    axes = (np.fft.fftshift(np.fft.fftfreq(n, pixel)) for n in magnitude.shape)
    radius = np.hypot(*np.meshgrid(*axes, indexing="ij"))
    edges = np.geomspace(*FITTED, N_RINGS + 1)
    ring, inside = np.digitize(radius, edges) - 1, (radius >= edges[0]) & (radius < edges[-1])
    sums = np.bincount(ring[inside], power[inside], N_RINGS)
    means = sums / np.bincount(ring[inside], minlength=N_RINGS)
    middles = np.sqrt(edges[1:] * edges[:-1])
    slope = np.polyfit(np.log(middles), np.log(means), 1)[0]
    is_fine = (radius > FINE[0]) & (radius < FINE[1])
    return float(-slope), float(power[is_fine].sum() / power.sum())


def _phase_residual(image: Array, head: Region, pixel: float) -> float:
    smooth = ndimage.gaussian_filter(image, SMOOTH / pixel)
    within = ndimage.binary_erosion(head, iterations=round(DEPTH / pixel))
    return float(np.angle(image * smooth.conj())[within].std())


def noise_level(coil_images: Tensor, head: Region) -> float:
    """Return the standard deviation of complex noise on each of its parts, from the air.

    The magnitude of complex Gaussian noise has the median ``sqrt(2 ln 2)`` σ, whatever few brighter
    pixels there are. ``coil_images`` are those of a full scan, ``[coil, height, width]``.
    """
    checks.complex_tensor("coil_images", coil_images, n_axes=(3,))
    air = torch.from_numpy(~ndimage.binary_dilation(head, iterations=6))
    return (coil_images.abs()[:, air].median() / math.sqrt(2 * math.log(2))).item()
