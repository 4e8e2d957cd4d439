"""Effects of departures as tables: methods in columns, dB with intervals in the cells."""

from __future__ import annotations

import math

import pandas as pd

from smuglib import labels, readable
from smuglib.findings import departure_words
from smuglib.reach import EDGES


def worded(found: pd.DataFrame) -> pd.DataFrame:
    """Write effects as text, a row a departure, noise level and scenario, a column a method.

    Parameters
    ----------
    found
        As `compare` returns.

    Returns
    -------
    pandas.DataFrame
        dB, such as ``"+0.39 [+0.31, +0.47]"``; a dash where a method was not evaluated.
        Departures are in words; `smuglib.readable.html` knows those of the other headings.
    """
    index = ["departure", "training_sigma", "scenario"]
    ends = found[["mean", "low", "high"]].astype(float).to_numpy().tolist()
    rows = found.assign(effect=[with_interval(*numbers) for numbers in ends])
    order = list(dict.fromkeys(map(tuple, rows[index].to_numpy())))
    wide = rows.pivot_table(index=index, columns="method", values="effect", aggfunc="first")
    methods = [name for name in labels.METHOD_LABELS if name in wide]
    wide = wide.reindex(index=pd.MultiIndex.from_tuples(order, names=index), columns=methods)
    called = departure_words.labels(found["departure"])
    wide = wide.rename(index=called, level="departure").rename(columns=labels.METHOD_LABELS)
    return wide.rename_axis(columns=None).fillna("–")


def with_interval(mean: float, low: float, high: float, unit: str = "") -> str:
    """Write a change with its interval; what rounds to zero has no sign.

    Parameters
    ----------
    mean, low, high
        The change and the ends of its interval, NaN where there is none.
    unit
        Unit, may be empty.

    Returns
    -------
    str
        Such as ``"−0.02 [−0.03, 0.00]"``.
    """
    texts = [("+" if round(each, 2) > 0 else "") + readable.number(each) for each in (low, high)]
    text = ("+" if round(mean, 2) > 0 else "") + readable.number(mean)
    text = f"{text} {unit}".rstrip().replace(" ", readable.NO_BREAK)
    return text if math.isnan(low) else f"{text} [{', '.join(texts)}]"


def spectra(measured: pd.DataFrame) -> pd.DataFrame:
    """Lay out where perturbations lie along the eigenvalues, and what their parts do.

    Parameters
    ----------
    measured
        Rows of `smuglib.reach.Reach`.

    Returns
    -------
    pandas.DataFrame
        Text, means over slices: a row a noise level, method and perturbation; a column a bin of
        eigenvalues, and one each for PSNR of the clean scan, with δ, and with its part within
        reach.
    """
    shares = {name: f"g < {edge:g}" for name, edge in EDGES.items()}
    scores = {"psnr_clean": "clean", "psnr": "with δ", "psnr_within_reach": "rest of δ"}
    by = ["training_sigma", "method", "scenario"]
    means = measured.groupby(by, sort=False)[[*shares, *scores]].mean()
    for name in shares:
        means[name] = [readable.percent(share) for share in means[name]]
    for name in scores:
        means[name] = [readable.number(score) for score in means[name]]
    titles = [("energy of δ", text) for text in shares.values()]
    titles += [("PSNR (dB)", text) for text in scores.values()]
    means.columns = pd.MultiIndex.from_tuples(titles)
    return means
