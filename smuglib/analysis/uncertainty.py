r"""The spread of a smoothed reconstruction over its noise samples, and whether it tells the error.

The last data-consistency step maps every denoised sample to an image of its own. With S samples,

.. math::

    x_s = (A^H A + \lambda I)^{-1} (z_s + \lambda d_s), \qquad x = \frac1S \sum_s x_s, \qquad
    u = \Big(\frac{1}{S-1} \sum_s |x_s - x|^2\Big)^{1/2},

where ``d_s`` are the denoiser's last outputs and ``z_s = z`` (SMUG and SMUGv0), or the noisy
zero-filled images ``z + ν_s`` of whole reconstructions (RS-E2E). The mean is the reconstruction
itself, since the step is affine, and the spread u costs one solve. It tends to a limit as S grows.
The spread of independent smoothed reconstructions does not: it is the error of the average, falls
as ``1/sqrt(S)``, and says nothing about the image.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from scipy.stats import spearmanr
from torch import Tensor

from smuglib import checks
from smuglib.checks import require
from smuglib.consistency.step import DataConsistency, as_step
from smuglib.models.unrolled import Trace, UnrolledNetwork
from smuglib.operators.sense import SenseOperator
from smuglib.random import complex_normal

if TYPE_CHECKING:
    import pandas as pd


def reconstruct(
    net: UnrolledNetwork,
    z: Tensor,
    A: SenseOperator | DataConsistency,
    *,
    generator: torch.Generator,
    n_steps: int | None = None,
    n_samples: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Return a smoothed network's reconstruction and the spread of its samples.

    Both are ``[batch, height, width]``, in units of the scan's scale.
    """
    if not net.smoothing.is_active:
        raise ValueError("net must be smoothed: without noise samples there is no spread")
    step = as_step(A, net.lam)
    trace = Trace()
    x = net(z, step, generator=generator, n_steps=n_steps, n_samples=n_samples, trace=trace)
    # End to end, x_0 is the noisy z that data consistency sees in every step.
    noisy = net.smoothing.placement == "end_to_end" and not net.smoothing.start_only
    seen = trace.inputs[0] if noisy else z
    return x, spread(step.apply(seen, trace.denoised[-1]))


def spread(samples: Tensor) -> Tensor:
    """Return the standard deviation u of samples, of both parts together: :eq:`eq-spread`.

    It is real, ``[batch, height, width]``, of samples ``[batch, sample, height, width]``.

    Examples
    --------
    >>> spread(torch.tensor([1 + 1j, -1 - 1j]).reshape(1, 2, 1, 1)).item()
    2.0
    """
    checks.complex_tensor("samples", samples, n_axes=(4,))
    if samples.shape[1] < 2:
        raise ValueError(f"a spread needs at least two samples, got {samples.shape[1]}")
    return torch.view_as_real(samples).var(1).sum(-1).sqrt()


def foreground(target: Tensor, fraction: float = 0.05) -> Tensor:
    """Return the pixels, boolean, of at least a fraction of an image's largest magnitude."""
    checks.complex_tensor("target", target, n_axes=(3,))
    magnitude = target.abs()
    return magnitude >= checks.fraction("fraction", fraction) * magnitude.amax((-2, -1), True)


def gradient_magnitude(x: Tensor) -> Tensor:
    """Return ``|grad |x||`` a pixel, ``[batch, height, width]``: what predictors have to beat."""
    checks.complex_tensor("x", x, n_axes=(3,))
    if min(x.shape[-2:]) < 2:
        raise ValueError(f"x must be at least 2 pixels a side, got {tuple(x.shape)}")
    down, across = torch.gradient(x.abs(), dim=(-2, -1))
    return torch.hypot(down, across)


def rank_correlation(predicted: Tensor, error: Tensor, mask: Tensor) -> float:
    """Return Spearman's rank correlation of a prediction with the error, in a mask.

    All are of one shape, such as spread, ``|x - t|`` and `foreground`.
    """
    u, e = _chosen(predicted, error, mask)
    if not (u.min() < u.max() and e.min() < e.max()):
        raise ValueError("predicted and error must vary over the pixels: equal values have no rank")
    return float(spearmanr(u.numpy(), e.numpy()).statistic)


def attainable_correlation(predicted: Tensor, mask: Tensor, *, generator: torch.Generator) -> float:
    """Return the rank correlation that a prediction would have if it were right: an upper bound.

    Errors are drawn at random, ``|e|`` with e complex Gaussian and ``E|e|^2 = u^2``.
    """
    like = torch.zeros((), dtype=torch.complex128, device="cpu")
    noise = complex_normal(predicted.shape, 0.5**0.5, generator, like).abs()
    return rank_correlation(predicted, predicted.detach().cpu() * noise, mask)


def underestimation(predicted: Tensor, error: Tensor, mask: Tensor) -> float:
    """Return ``(sum e^2 / sum u^2)^(1/2)`` over the mask: above 1 the spread is too small."""
    u, e = _chosen(predicted, error, mask)
    if not u.any():
        raise ValueError("predicted must not be zero everywhere")
    return float((e.square().sum() / u.square().sum()).sqrt())


def calibration(
    predicted: Tensor, error: Tensor, mask: Tensor, *, n_bins: int = 10
) -> pd.DataFrame:
    """Compare predicted and true errors in bins of the prediction, of equally many pixels.

    One row per bin, by rising prediction: root mean square of the ``predicted`` and of the
    ``error`` (see `rank_correlation`), and number of ``pixels``. Calibrated: both are the same.
    """
    u, e = _chosen(predicted, error, mask)
    n_bins = checks.integer("n_bins", n_bins)
    if n_bins > u.numel():
        raise ValueError(f"n_bins must be <= the {u.numel()} pixels, got {n_bins}")
    order = u.argsort(stable=True)
    bins = zip(u[order].tensor_split(n_bins), e[order].tensor_split(n_bins), strict=True)
    rows = [(*(x.square().mean().sqrt().item() for x in pair), pair[0].numel()) for pair in bins]
    table: pd.DataFrame = require("pandas", extra="evaluation", what="tables").DataFrame(
        rows, columns=["predicted", "error", "pixels"]
    )
    return table


def _chosen(predicted: Tensor, error: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Check a prediction and return it and the error at the pixels of the mask, float64."""
    checks.real_tensor("predicted", predicted)
    checks.same_shape("error", checks.real_tensor("error", error), "predicted", predicted)
    mask = checks.same_shape("mask", checks.mask("mask", mask), "predicted", predicted)
    u, e = (values.detach().cpu().double()[mask.cpu()] for values in (predicted, error))
    if u.numel() < 2:
        raise ValueError(f"mask must hold at least two pixels, got {u.numel()}")
    if not (u.isfinite().all() and e.isfinite().all()):
        raise ValueError("predicted and error must be finite")
    return u, e
