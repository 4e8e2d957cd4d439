"""Tables and settings in the words and signs of a page, for readers who do not know the columns."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from numbers import Integral, Real

import numpy as np
import pandas as pd

from smuglib.labels import (
    HARM_LABELS,
    METHOD_LABELS,
    QUANTITY_LABELS,
    RUNG_LABELS,
    SCENARIO_LABELS,
)

NO_BREAK = "\u00a0"

SWEEP_LABELS = {
    "strength_random": "random point of the ball",
    "strength_transfer": "transfer attack",
    "strength_adaptive": "adaptive attack",
    "kspace_random": "random, on the samples",
    "kspace_adaptive": "adaptive k-space attack (ℓ2)",
    "rate_clean": "clean",
    "rate_adaptive": "adaptive attack",
    "mask_clean": "clean, old mask in data consistency",
    "steps_clean": "clean",
    "steps_adaptive": "adaptive attack",
    "samples_clean": "clean",
    "samples_adaptive": "adaptive attack",
    "strong_image": "strong adaptive attack",
    "plateau_image": "strong adaptive attack, longer",
    "range_image": "adaptive, within reach of a measurement",
}
"""Names of the scenarios of `smuglib.sweeps`."""

RUNGS = {
    "random_uniform": "random point of the ball",
    "random_gaussian": "random",
    "transfer": "transfer",
    "adaptive": "adaptive",
    "adaptive_strong": "strong adaptive",
    "kspace": "adaptive",
}
"""Names of the rungs of `smuglib.ladder`, in tables that name the domain beside them."""

COLUMN_LABELS = {
    "training_sigma": "σ",
    "sigma": "σ",
    "epsilon": "ε",
    "sampling_rate": "sampling rate",
    "consistency_rate": "rate in data consistency",
    "n_steps": "unrolling steps",
    "n_samples": "noise samples",
    "psnr": "PSNR (dB)",
    "ssim": "SSIM",
    "nmse": "NMSE",
    "psnr_recorded": "PSNR (dB), recorded",
    "psnr_recomputed": "recomputed",
    "ssim_recorded": "SSIM, recorded",
    "ssim_recomputed": "recomputed",
    "n_slices": "slices",
    "n_subjects": "subjects",
}
"""Headings of columns; others stand with their underscores as spaces."""

VALUE_LABELS: Mapping[str, Mapping[str, str]] = {
    "method": METHOD_LABELS,
    "scenario": {**HARM_LABELS, **RUNG_LABELS, **SWEEP_LABELS, **SCENARIO_LABELS},
    "weaker": RUNGS,
    "stronger": RUNGS,
    "domain": {"kspace": "k-space"},
    "quantity": QUANTITY_LABELS,
}
"""Words for the values of a column."""


def number(value: float, digits: int = 2) -> str:
    """Write a number with a minus sign, and nothing below its last digit.

    Parameters
    ----------
    value
        The number.
    digits
        Decimals.

    Returns
    -------
    str
        Such as ``"−2.68"``; ``"0.00"`` without a sign, ``"∞"``, and a dash for NaN.
    """
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def percent(value: float, digits: int = 0) -> str:
    """Write a fraction as a percentage.

    Parameters
    ----------
    value
        The fraction.
    digits
        Decimals.

    Returns
    -------
    str
        Such as ``"25 %"``, whose space does not break.
    """
    return f"{number(100 * value, digits)}{NO_BREAK}%"


def listed(names: Iterable[str]) -> str:
    """Write names as part of a sentence.

    Parameters
    ----------
    names
        The names; any number.

    Returns
    -------
    str
        Such as ``"MoDL, RS-E2E and SMUG"``; empty for none.
    """
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def power(value: float, digits: int = 1) -> str:
    """Write a number of any size in powers of ten.

    Parameters
    ----------
    value
        The number, finite.
    digits
        Decimals of its mantissa.

    Returns
    -------
    str
        Such as ``"4.2 × 10²³"``; ``"0"`` for zero.
    """
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".replace("-", "−").split("e")
    raised = (exponent[0] if exponent[0] == "−" else "") + exponent[1:].lstrip("0")
    if raised in ("", "−"):
        return mantissa
    return (
        f"{mantissa} × 10{raised.translate(str.maketrans('−0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}".replace(
            " ", NO_BREAK
        )
    )


def strength(epsilon: float, domain: str = "image") -> str:
    """Write the strength of a perturbation.

    Parameters
    ----------
    epsilon
        In units of the scan's scale, or relative to ``||y||_2`` in k-space.
    domain
        ``"image"`` or ``"kspace"``.

    Returns
    -------
    str
        Such as ``"0.5/255"`` or ``"2 % of ‖y‖₂"``.
    """
    if domain == "kspace":
        return f"{100 * epsilon:.3g} % of ‖y‖₂".replace(" ", NO_BREAK)
    multiple = 255 * epsilon
    tidy = abs(multiple - round(multiple, 1)) < 1e-6
    return f"{multiple:.4g}/255" if tidy else f"{epsilon:.4g}"


def table(frame: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> pd.DataFrame:
    """Write a table in words: what its page shows, for nothing to be computed from.

    Parameters
    ----------
    frame
        Any table. One that is numbered from 0 on gets its first column as the head of its rows.
    digits
        Decimals of its floating-point columns, or of each by name (others have 2).

    Returns
    -------
    pandas.DataFrame
        Text alone. Columns have the headings of `COLUMN_LABELS`, values the words of
        `VALUE_LABELS`.
    """
    numbered = isinstance(frame.index, pd.RangeIndex) and frame.index.name is None
    rows = frame.set_index(frame.columns[0]) if numbered and len(frame.columns) > 1 else frame
    decimals = digits if isinstance(digits, Mapping) else dict.fromkeys(rows.columns, digits)
    domains = rows["domain"].tolist() if "domain" in rows else ["image"] * len(rows)
    written = {
        position: [
            _written(value, name, decimals.get(name, 2), domain)
            for value, domain in zip(rows.iloc[:, position], domains, strict=True)
        ]
        for position, name in enumerate(rows.columns)
    }
    shown = pd.DataFrame(written, index=_index(rows.index))
    shown.columns = _index(rows.columns)
    if not isinstance(shown.index, pd.MultiIndex) and shown.columns.nlevels == 1:
        shown.columns.name, shown.index.name = shown.index.name or shown.columns.name, None
    return shown


def html(frame: pd.DataFrame, digits: int | Mapping[str, int] = 2) -> str:
    """Write a table in words, as HTML.

    Parameters
    ----------
    frame, digits
        See `table`.

    Returns
    -------
    str
        A table as pandas writes it, for the styles that pages have for those. A cell such as
        ``"33.71 (+0.08 [+0.01, +0.16])"`` has what is in brackets on a line of its own; no
        interval is broken. What stands between two pairs of asterisks is bold.
    """
    shown = table(frame, digits)
    marked = shown.map(_marked).rename(index=escape, columns=escape)
    return str(marked.to_html(escape=False))


def _marked(text: str) -> str:
    interval = r"\[[^][]*\]"
    kept = re.sub(interval, lambda found: found[0].replace(" ", NO_BREAK), escape(text))
    kept = re.sub(r"\*\*(.+?)\*\*", r"<b>\1</b>", kept)
    kept = re.sub(rf"^(\S+) \((\S+ {interval})\)$", r"\1<br><small>\2</small>", kept)
    return re.sub(rf"^(\S+) ({interval})$", r"\1 <small>\2</small>", kept)


def _written(value: object, name: object, digits: int, domain: str = "image") -> str:
    if value is None:
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if name == "epsilon" and isinstance(value, Real):
        return strength(float(value), domain)
    if isinstance(value, Integral):
        return str(value).replace("-", "−")
    if isinstance(value, Real):
        sigma = name in ("sigma", "training_sigma")
        return f"{float(value):g}" if sigma else number(float(value), digits)
    return VALUE_LABELS.get(str(name), {}).get(str(value), str(value))


def _index(index: pd.Index) -> pd.Index:
    """Return an index with its names and values in words."""
    if isinstance(index, pd.MultiIndex):
        return pd.MultiIndex.from_arrays(
            [_index(index.get_level_values(level)) for level in range(index.nlevels)],
            names=[None if name is None else _heading(name) for name in index.names],
        )
    values = [_head(value, index.name) for value in index]
    return pd.Index(values, name=None if index.name is None else _heading(index.name))


def _head(value: object, name: object) -> str:
    """Return the head of one row or column; numbers keep the digits that they have."""
    if name is None or (isinstance(value, Real) and name != "epsilon"):
        return _heading(value)
    return _written(value, name, 0)


def _heading(name: object) -> str:
    if isinstance(name, Real):
        return f"{name:g}".replace("-", "−")
    return COLUMN_LABELS.get(str(name), str(name).replace("_", " "))
