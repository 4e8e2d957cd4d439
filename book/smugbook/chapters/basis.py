"""What the numbers of a page rest on: the budget, slices, seeds, and how long was trained."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from smugbook.experiments.damage import measure_damage
from smugbook.experiments.protocol import Protocol
from smugbook.profiles import Profile
from smugbook.words.labels import ATTACK_LABELS, METHOD_LABELS
from smugbook.words.numbers import percent, strength
from smugbook.words.verdicts import format_interval
from smuglib.evaluation import Interval, Scenario, averages, select
from smuglib.evaluation.bootstrap import TRAINING_SEED


def describe_budget(profile: Profile, protocol: Protocol, rows: pd.DataFrame) -> str:
    """Say what records rest on: protocol, slices, training seeds, and updates."""
    attacked = rows[rows["scenario"].isin([one.name for one in protocol.columns.values()])]
    counted = attacked if len(attacked) else rows
    n_slices = counted.groupby("scenario")["slice"].nunique()
    least, most = n_slices.min(), n_slices.max()
    slices = f"{most}" if least == most else f"{least} to {most}"
    n_seeds = rows[TRAINING_SEED].nunique() if TRAINING_SEED in rows else 1
    seeds = "one training seed, so that intervals say nothing of what another training would give"
    if n_seeds > 1:
        seeds = (
            f"up to {n_seeds} training seeds, resampled with the subjects where there are several"
        )
    lam = "learned" if profile.lam_learned else f"{profile.lam:g}"
    return (
        f"**Budget.** {protocol.words}. Records of {slices} slices of "
        f"{rows['subject'].nunique()} subjects; {seeds}. Networks of {profile.channels} channels, "
        f"λ {lam}, {profile.updates:,} updates of {profile.batch} × {profile.strip_height} rows "
        f"after {profile.pretraining_updates:,} of pre-training."
    )


def describe_strength(measured: pd.DataFrame) -> str:
    """Say how strong the main perturbations are beside scans, from medians over them."""
    middle = measured.median(numeric_only=True)
    return (
        f"**How strong is that?** ε = {strength(1 / 255)} is "
        f"{percent(middle['image_of_maximum'], 2)} of the scan’s maximum and "
        f"{percent(middle['image_of_tissue'], 2)} of its median tissue. The scan’s own noise is "
        f"{percent(middle['noise_share'], 1)} of ‖y‖₂ (SNR {middle['snr']:.0f}), so that "
        f"{strength(0.02, 'kspace')} are {middle['kspace_of_noise']:.1f} times the noise. Medians "
        f"of {len(measured)} test slices; [](22_accurate_or_robust) has them one by one."
    )


def tabulate_damage(attacked: Mapping[str, pd.DataFrame], clean: pd.DataFrame) -> pd.DataFrame:
    """Write clean PSNR, and of every attack level and damage, of the slices that both have."""
    lines: dict[str, dict[tuple[str, str], str]] = {}
    for words, rows in attacked.items():
        both = measure_damage(rows, clean)
        values = {value: averages(both, value, by=["method"]) for value in ("level", "damage")}
        for value, means in values.items():
            for method, line in means.iterrows():
                span = Interval(*line[["mean", "low", "high"]])
                cell = lines.setdefault(METHOD_LABELS[str(method)], {})
                cell[words, value] = format_interval(span, "", sign=False)
    order = [label for label in METHOD_LABELS.values() if label in lines]
    columns = [(words, value) for words in attacked for value in ("level", "damage")]
    cells = [[lines[label].get(column, "–") for column in columns] for label in order]
    heads = pd.MultiIndex.from_tuples(columns) if columns else None
    return pd.DataFrame(cells, index=order, columns=heads).rename_axis("PSNR (dB)")


def select_attacks(rows: pd.DataFrame, columns: Mapping[str, Scenario]) -> dict[str, pd.DataFrame]:
    """Return the rows of each threat model's column that has some, by its name in words."""
    found = {one.name: select(rows, one) for name, one in columns.items() if name != "clean"}
    return {ATTACK_LABELS[name]: held for name, held in found.items() if len(held)}
