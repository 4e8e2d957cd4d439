"""The book's result at one glance: a table, and conclusions worded from it."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from smugbook.chapters.table1.gains import SMOOTHED
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smugbook.words.numbers import number, signed
from smugbook.words.verdicts import choose_word, format_interval
from smuglib.evaluation import Interval

ON_IMAGES = ("transfer_published", "transfer", "adaptive_image")

ON_SAMPLES = ("adaptive_kspace_l2", "adaptive_kspace_linf")

SHOWN = "adaptive_image"
"""The attack whose numbers stand for those on images."""


def tabulate_gains(summary: pd.DataFrame, sigmas: Sequence[float]) -> pd.DataFrame:
    """Tabulate MoDL's PSNR and what the smoothed methods have more, by scenario and noise level."""
    lines = []
    for name, label in SCENARIO_LABELS.items():
        for sigma in sigmas:
            rows = _rows(summary, sigma, [name])
            modl = rows.loc[rows["method"] == "modl", "mean"]
            gains = _gains(rows)
            texts = {
                f"{METHOD_LABELS[method]} − MoDL": format_interval(gains[method], "")
                for method in SMOOTHED
                if method in gains
            }
            if len(modl):
                mean = number(modl.iloc[0])
                lines.append({"scenario": label, "sigma": sigma, "MoDL": mean, **texts})
    return pd.DataFrame(lines).fillna("–")


def conclude_leader(summary: pd.DataFrame, sigmas: Sequence[float]) -> str:
    """Conclude whether SMUG gains most under attack, as the poster has it."""
    found = [
        _gains(_rows(summary, sigma, [name])) for sigma in sigmas for name in ON_IMAGES + ON_SAMPLES
    ]
    best = [max(gains, key=lambda method: gains[method].mean) for gains in found if gains]
    wins = sorted(((best.count(method), method) for method in SMOOTHED), reverse=True)
    n_won = best.count("smug")
    lead = {0: "nowhere", len(best): "everywhere"}.get(n_won, f"in {n_won} of {len(best)} cases")
    first = [f"{METHOD_LABELS[method]} in {n or 'none'}" for n, method in wins]
    parts = []
    for sigma in sigmas:
        gains = _gains(_rows(summary, sigma, [SHOWN]))
        order = sorted(gains, key=lambda method: -gains[method].mean)
        parts.append(
            ", ".join(f"{METHOD_LABELS[m]} {signed(gains[m].mean)}" for m in order)
            + f" dB at σ = {sigma:g}"
        )
    return (
        f"- **SMUG is {lead} the best of the three**, where the poster has it first: of "
        f"{len(best)} pairs of an attack and a σ, the largest gain is that of {', '.join(first)}. "
        f"Against MoDL, under the {SCENARIO_LABELS[SHOWN]}: {'; '.join(parts)}."
    )


def conclude_price(summary: pd.DataFrame, sigmas: Sequence[float]) -> str:
    """Conclude what smoothing costs where nobody attacks."""
    clean = _smoothed(summary, None, ["clean"])
    n_worse = int((clean["difference"] < 0).sum())
    many = {len(clean): "All of them pay", 0: "None of them pays"}
    lead = f"{many.get(n_worse, 'Some of them pay')} for it on clean scans"
    costs = [f"{_range(_smoothed(summary, one, ['clean']))} at σ = {one:g}" for one in sigmas]
    noise = []
    for sigma in sigmas:
        change = _gains(_rows(summary, sigma, ["noise"])).get("smug")
        if change is not None:
            word = choose_word(change, above="better", below="worse", between="not told apart")
            noise.append(f"{word} at σ = {sigma:g} ({signed(change.mean)} dB)")
    text = f"- **{lead}**: {', '.join(costs)}."
    return f"{text} In random noise SMUG is {', '.join(noise)}." if noise else text


def conclude_samples(summary: pd.DataFrame, sigmas: Sequence[float]) -> str:
    """Conclude what is left of the gain under attacks on the measured samples."""
    largest = [
        [_smoothed(summary, one, names)["difference"].max() for names in (ON_IMAGES, ON_SAMPLES)]
        for one in sigmas
    ]
    left = [there / gain if gain > 0 else math.inf for gain, there in largest]
    lead = "the largest gain is no smaller"
    if max(left) < 0.5:
        lead = "less than half of the largest gain is left"
    elif max(left) < 1:
        lead = "the largest gain is smaller"
    parts = [
        f"{_range(_smoothed(summary, one, ON_SAMPLES))} against "
        f"{_range(_smoothed(summary, one, ON_IMAGES))} under attacks on the image at σ = {one:g}"
        for one in sigmas
    ]
    return f"- **Under attacks on the measured samples {lead}**: {'; '.join(parts)}."


def _rows(summary: pd.DataFrame, sigma: float | None, names: Iterable[str]) -> pd.DataFrame:
    chosen = summary["scenario"].isin(list(names))
    return summary[chosen if sigma is None else chosen & (summary["training_sigma"] == sigma)]


def _smoothed(summary: pd.DataFrame, sigma: float | None, names: Iterable[str]) -> pd.DataFrame:
    rows = _rows(summary, sigma, names)
    return rows[rows["method"].isin(SMOOTHED)]


def _gains(rows: pd.DataFrame) -> dict[str, Interval]:
    """Return the smoothed methods' differences in rows of one scenario."""
    ends = rows[["difference", "low", "high"]].to_numpy(dtype=float).tolist()
    found = dict(zip(rows["method"], ends, strict=True))
    return {method: Interval(*found[method]) for method in SMOOTHED if method in found}


def _range(rows: pd.DataFrame) -> str:
    return f"{signed(rows['difference'].min())} to {signed(rows['difference'].max())} dB"
