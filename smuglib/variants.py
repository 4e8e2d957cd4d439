"""Trainings that differ in one setting: their logs and records beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pandas as pd

from smuglib import records
from smuglib.effects import Measure, joined, psnr_change
from smuglib.scenarios import Scenario
from smuglib.store import Store
from smuglib.tables import select


def pairs(
    store: Store, setting: str, default: str | None = None
) -> Iterator[tuple[str, Store, Store]]:
    """Find the trainings that differ from another one in a single setting.

    Parameters
    ----------
    store
        A profile's store.
    setting
        A setting in the names of variants, such as ``"reference"``.
    default
        Its value in the other training, where variants may name that too.

    Yields
    ------
    str, Store, Store
        The variant's name, its store, and that of the same training without the setting, where
        there is one.
    """
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


def validations(store: Store, setting: str, default: str | None = None) -> pd.DataFrame:
    """Compare the logs of trainings that differ in one setting.

    Parameters
    ----------
    store, setting, default
        See `pairs`.

    Returns
    -------
    pandas.DataFrame
        One row per training: its variant, run and last update, and its best validation PSNR in dB
        up to there beside that of the other training up to the same update.
    """
    lines = []
    for name, own, other in pairs(store, setting, default):
        for path in sorted((own.folder / "logs").glob("*.csv")):
            partner = other.folder / "logs" / path.name
            if partner.is_file():
                log, reference = pd.read_csv(path), pd.read_csv(partner)
                last = log["update"].max()
                kept = reference[reference["update"] <= last]
                best = (frame["validation_psnr"].max() for frame in (log, kept))
                lines.append((name, path.stem, last, *best))
    columns = ["variant", "run", "updates", "validation (dB)", "without it (dB)"]
    return pd.DataFrame(lines, columns=columns)


def trainings(
    store: Store,
    setting: str,
    scenarios: Sequence[Scenario],
    default: str | None = None,
    measure: Measure = psnr_change,
) -> pd.DataFrame:
    """Compare the records of trainings that differ in one setting.

    Parameters
    ----------
    store, setting, default
        See `pairs`.
    scenarios
        Scenarios to compare in.
    measure
        What compares two records of one method: `smuglib.effects.psnr_change` or
        `smuglib.findings.gain_changes.gain_change`.

    Returns
    -------
    pandas.DataFrame
        As ``measure``; the departure is called as the variant.
    """
    parts = []
    for name, own, other in pairs(store, setting, default):
        for path in sorted((own.folder / "records").glob("*.csv")):
            partner = other.folder / "records" / path.name
            if partner.is_file():
                frames = [records.read(each) for each in (path, partner)]
                frames = [frame[frame["method"] != "zero_filled"] for frame in frames]
                for scenario in scenarios:
                    changed, plain = (select(frame, scenario) for frame in frames)
                    parts.append(measure(changed, plain, name))
    return joined(parts)
