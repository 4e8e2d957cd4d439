"""Differences between records computed anew and the shipped ones."""

from pathlib import Path

import pandas as pd

from smuglib.evaluation import Score, records

MEASURES = ("psnr", "ssim", "nmse", "value")
"""Columns whose names begin so are measured; they may differ."""

PROVENANCE = ("commit", "versions", "device", "time", "weights", "provenance", "budget")
"""Columns whose names begin so tell how a row was made; they may differ."""

GROUPS = ("method", "training_sigma", "scenario", "quantity")


def compare_records(fresh: Path | str, shipped: Path | str) -> pd.DataFrame:
    """Compare the records of two folders, row by row.

    Rows belong together if they agree in every column that is neither a measure nor provenance.
    """
    new, old = _read(fresh), _read(shipped)
    for name, value in Score.later().items():
        if name in {*new} ^ {*old}:
            for table in (new, old):
                table[name] = table.get(name, value)
    if set(new.columns) != set(old.columns):
        odd = sorted(set(new.columns) ^ set(old.columns))
        raise ValueError(f"records of {fresh} and {shipped} must have the same columns: {odd}")
    measures = [name for name in new.columns if name.startswith(MEASURES)]
    keys = [name for name in new.columns if not name.startswith(MEASURES + PROVENANCE)]
    both = new[keys + measures].merge(
        old[keys + measures], on=keys, how="outer", suffixes=("_fresh", "_shipped"), indicator=True
    )
    groups = [name for name in GROUPS if name in keys]
    found = [
        {
            **dict(zip(groups, key, strict=True)),
            "measure": measure,
            "rows": int((part["_merge"] == "both").sum()),
            "only_fresh": int((part["_merge"] == "left_only").sum()),
            "only_shipped": int((part["_merge"] == "right_only").sum()),
            "mean_difference": difference.mean(),
            "largest_difference": difference.abs().max(),
        }
        for key, part in both.groupby(groups, dropna=False)
        for measure in measures
        for difference in [part[f"{measure}_fresh"] - part[f"{measure}_shipped"]]
    ]
    return pd.DataFrame(found)


def _read(folder: Path | str) -> pd.DataFrame:
    # A killed process may leave a hidden file that it had not finished.
    paths = sorted(Path(folder).glob("[!.]*.csv"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no records (*.csv)")
    return pd.concat([records.read_any(path) for path in paths], ignore_index=True)
