"""What departures of the published code change in SMUG's gain over MoDL, in dB of PSNR."""

import pandas as pd

from smugbook.chapters.published_code.names import (
    departure_kind,
    departure_labels,
    departure_phrase,
    parse_settings,
)
from smugbook.experiments.effects import SUMMARY
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import NO_BREAK
from smugbook.words.verdicts import format_interval
from smuglib.evaluation.bootstrap import over_subjects
from smuglib.evaluation.comparisons import SLICE, difference, with_partner

PARTNERS = {"smug": 1, "modl": -1}
"""Methods of the gain, and their signs in it."""


def gain_change(changed: pd.DataFrame, plain: pd.DataFrame, departure: str) -> pd.DataFrame:
    """Return the change of PSNR of SMUG minus that of MoDL, as `psnr_change`, per training noise.

    A method that ``changed`` lacks is one that the departure leaves as it is.
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
    """Write changes of the gain as text, the largest first."""
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
    """Sort kinds of departures by whether they move the gain: ``moves``, ``keeps`` or ``open``.

    One that keeps it has all intervals within ``matters`` dB of zero.
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
    """Return changes by kind of departure: the largest first, full trainings before shorter."""
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
    """Say by how much one departure changes a number, and at which noise of the training."""
    numbers = format_interval(row[["mean", "low", "high"]])
    where = f"σ = {row['training_sigma']:g}".replace(" ", NO_BREAK)
    return f"{in_markdown(departure_phrase(row['departure']))}: {numbers} at {where}"
