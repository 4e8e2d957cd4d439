"""A check of shipped measurements: a random handful, measured again from the weights.

A table must not outlive what it was made from: see `smuglib.live`, which does this for records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict

import pandas as pd
import torch

from smuglib import checks
from smuglib.measurements import Measurement

KEYS = ["method", "training_sigma", "scenario", "slice"]

TOLERANCE = 0.02
"""Largest difference that passes, relative to the root mean square of the quantity."""

TOLERANCE_PSNR = 0.05
"""The same for a PSNR, in dB."""

Again = Callable[[str, float, str, int], list[Measurement]]
"""Measures a method of a training noise in a scenario at a slice."""


def recheck(
    frame: pd.DataFrame,
    again: Again,
    *,
    n_groups: int = 2,
    tolerance: float = TOLERANCE,
    tolerance_psnr: float = TOLERANCE_PSNR,
    generator: torch.Generator,
) -> pd.DataFrame:
    """Measure a random handful again, and fail if it disagrees.

    Parameters
    ----------
    frame
        Rows of measurements.
    again
        How to measure.
    n_groups
        How many combinations of `KEYS`; all rows of each are compared.
    tolerance
        Largest difference that passes, in units of the quantity's root mean square in the
        combination.
    tolerance_psnr
        Largest difference of a PSNR, in dB.
    generator
        Draws the combinations.

    Returns
    -------
    pandas.DataFrame
        One row per combination: its keys, the ``rows`` compared, the ``quantity`` that differs most
        in units of what is allowed, and that ``difference`` (1 is the limit).

    Raises
    ------
    RuntimeError
        If a value differs by more, or one of the two sets has rows that the other lacks.
    """
    checks.integer("n_groups", n_groups)
    limits = (
        checks.positive("tolerance", tolerance),
        checks.positive("tolerance_psnr", tolerance_psnr),
    )
    groups = [group for _, group in frame.groupby(KEYS, sort=True)]
    drawn = torch.randperm(len(groups), generator=generator)[:n_groups].tolist()
    return pd.DataFrame([_compared(groups[number], again, *limits) for number in drawn])


def _compared(
    group: pd.DataFrame, again: Again, tolerance: float, tolerance_psnr: float
) -> dict[str, object]:
    method, sigma, scenario, index = key = group[KEYS].iloc[0].tolist()
    fresh = pd.DataFrame(map(asdict, again(method, float(sigma), scenario, int(index))))
    same = ["seed", "quantity", "index"]
    joined = group.merge(fresh[[*same, "value"]], on=same, how="outer", suffixes=("", "_again"))
    size = joined.groupby("quantity")["value"].transform(lambda v: (v**2).mean() ** 0.5)
    allowed = (tolerance * size).where(joined["quantity"] != "psnr", tolerance_psnr)
    difference = ((joined["value"] - joined["value_again"]).abs() / allowed).fillna(0.0)
    # Rows without a partner have no difference: they must fail too.
    difference[joined["value"].isna() | joined["value_again"].isna()] = torch.inf
    worst = joined.loc[int(difference.argmax())]
    if difference.max() > 1:
        raise RuntimeError(
            f"measurements disagree with their weights: {worst['quantity']} {worst['index']} of "
            f"{dict(zip(KEYS, key, strict=True))} is {worst['value']} in the records and "
            f"{worst['value_again']} now, more than {tolerance} of its size or "
            f"{tolerance_psnr} dB apart"
        )
    line: dict[str, object] = dict(zip(KEYS, key, strict=True))
    return line | {
        "rows": len(joined),
        "quantity": worst["quantity"],
        "difference": float(difference.max()),
    }
