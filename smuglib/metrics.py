"""Image quality: PSNR, SSIM and NMSE of complex reconstructions, one value per sample.

Every metric compares a reconstruction ``x`` with the fully sampled image ``t``, both complex,
``[batch, height, width]``, in any units that they share, and returns float64, ``[batch]``. Peak
and data range are ``max |t|`` of the same slice, so a target that is zero everywhere is refused.
"""

import torch
from torch import Tensor
from torch.nn import functional

from smuglib import checks

_WINDOW, _WINDOW_SIGMA = 11, 1.5


def psnr(x: Tensor, target: Tensor) -> Tensor:
    """Return PSNR ``10 log10(max |t|^2 / mean |x - t|^2)``, dB: :eq:`eq-psnr` of the book.

    Examples
    --------
    >>> target = torch.ones(1, 16, 16, dtype=torch.complex64)
    >>> round(psnr(target + 0.1j, target).item(), 3)
    20.0
    """
    peak = _checked_peak(x, target)
    return 10 * torch.log10(peak**2 / _energy(x - target).mean((-2, -1)))


def nmse(x: Tensor, target: Tensor) -> Tensor:
    """Return NMSE ``||x - t||^2 / ||t||^2``: :eq:`eq-nmse` of the book.

    Examples
    --------
    >>> target = torch.ones(1, 16, 16, dtype=torch.complex64)
    >>> round(nmse(target + 0.1j, target).item(), 3)
    0.01
    """
    _checked_peak(x, target)
    return _energy(x - target).sum((-2, -1)) / _energy(target).sum((-2, -1))


def ssim(x: Tensor, target: Tensor) -> Tensor:
    """Return the structural similarity of magnitudes, with data range ``max |t|``.

    Wang et al., IEEE TIP 2004: Gaussian window of 11 pixels and standard deviation 1.5,
    K = (0.01, 0.03), averaged over the pixels whose window lies inside the image: scikit-image's
    ``structural_similarity`` with ``gaussian_weights=True, use_sample_covariance=False``.

    Examples
    --------
    >>> target = torch.ones(1, 16, 16, dtype=torch.complex64)
    >>> round(ssim(target, target).item(), 3)
    1.0
    """
    data_range = _checked_peak(x, target)[:, None, None, None]
    return _similarity(x.abs().unsqueeze(1), target.abs().unsqueeze(1), data_range)


def ssim_published(x: Tensor, target: Tensor) -> Tensor:
    """Return SSIM as the published code computes it: over real and imaginary channels.

    To compare with the poster's numbers (its PSNR is `psnr`). The data range is 2 whatever the
    image: constants that guard against division by zero are then at least four times larger, and
    the value comes out higher. Images are in units in which the published code's lie in [-1, 1].
    """
    _checked_peak(x, target)
    data_range = torch.tensor(2.0, dtype=torch.float64, device=x.device)
    return _similarity(_channels(x), _channels(target), data_range)


def _checked_peak(x: Tensor, target: Tensor) -> Tensor:
    """Check a pair of images and return ``max |t|`` of every target, float64, ``[batch]``."""
    checks.complex_tensor("x", x, n_axes=(3,))
    checks.complex_tensor("target", target, n_axes=(3,))
    checks.same_shape("x", x, "target", target)
    checks.finite("target", target)
    peak = target.abs().double().amax((-2, -1))
    if not (peak > 0).all():
        raise ValueError("target must not be zero everywhere: metrics are relative to it")
    return peak


def _channels(x: Tensor) -> Tensor:
    return torch.view_as_real(x.resolve_conj()).movedim(-1, 1)


def _energy(x: Tensor) -> Tensor:
    return _channels(x).double().square().sum(1)


def _similarity(x: Tensor, target: Tensor, data_range: Tensor) -> Tensor:
    """Return the mean SSIM of real images ``[batch, channel, height, width]``, ``[batch]``."""
    if min(x.shape[-2:]) < _WINDOW:
        size = tuple(x.shape[-2:])
        raise ValueError(f"x must be at least {_WINDOW} pixels a side, SSIM's window, got {size}")
    # Variances are differences of large means: float32 would lose their digits in flat regions.
    x, target = x.double(), target.double()
    mean_x, mean_t = _blur(x), _blur(target)
    variance_x = _blur(x * x) - mean_x**2
    variance_t = _blur(target * target) - mean_t**2
    covariance = _blur(x * target) - mean_x * mean_t
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    luminance = (2 * mean_x * mean_t + c1) / (mean_x**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_x + variance_t + c2)
    return (luminance * structure).mean((-3, -2, -1))


def _blur(x: Tensor) -> Tensor:
    """Average under the Gaussian window, at pixels whose window lies inside the image."""
    offsets = torch.arange(_WINDOW, dtype=x.dtype, device=x.device) - _WINDOW // 2
    weights = torch.exp(-0.5 * (offsets / _WINDOW_SIGMA) ** 2)
    weights = weights / weights.sum()
    blurred = functional.conv2d(x.reshape(-1, 1, *x.shape[-2:]), weights.view(1, 1, -1, 1))
    blurred = functional.conv2d(blurred, weights.view(1, 1, 1, -1))
    return blurred.reshape(*x.shape[:-2], *blurred.shape[-2:])
