"""Table 1: from records alone, and the poster's own numbers to set beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from smuglib import records
from smuglib.comparisons import compare_methods
from smuglib.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.models import METHODS
from smuglib.scenarios import Scenario
from smuglib.store import Store

COLUMNS = (
    "clean",
    "noise",
    "transfer_published",
    "transfer",
    "adaptive_image",
    "adaptive_kspace_l2",
)
"""Scenarios of Table 1, the poster's three accuracies, and three attacks that it lacks."""

METRICS = ("psnr", "ssim")
"""Columns of results that the table shows."""

RATE_TOLERANCE = 0.02
"""Largest difference of a mask's sampling rate to the one asked for."""

POSTER_SIGMA = 0.01
"""The poster's noise of pre-training and smoothing."""

POSTER_CITATION = f"The poster's Table 1 (fastMRI, 320 × 320, σ = {POSTER_SIGMA:g})"

POSTER: dict[str, dict[str, dict[str, tuple[float, float]]]] = {
    "modl": {
        "clean": {"psnr": (29.73, 3.27), "ssim": (0.900, 0.07)},
        "noise": {"psnr": (28.70, 2.77), "ssim": (0.874, 0.07)},
        "transfer_published": {"psnr": (22.91, 2.42), "ssim": (0.729, 0.07)},
    },
    "rs_e2e": {
        "clean": {"psnr": (0.09, 3.24), "ssim": (0.002, 0.07)},
        "noise": {"psnr": (0.38, 2.90), "ssim": (0.010, 0.07)},
        "transfer_published": {"psnr": (0.78, 2.70), "ssim": (0.034, 0.08)},
    },
    "smug_v0": {
        "clean": {"psnr": (-1.01, 3.07), "ssim": (-0.014, 0.08)},
        "noise": {"psnr": (-0.09, 2.99), "ssim": (0.008, 0.08)},
        "transfer_published": {"psnr": (3.08, 2.42), "ssim": (-0.014, 0.11)},
    },
    "smug": {
        "clean": {"psnr": (-0.34, 3.06), "ssim": (-0.006, 0.08)},
        "noise": {"psnr": (0.53, 2.98), "ssim": (0.016, 0.08)},
        "transfer_published": {"psnr": (3.87, 2.28), "ssim": (0.008, 0.11)},
    },
}
"""The poster's Table 1 as printed, MoDL's mean and ±, then each method's difference to MoDL and
its ±. Its robust accuracy is the published attack's, which `transfer_published` repeats."""


def read_block(store: Store, sigma: float, methods: Sequence[str] = tuple(METHODS)) -> pd.DataFrame:
    """Read the records of all methods that share one pre-trained denoiser.

    Parameters
    ----------
    store
        Where the records lie.
    sigma
        Noise of pre-training and smoothing: names the block.
    methods
        Methods of the block.

    Returns
    -------
    pandas.DataFrame
        All their records; the zero-filled baseline comes with ``"modl"``.

    Raises
    ------
    FileNotFoundError
        If a method has no records.
    ValueError
        If a file is damaged.
    """
    frames = [records.read(store.records(method, sigma)) for method in methods]
    return pd.concat(frames, ignore_index=True)


def select(block: pd.DataFrame, scenario: Scenario) -> pd.DataFrame:
    """Return the records of one scenario at its strength and with its attack's settings.

    Parameters
    ----------
    block
        Records.
    scenario
        What was asked for.

    Returns
    -------
    pandas.DataFrame
        The matching rows; none if the scenario was not evaluated so.
    """
    attack = scenario.attack
    chosen = block["scenario"] == scenario.name
    chosen &= np.isclose(block["epsilon"], scenario.epsilon, rtol=1e-6, atol=0)
    if attack is not None and attack.kind == "pgd":
        chosen &= block["attack_steps"] == attack.n_steps
        chosen &= block["attack_restarts"] == attack.n_restarts
        chosen &= block["attack_samples"].isin((0, attack.n_samples))
    if scenario.sampling_rate is not None:
        # A mask holds whole columns, so its rate is the nearest one that they allow.
        chosen &= (block["sampling_rate"] - scenario.sampling_rate).abs() < RATE_TOLERANCE
    if scenario.n_steps is not None:
        chosen &= block["n_steps"] == scenario.n_steps
    if scenario.n_samples is not None:
        chosen &= block["n_samples"].isin((0, scenario.n_samples))
    return block[chosen]


def missing(block: pd.DataFrame, scenarios: Sequence[Scenario]) -> list[Scenario]:
    """Return the scenarios that some method of the block has no records of."""
    methods = set(block["method"])
    return [s for s in scenarios if set(select(block, s)["method"]) != methods]


def table(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> pd.DataFrame:
    """Summarize records: mean, spread, and the paired difference to MoDL of the same block.

    Parameters
    ----------
    blocks
        Records by the noise level of the block, as `read_block` gives them.
    scenarios
        Columns of the table.

    Returns
    -------
    pandas.DataFrame
        A row a block, metric, scenario and method: ``block``, ``metric`` and the columns of
        `smuglib.comparisons.compare_methods`.

    Raises
    ------
    ValueError
        If a scenario has no records, or methods cover different slices.
    """
    parts = []
    for sigma, block in blocks.items():
        lacking = missing(block, scenarios)
        if lacking:
            name, epsilon = lacking[0].name, lacking[0].epsilon
            raise ValueError(
                f"no records of scenario {name!r} at epsilon {epsilon:g} for σ = {sigma:g}"
            )
        chosen = pd.concat([select(block, scenario) for scenario in scenarios])
        for metric in METRICS:
            part = compare_methods(chosen, metric)
            part.insert(0, "block", sigma)
            part.insert(1, "metric", metric)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def settings(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Say in words what a table rests on: slices, subjects, seeds, attacks, weights.

    Parameters
    ----------
    blocks, scenarios
        As for `table`.

    Returns
    -------
    str
        A paragraph of Markdown.
    """
    chosen = pd.concat([select(b, s) for b in blocks.values() for s in scenarios])
    own = chosen[chosen["method"].isin(METHODS)]
    ascents = own[own["attack_steps"] > 0]
    iterations = chosen.loc[chosen["method"] == "tv", "n_steps"]
    steps = f"{_values(own['n_steps'])} unrolling steps"
    samples = sorted(set(ascents["attack_samples"]) - {0})
    words = [
        f"{_values(chosen.groupby('scenario')['slice'].nunique())} slices of "
        f"{_values(chosen.groupby('scenario')['subject'].nunique())} test subjects",
        f"seed {_values(chosen['seed'])}",
        f"sampling rate {_values(chosen['sampling_rate'].round(3))}",
        f"{steps} (TV: {_values(iterations)} iterations)" if len(iterations) else steps,
        f"{_values(own.loc[own['n_samples'] > 0, 'n_samples'])} noise samples where smoothed",
    ]
    if len(ascents):
        words.append(
            f"projected gradient ascent of {_values(ascents['attack_steps'])} steps of ε/3 from a "
            f"random start, {_values(ascents['attack_restarts'])} run, last iterate"
        )
        words.append(f"ascents in {', '.join(sorted(set(ascents['attack_precision'])))}")
    if samples:
        words.append(f"adaptive gradients averaged over {_values(samples)} fresh noise samples")
    return "; ".join(words) + "."


def _values(values: Iterable[float]) -> str:
    """Return the different values, sorted, as text."""
    return ", ".join(f"{value:g}" for value in sorted(set(values))) or "no"


def markdown(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Write the PSNR of Table 1 as a Markdown table, for the README.

    Parameters
    ----------
    blocks, scenarios
        As for `table`.

    Returns
    -------
    str
        A row a method and noise level, a column a scenario: mean in dB, and the difference to
        MoDL of the same block with its interval.
    """
    summary = table(blocks, scenarios)
    summary = summary[summary["metric"] == "psnr"]
    names = [scenario.name for scenario in scenarios]
    lines = [
        "| method | σ | " + " | ".join(SCENARIO_LABELS[name] for name in names) + " |",
        "|---|---|" + "---|" * len(names),
    ]
    for (sigma, method), rows in summary.groupby(["block", "method"], sort=False):
        cells = [_cell(rows[rows["scenario"] == name].iloc[0]) for name in names]
        label = METHOD_LABELS[str(method)]
        lines.append(f"| {label} | {sigma:g} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(row: pd.Series) -> str:
    if row["method"] == "modl":
        return f"{row['mean']:.2f}"
    return f"{row['mean']:.2f} ({row['difference']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}])"
