"""Whether trainings have been to the end: their last quarter, in numbers and in words."""

import math
from collections.abc import Mapping

import pandas as pd

from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import signed


def late_change(log: pd.DataFrame) -> float:
    """Return by how much the validation changed over the last quarter of a training."""
    values = log.set_index("update")["validation_psnr"].dropna()
    if len(values) < 2:
        return math.nan
    before = values[values.index <= 0.75 * values.index[-1]]
    return float(values.iloc[-1] - (before.iloc[-1] if len(before) else values.iloc[0]))


def describe_end(change: float, limit: float) -> str:
    """Answer whether a training has been to the end."""
    if math.isnan(change):
        return "not known"
    if abs(change) <= limit:
        return "yes"
    return "no, still rising" if change > 0 else "no, falling"


def summarize_trainings(logs: Mapping[str, pd.DataFrame], limit: float) -> pd.DataFrame:
    """Summarize the validations of trainings."""
    lines = {}
    for name, log in logs.items():
        values, change = log["validation_psnr"].dropna(), late_change(log)
        numbers = values.iloc[0], values.max(), values.iloc[-1], change
        lines[name] = [*numbers, describe_end(change, limit)]
    columns = ["first", "best", "last", "change", "ended"]
    return pd.DataFrame.from_dict(lines, orient="index", columns=columns).rename_axis("method")


def describe_trainings(table: pd.DataFrame, limit: float) -> str:
    """Say whether all trainings have been to the end, and what they added."""
    kinds = {kind: table[table["ended"] == kind] for kind in dict.fromkeys(table["ended"])}
    said = {kind: "done" if kind == "yes" else kind.removeprefix("no, ") for kind in kinds}
    parts = [f"{said[kind]}: {_changes(rows['change'])}" for kind, rows in kinds.items()]
    lead = "Not all have been trained to the end."
    if set(kinds) == {"yes"}:
        lead = "All have been trained to the end, by this measure."
    elif not any(kind in ("yes", "not known") for kind in kinds):
        lead = "No training has been to the end."
    elif set(kinds) == {"not known"}:
        lead = "Whether they have been trained to the end is not known."
    budget = (
        ""
        if set(kinds) == {"yes"}
        else " Methods are compared after equal numbers of updates, not where each would stop."
    )
    gains = (table["last"] - table["first"]).sort_values(ascending=False)
    most, least = str(gains.index[0]), str(gains.index[-1])
    best = f"most for {METHOD_LABELS[most]} ({signed(gains[most])} dB)"
    spread = f", and least for {METHOD_LABELS[least]} ({signed(gains[least])} dB)"
    ranking = f"{best}{spread if most != least else ''}"
    return (
        f"- **{lead}** Change over the last quarter, where at most {limit:g} dB counts as done: "
        f"{'; '.join(parts)}.{budget}\n"
        f"- **What training adds after its first check:** {ranking}. The best validation is that "
        f"of {METHOD_LABELS[str(table['best'].idxmax())]}, {table['best'].max():.2f} dB."
    )


def _changes(changes: pd.Series) -> str:
    return ", ".join(
        METHOD_LABELS[str(name)] + ("" if math.isnan(change) else f" {signed(change)} dB")
        for name, change in changes.items()
    )
