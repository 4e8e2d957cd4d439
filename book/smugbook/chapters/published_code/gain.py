"""What departures of the published code change in SMUG's gain over MoDL, in dB of PSNR."""

from __future__ import annotations

import pandas as pd

from smugbook.chapters.published_code.names import (
    departure_kind,
    departure_labels,
    departure_phrase,
    parse_settings,
)
from smugbook.experiments.effects import SUMMARY
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import NO_BREAK
from smugbook.words.verdicts import format_interval
from smuglib.evaluation.bootstrap import over_subjects
from smuglib.evaluation.comparisons import SLICE, difference, with_partner

PARTNERS = {"smug": 1, "modl": -1}
"""Methods of the gain, and their signs in it."""


def gain_change(changed: pd.DataFrame, plain: pd.DataFrame, departure: str) -> pd.DataFrame:
    """Return the change of PSNR of SMUG minus that of MoDL, slice by slice.

    Parameters
    ----------
    changed, plain
        Records with and without a departure, each of one scenario and one row per slice. A method
        that ``changed`` lacks is one that the departure leaves as it is.
    departure
        What to call the difference.

    Returns
    -------
    pandas.DataFrame
        As `smugbook.experiments.effects.psnr_change`, one row per training noise; ``method`` is the
        one that the departure changes, or ``"both"``. Empty if it changes neither.

    Raises
    ------
    ValueError
        If slices differ, or one has several rows.
    """
    lines = []
    for sigma, rows in changed.groupby("training_sigma", sort=False):
        base = plain[plain["training_sigma"] == sigma]
        moved = {}
        for method, sign in PARTNERS.items():
            own, other = (frame[frame["method"] == method] for frame in (rows, base))
            if len(own) and len(other):
                kept = with_partner(other, own, SLICE)
                moved[method] = sign * difference(own, kept, pair=SLICE)
        if not moved:
            continue
        # Slices that one method lacks would be NaN.
        total = pd.concat(moved, axis=1).sum(axis=1, skipna=False)
        if total.isna().any():
            raise ValueError(f"records of {departure!r} must be of the same slices")
        interval = over_subjects(total)
        subjects = len({key[:2] for key in total.index})
        method = "both" if len(moved) > 1 else next(iter(moved))
        key = departure, method, sigma, base["scenario"].iloc[0]
        lines.append((*key, *interval, len(total), subjects))
    return pd.DataFrame(lines, columns=SUMMARY)


def format_gain_changes(found: pd.DataFrame) -> pd.DataFrame:
    """Write changes of the gain as text, the largest first.

    Parameters
    ----------
    found
        What `gain_change` returned, joined.

    Returns
    -------
    pandas.DataFrame
        One row per change: the departure, whose training it changes, its attack, and dB.
    """
    ranked = found.sort_values("mean", key=lambda column: column.abs(), ascending=False)
    called = departure_labels(found["departure"])
    ends = ranked[["mean", "low", "high"]].itertuples(index=False)
    return pd.DataFrame(
        {
            "departure": ranked["departure"].map(called),
            "changes": ranked["method"].map({**METHOD_LABELS, "both": "both"}),
            "training_sigma": ranked["training_sigma"],
            "scenario": ranked["scenario"],
            "change of the gain (dB)": [format_interval(row, "") for row in ends],
        }
    ).reset_index(drop=True)


def sort_departures(found: pd.DataFrame, matters: float) -> dict[str, list[str]]:
    """Sort departures by whether they move the gain.

    Parameters
    ----------
    found
        What `gain_change` returned, joined.
    matters
        Smallest change that moves it, in dB.

    Returns
    -------
    dict of str to list of str
        Kinds of departures, the largest change first: under ``"moves"`` those with a change of
        at least ``matters`` whose interval is on one side of zero, under ``"keeps"`` those whose
        intervals all lie within ``matters`` of zero, and under ``"open"`` the others.
    """
    sorted_out: dict[str, list[str]] = {"moves": [], "keeps": [], "open": []}
    for what, rows in by_kind(found).items():
        if len(large(rows, matters)):
            sorted_out["moves"].append(what)
        elif ((rows["low"] > -matters) & (rows["high"] < matters)).all():
            sorted_out["keeps"].append(what)
        else:
            sorted_out["open"].append(what)
    return sorted_out


def large(found: pd.DataFrame, matters: float) -> pd.DataFrame:
    """Return the changes of at least ``matters`` dB whose interval is on one side of zero."""
    return found[(found["low"] * found["high"] > 0) & (found["mean"].abs() >= matters)]


def by_kind(found: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return changes by kind of departure, that of the largest first.

    Parameters
    ----------
    found
        What `gain_change` or `smugbook.experiments.effects.psnr_change` returned, joined.

    Returns
    -------
    dict of str to pandas.DataFrame
        Rows of each kind: full trainings before shorter ones, then the largest first.
    """
    names = found["departure"]
    ranked = found.assign(
        size=found["mean"].abs(),
        kind=names.map(departure_kind),
        n_settings=names.map(lambda name: len(parse_settings(name))),
    ).sort_values("size", ascending=False, kind="stable")
    return {
        str(what): rows.sort_values("n_settings", kind="stable")[found.columns]
        for what, rows in ranked.groupby("kind", sort=False)
    }


def describe_change(row: pd.Series) -> str:
    """Say by how much one departure changes a number, and at which noise of the training.

    Parameters
    ----------
    row
        A row of what `gain_change` or `smugbook.experiments.effects.psnr_change` returned.

    Returns
    -------
    str
        Such as ``"a MoDL that was not pre-trained: +2.95 dB [+2.72, +3.17] at σ = 0.05"``.
    """
    numbers = format_interval(row[["mean", "low", "high"]])
    where = f"σ = {row['training_sigma']:g}".replace(" ", NO_BREAK)
    return f"{departure_phrase(row['departure'])}: {numbers} at {where}"
