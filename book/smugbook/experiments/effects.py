"""What departures of the published code change: paired differences of records, in dB."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

import pandas as pd

from smugbook.experiments.departures import DEPARTURES
from smugbook.results.store import Store
from smuglib.evaluation import Scenario, compare, scores, select
from smuglib.evaluation.comparisons import SLICE, with_partner

SUMMARY = ["departure", "method", "training_sigma", "scenario", "mean", "low", "high"]


SUMMARY += ["n_slices", "n_subjects"]
"""Columns of all tables of this module."""

Measure = Callable[[pd.DataFrame, pd.DataFrame, str], pd.DataFrame]
"""Compares records with a departure and without, and knows what to call it: see `psnr_change`."""


def psnr_change(changed: pd.DataFrame, plain: pd.DataFrame, departure: str) -> pd.DataFrame:
    """Return PSNR (dB) with a departure minus without it, by method, with its interval.

    Slices and methods of ``plain`` that ``changed`` lacks are left out.
    """
    lines = []
    for key, own in changed.groupby(["method", "training_sigma"], sort=False):
        other = plain[(plain["method"] == key[0]) & (plain["training_sigma"] == key[1])]
        other = with_partner(other, own, SLICE)
        if other.empty:
            continue
        # The seed may be what a departure changes: it must not keep a pair apart.
        interval = compare(own, other, pair=SLICE)
        counts = len(own), own["subject"].nunique()
        lines.append((departure, *key, other["scenario"].iloc[0], *interval, *counts))
    return pd.DataFrame(lines, columns=SUMMARY)


def summarize_effects(rows: pd.DataFrame, measure: Measure = psnr_change) -> pd.DataFrame:
    """Return what each departure of `DEPARTURES` changes, where records have both sides."""
    parts = []
    for (scenario, epsilon), changed in rows.groupby(["scenario", "epsilon"], sort=False):
        base, _, name = str(scenario).partition(" ")
        if name in DEPARTURES:
            plain = rows[(rows["scenario"] == base) & (rows["epsilon"] == epsilon)]
            parts.append(measure(changed, plain, name))
    return join_effects(parts)


def mask_mismatch(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what it changes that data consistency keeps the old mask at another rate."""
    parts = []
    right = rows[rows["scenario"] == "rate_clean"]
    for rate, wrong in rows[rows["scenario"] == "mask_clean"].groupby("sampling_rate"):
        plain = right[right["sampling_rate"] == rate]
        parts.append(psnr_change(wrong, plain, f"mask={rate:g}").assign(scenario="clean"))
    return join_effects(parts)


def fixed_steps(rows: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Return what it changes that an attacked network never gets the steps asked for."""
    parts = []
    for count, asked in rows[rows["scenario"] == "steps_adaptive"].groupby("n_steps"):
        kept = own[own["slice"].isin(asked["slice"])]
        found = psnr_change(kept, asked, f"steps={count}")
        parts.append(found.assign(scenario="adaptive_image"))
    return join_effects(parts)


def compare_spreads(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, float]:
    """Set the published ± beside an interval of paired differences, in dB of PSNR.

    The published ± is the population's; the unpaired half-width is what two independent samples
    of these spreads would give.
    """
    means = [frame["psnr"].mean() for frame in (first, second)]
    spread = [frame["psnr"].std(ddof=0) for frame in (first, second)]
    paired = compare(first, second)
    unpaired = 1.96 * math.hypot(*spread) / len(first) ** 0.5
    return {
        "first": means[0],
        "± first": spread[0],
        "second": means[1],
        "± second": spread[1],
        "difference": paired.mean,
        "half-width unpaired": unpaired,
        "half-width paired": (paired.high - paired.low) / 2,
    }


def join_effects(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Join tables of effects; those without rows have no types to join."""
    kept = [part for part in parts if len(part)]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame(columns=SUMMARY)


def find_pairs(
    store: Store, setting: str, default: str | None = None
) -> Iterator[tuple[str, Store, Store]]:
    """Find variants that differ from another training in one setting: name and both stores."""
    folder = store.folder / "variants"
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        settings = path.name.split(",")
        own = [each for each in settings if each.partition("=")[0] == setting]
        if len(own) != 1 or own == [f"{setting}={default}"]:
            continue
        others = [each for each in settings if each not in own]
        named = Store(folder / path.name.replace(own[0], f"{setting}={default}"))
        partner = Store(folder / ",".join(others)) if others else store
        for other in (named, partner):
            if other.folder.is_dir():
                yield path.name, Store(path), other
                break


def compare_validations(store: Store, setting: str, default: str | None = None) -> pd.DataFrame:
    """Compare the best validations of trainings that differ in one setting, up to equal updates."""
    lines = []
    for name, own, other in find_pairs(store, setting, default):
        for path in sorted((own.folder / "logs").glob("[!.]*.csv")):
            partner = other.folder / "logs" / path.name
            if partner.is_file():
                log, reference = pd.read_csv(path), pd.read_csv(partner)
                last = log["update"].max()
                kept = reference[reference["update"] <= last]
                best = (frame["validation_psnr"].max() for frame in (log, kept))
                lines.append((name, path.stem, last, *best))
    columns = ["variant", "run", "updates", "validation (dB)", "without it (dB)"]
    return pd.DataFrame(lines, columns=columns)


def compare_trainings(
    store: Store,
    setting: str,
    scenarios: Sequence[Scenario],
    default: str | None = None,
    measure: Measure = psnr_change,
) -> pd.DataFrame:
    """Compare the records of trainings that differ in one setting."""
    parts = []
    for name, own, other in find_pairs(store, setting, default):
        for path in sorted((own.folder / "records").glob("[!.]*.csv")):
            partner = other.folder / "records" / path.name
            if partner.is_file():
                frames = [scores.read(each) for each in (path, partner)]
                frames = [frame[frame["method"] != "zero_filled"] for frame in frames]
                for scenario in scenarios:
                    changed, plain = (select(frame, scenario) for frame in frames)
                    parts.append(measure(changed, plain, name))
    return join_effects(parts)
