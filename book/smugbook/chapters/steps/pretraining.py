"""What a denoiser does to images with noise of several strengths: a table, and a verdict."""

from collections.abc import Iterable

import pandas as pd
import torch
from torch import Tensor, nn

from smugbook.words.numbers import NO_BREAK, number
from smugbook.words.verdicts import join_names
from smuglib import checks, random
from smuglib.metrics import psnr

TRAINED = "σ itself"

STRENGTHS = {
    "zero noise": 0.0,
    "a fifth of σ": 0.2,
    "half of σ": 0.5,
    TRAINED: 1.0,
    "twice σ": 2.0,
    "five times σ": 5.0,
}
"""Strengths of noise in words, and in units of the training's σ."""


@torch.no_grad()
def by_level(
    denoiser: nn.Module, images: Iterable[Tensor], sigma: float, seed: int
) -> pd.DataFrame:
    """Denoise images with noise of several strengths."""
    clean = list(images)
    if not clean:
        raise ValueError("images must hold at least one, got none")
    checks.positive("sigma", sigma)
    lines = {}
    for name, factor in STRENGTHS.items():
        scores = []
        for index, image in enumerate(clean):
            draws = random.generator(seed, "levels", index)
            noisy = image + random.complex_normal(image.shape, factor * sigma, draws, image)
            scores.append([psnr(noisy, image).item(), psnr(denoiser(noisy), image).item()])
        before, after = pd.DataFrame(scores).mean()
        lines[name] = [factor * sigma, before, after, after - before]
    columns = ["sigma", "noisy", "denoised", "gain"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("noise")


def describe_denoiser(table: pd.DataFrame, name: str) -> str:
    """Say where a denoiser helps, and where it does harm."""
    lines = table.to_dict("index")
    own, first = lines[TRAINED], next(iter(lines.values()))
    lead = "helps" if own["gain"] > 0 else "does harm"
    helps = join_names(list(table.index[table["gain"] > 0]))
    harms = join_names(list(table.index[table["gain"] <= 0]))
    where = (
        f"It helps at {helps}, and does harm at {harms}."
        if helps and harms
        else f"It helps at all strengths of the table ({helps})."
        if helps
        else "It does harm at all strengths of the table."
    )
    clean = number(first["denoised"])
    return (
        f"**{name} {lead} at the noise that it was trained for** (σ{NO_BREAK}={NO_BREAK}"
        f"{own['sigma']:g}): {number(own['noisy'])} dB before, {number(own['denoised'])} dB "
        f"after. {where} An image without noise comes out with {clean} dB."
    )
