"""How strong perturbations are beside a scan: in units of its tissue, and of its own noise."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import torch

from smugbook.experiments.protocol import THREATS
from smuglib.data import Scan

TISSUE = 0.1
"""Share of the reference's maximum above which a pixel counts as tissue."""

NORMAL_MEDIAN = 0.6744897501960817
"""Median of the magnitude of a standard normal number."""


def noise_deviation(scan: Scan) -> float:
    """Estimate the standard deviation of the noise on each part of k-space, of one scan.

    From the median of what the reference does not explain of the samples: parts that are no noise,
    such as ringing, are few. With a noisy reference of C coils it is low by a factor of about
    ``sqrt(1 - 1/C)``, 6 % at 8 coils.
    """
    residual = scan.kspace - scan.operator.forward(scan.target)
    sampled = residual[(scan.operator.mask != 0).expand_as(residual)]
    return torch.view_as_real(sampled).abs().median().item() / NORMAL_MEDIAN


def measure_strengths(scans: Iterable[Scan]) -> pd.DataFrame:
    """Measure scans, one row each: subject, maximum and tissue, SNR, noise, and ε beside them.

    ``snr`` is the median tissue over the noise's standard deviation on each part, ``noise_share``
    the norm of the sampled noise over that of y; ``image_...`` and ``kspace_...`` are the strengths
    of `THREATS` in these units.
    """
    image, kspace = (THREATS[name]["epsilon"] for name in ("image", "kspace"))
    lines = []
    for scan in scans:
        magnitude = scan.target.abs()
        maximum = magnitude.max().item()
        tissue = magnitude[magnitude > TISSUE * maximum].median().item()
        noise, size = noise_deviation(scan), scan.kspace.norm().item()
        n_sampled = (scan.operator.mask != 0).expand_as(scan.kspace).sum().item()
        share = noise * (2 * n_sampled) ** 0.5 / size
        lines.append(
            {
                "slice": int(scan.slice_index),
                "subject": int(scan.subject),
                "maximum": maximum,
                "tissue": tissue,
                "snr": tissue / noise,
                "noise_share": share,
                "image_of_maximum": image / maximum,
                "image_of_tissue": image / tissue,
                "kspace_of_noise": kspace / share,
            }
        )
    return pd.DataFrame(lines)
