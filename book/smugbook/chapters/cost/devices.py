"""Records of other devices than the one that the chapter is about."""

import math

import pandas as pd

from smugbook.chapters.cost.tables import format_significant
from smugbook.words.numbers import number

SECTIONS = {
    "floor": "Time ÷ that of the bare denoiser calls",
    "batches": "The same for several scans at once",
    "networks": "Time ÷ that of smuglib in float32",
    "learned": "A learned λ: time ÷ that of a fixed one",
    "throughput": "Time ÷ that of the first column, whole trainings and attacks",
    "agreement": "Relative difference to the first column",
}
"""What is shown of a device, section by section, with the caption."""


def format_device(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return a device's tables by caption: works against implementations, 128 x 128 pixels."""
    found = {}
    for section, caption in SECTIONS.items():
        rows = frame[(frame.section == section) & (frame.width == 128)]
        if not rows.empty:
            found[caption] = _compared(rows, "accuracy" if section == "agreement" else "ratio")
    return found


def _compared(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Put implementations side by side, behind the milliseconds of each work's reference."""
    labels = rows.work + ", batch " + rows.batch.astype(str)
    names = list(dict.fromkeys(rows.implementation))
    table = rows.assign(label=labels).pivot(index="label", columns="implementation", values=column)
    text = table.loc[labels.unique(), names].map(_cell).rename_axis(None).rename_axis(None, axis=1)
    first = rows[rows.ratio == 1].assign(label=labels).drop_duplicates("label").set_index("label")
    if column == "ratio":
        milliseconds = (1e3 * first.seconds_median).map(format_significant)
        text.insert(0, "reference (ms)", milliseconds.reindex(text.index).fillna("–"))
    return text


def _cell(value: float) -> str:
    if math.isnan(value):
        return "–"
    return f"{value:.0e}" if 0 < value < 0.005 else number(value)
