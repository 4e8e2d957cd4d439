"""Table 1: from records alone, and the poster's own numbers to set beside it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from smugbook.experiments.protocol import Protocol
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smugbook.words.markup import in_markdown
from smuglib.evaluation import Scenario, compare_methods, missing, select, table_scenarios
from smuglib.evaluation.bootstrap import TRAINING_SEED
from smuglib.methods import METHODS

COLUMNS = (
    "clean",
    "noise",
    "transfer_published",
    "transfer",
    "adaptive_image",
    "adaptive_kspace_l2",
)
"""Scenarios of Table 1, the poster's three accuracies, and three attacks that it lacks."""

POSTERS = COLUMNS[:4]
"""Those of the poster, and its attack with the exact gradient."""

METRICS = ("psnr", "ssim", "ssim_published")
"""Columns of results that the table shows."""


def table1_summary(
    blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]
) -> pd.DataFrame:
    """Summarize records: mean, spread, and the paired difference to MoDL of the same block."""
    parts = []
    for sigma, block in blocks.items():
        lacking = missing(block, scenarios)
        if lacking:
            name, epsilon = lacking[0].name, lacking[0].epsilon
            raise ValueError(
                f"no records of scenario {name!r} at epsilon {epsilon:g} for σ = {sigma:g}"
            )
        chosen = pd.concat([select(block, scenario) for scenario in scenarios])
        seeded = chosen if TRAINING_SEED in chosen else chosen.assign(**{TRAINING_SEED: 0})
        seeds = seeded.groupby("scenario")[TRAINING_SEED].nunique()
        for metric in METRICS:
            part = compare_methods(chosen, metric)
            part.insert(0, "block", sigma)
            part.insert(1, "metric", metric)
            part["n_seeds"] = part["scenario"].map(seeds)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)


def choose_columns(protocol: Protocol) -> tuple[str, ...]:
    """Return the names of the scenarios that Table 1 has under a protocol.

    With a strong attack of its own, that stands for each threat model: the weaker adaptive ones of
    the same threats are left to the ladder of rungs.
    """
    if not protocol.strong:
        return COLUMNS
    attacks = [one.name for threat, one in protocol.columns.items() if threat != "clean"]
    return (*POSTERS, *attacks)


def offer_scenarios(
    protocol: Protocol, epsilon: float, epsilon_kspace: float
) -> dict[str, Scenario]:
    """Return the scenarios that Table 1 may have, by name, at these strengths."""
    strengths = {"image": epsilon, "range": epsilon, "kspace": epsilon_kspace}
    own = [
        replace(one, epsilon=strengths[threat])
        for threat, one in protocol.columns.items()
        if protocol.strong and threat != "clean"
    ]
    usual = table_scenarios(epsilon, epsilon_kspace_l2=epsilon_kspace)
    return {one.name: one for one in (*map(protocol.scored, usual), *own)}


def table1_settings(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Say in words what a table rests on: slices, subjects, seeds, attacks, weights."""
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
        for strong, rows in ascents.groupby(ascents["rung"] == "adaptive_strong"):
            kind = "of adaptive length, warm-started" if strong else "of ε/3 from a random start"
            runs = f"{_values(rows['attack_restarts'])} {'runs' if strong else 'run'}"
            kept = "best" if strong else "last"
            words.append(
                f"projected gradient ascent of {_values(rows['attack_steps'])} steps {kind}, "
                f"{runs}, {kept} iterate"
            )
        precisions = map(in_markdown, sorted(set(ascents["attack_precision"])))
        words.append(f"ascents in {', '.join(precisions)}")
    if samples:
        words.append(f"adaptive gradients averaged over {_values(samples)} fresh noise samples")
    return "; ".join(words) + "."


def _values(values: Iterable[float]) -> str:
    """Return the different values, sorted, as text."""
    return ", ".join(f"{value:g}" for value in sorted(set(values))) or "no"


def table1_markdown(blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]) -> str:
    """Write the PSNR of Table 1 as a Markdown table, for the README."""
    summary = table1_summary(blocks, scenarios)
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
