"""Losses of the poster's "SMUG Training": pre-training, reconstruction, unrolled stability.

Squared norms are means over pixels and over the batch, of ``|.|^2``: the poster's sums divided by
one constant, so that the weights between terms are the poster's. Images are complex,
``[batch, height, width]``, in units of the scan's scale; every loss is a real scalar. D is the
``denoiser``, t the fully sampled ``target``, and x_N the reconstruction ``x``.
"""

import torch
from torch import Tensor, nn

from smuglib import checks
from smuglib.methods import REFERENCES
from smuglib.models.unrolled import Trace
from smuglib.random import Source
from smuglib.smoothing import NoiseSource, Smoothing


def mean_squared_error(x: Tensor, target: Tensor) -> Tensor:
    """Return the mean of ``|x - target|^2``, of complex images of shapes that broadcast.

    Examples
    --------
    >>> mean_squared_error(torch.full((1, 4, 4), 3 + 4j), torch.zeros(1, 4, 4)).item()
    25.0
    """
    checks.complex_tensor("x", x)
    if not checks.tensor("target", target).is_complex():
        checks.real_tensor("target", target)
    try:
        torch.broadcast_shapes(x.shape, target.shape)
    except RuntimeError:
        shapes = f"{tuple(x.shape)} and {tuple(target.shape)}"
        raise ValueError(f"x and target must have shapes that broadcast, got {shapes}") from None
    return torch.view_as_real(x - target).square().sum(-1).mean()


def pretraining_loss(
    denoiser: nn.Module,
    target: Tensor,
    sigma: float,
    *,
    generator: Source,
    n_samples: int = 1,
) -> Tensor:
    """Return the poster's pre-training loss ``E_ν ||D(t + ν) - t||^2``, ν of ``sigma`` a part.

    :eq:`eq-pretraining` of the book, :eq:`eq-step-pretraining` there too.

    Examples
    --------
    >>> noise = torch.Generator().manual_seed(0)
    >>> loss = pretraining_loss(nn.Identity(), torch.zeros(1, 64, 64) + 0j, 0.1, generator=noise)
    >>> round(loss.item(), 2)  # the identity leaves the noise: 2 σ²
    0.02
    """
    checks.function("denoiser", denoiser, 1)
    checks.complex_tensor("target", target, n_axes=(3,))
    noise = NoiseSource(Smoothing("denoiser", sigma, n_samples), generator)
    return mean_squared_error(denoiser(noise.perturb(target)), target.unsqueeze(1))


def reconstruction_loss(x: Tensor, target: Tensor) -> Tensor:
    """Return ``||x_N - t||^2``.

    Examples
    --------
    >>> reconstruction_loss(torch.full((1, 4, 4), 2 + 0j), torch.zeros(1, 4, 4) + 0j).item()
    4.0
    """
    checks.complex_tensor("target", target, n_axes=(3,))
    checks.same_shape("x", checks.complex_tensor("x", x, n_axes=(3,)), "target", target)
    return mean_squared_error(x, target)


def unrolled_stability(
    trace: Trace, denoiser: nn.Module, target: Tensor, *, reference: str = "denoised"
) -> Tensor:
    """Return the poster's UStab loss ``sum_n E_ν ||D(x_n + ν) - D(t)||^2`` of a forward pass.

    It is :eq:`eq-ustab` of the book, and costs one more denoiser call, for the reference.

    Parameters
    ----------
    reference
        ``"denoised"``: D(t), with its gradient, as the poster writes; ``"denoised_detached"``:
        D(t) held constant; ``"target"``: t itself, as the poster's published code has it.

    Examples
    --------
    >>> trace = Trace(denoised=[torch.ones(1, 2, 4, 4) + 0j] * 3)
    >>> unrolled_stability(trace, nn.Identity(), torch.zeros(1, 4, 4) + 0j).item()
    3.0
    """
    checks.one_of("reference", reference, REFERENCES)
    checks.function("denoiser", denoiser, 1)
    if not checks.instance("trace", trace, Trace).denoised or trace.denoised[0].ndim != 4:
        raise ValueError("trace holds no noisy denoiser outputs: the network was not smoothed")
    checks.complex_tensor("target", target, n_axes=(3,))
    checks.same_shape("target", target, "the trace's images", trace.denoised[0][:, 0])
    anchor = target if reference == "target" else denoiser(target)
    anchor = anchor.detach() if reference == "denoised_detached" else anchor
    errors = [mean_squared_error(denoised, anchor.unsqueeze(1)) for denoised in trace.denoised]
    return torch.stack(errors).sum()


def finetuning_loss(
    x: Tensor,
    target: Tensor,
    *,
    trace: Trace | None = None,
    denoiser: nn.Module | None = None,
    reconstruction_weight: float = 1.0,
    reference: str = "denoised",
) -> Tensor:
    """Return the poster's fine-tuning loss ``λ_ℓ ||x_N - t||^2 + ℓ_UStab``.

    It is :eq:`eq-finetuning` of the book, written out in :eq:`eq-step-finetuning`.

    Parameters
    ----------
    trace, denoiser, reference
        Where a trace is given, `unrolled_stability` of the three is added.
    reconstruction_weight
        λ_ℓ > 0.

    Examples
    --------
    >>> x, target = torch.ones(1, 4, 4) + 0j, torch.zeros(1, 4, 4) + 0j
    >>> finetuning_loss(x, target, reconstruction_weight=2.0).item()
    2.0
    """
    reconstruction_weight = checks.positive("reconstruction_weight", reconstruction_weight)
    checks.one_of("reference", reference, REFERENCES)
    checks.optional(checks.instance, "trace", trace, kind=Trace)
    checks.optional(checks.function, "denoiser", denoiser, n_arguments=1)
    loss = reconstruction_weight * reconstruction_loss(x, target)
    if trace is None:
        return loss
    if denoiser is None:
        raise ValueError("denoiser is required with a trace: it makes the reference")
    return loss + unrolled_stability(trace, denoiser, target, reference=reference)
