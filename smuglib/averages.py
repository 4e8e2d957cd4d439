"""How means with their intervals are written."""

from __future__ import annotations

import pandas as pd

from smuglib import readable


def cell(row: pd.Series[float], digits: int = 2, *, sign: bool = False) -> str:
    """Write a mean with its interval, which takes two subjects and has a width.

    Parameters
    ----------
    row
        A row of `averages`.
    digits
        Decimals.
    sign
        Write the plus of positive numbers.

    Returns
    -------
    str
        Such as ``"0.93 [0.91, 0.95]"``; the mean alone where both ends are written like it.
    """
    names = ["mean"] if row["n_subjects"] < 2 else ["mean", "low", "high"]
    plus = ["+" if sign and row[name] >= 0.5 * 10**-digits else "" for name in names]
    texts = [
        mark + readable.number(row[name], digits) for mark, name in zip(plus, names, strict=True)
    ]
    if len(set(texts)) == 1:
        return texts[0]
    return f"{texts[0]} [{texts[1]}, {texts[2]}]"
