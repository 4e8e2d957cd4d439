"""Effects of departures as tables: methods in columns, dB with intervals in the cells."""

import pandas as pd

from smugbook.chapters.published_code import names
from smugbook.experiments.range_space import EDGES
from smugbook.words import labels
from smugbook.words.numbers import number, percent
from smugbook.words.verdicts import format_interval


def format_effects(found: pd.DataFrame) -> pd.DataFrame:
    """Write effects as text: one row per departure, noise level and scenario."""
    index = ["departure", "training_sigma", "scenario"]
    ends = found[["mean", "low", "high"]].astype(float).to_numpy().tolist()
    rows = found.assign(effect=[format_interval(row, "") for row in ends])
    order = list(dict.fromkeys(map(tuple, rows[index].to_numpy())))
    wide = rows.pivot_table(index=index, columns="method", values="effect", aggfunc="first")
    methods = [name for name in labels.METHOD_LABELS if name in wide]
    wide = wide.reindex(index=pd.MultiIndex.from_tuples(order, names=index), columns=methods)
    called = names.departure_labels(found["departure"])
    wide = wide.rename(index=called, level="departure").rename(columns=labels.METHOD_LABELS)
    return wide.rename_axis(columns=None).fillna("–")


def format_spectra(measured: pd.DataFrame) -> pd.DataFrame:
    """Lay out where perturbations lie along the eigenvalues, and what their parts do."""
    shares = {name: f"g < {edge:g}" for name, edge in EDGES.items()}
    scores = {"psnr_clean": "clean", "psnr": "with δ", "psnr_within_reach": "rest of δ"}
    by = ["training_sigma", "method", "scenario"]
    means = measured.groupby(by, sort=False)[[*shares, *scores]].mean()
    for name in shares:
        means[name] = [percent(share) for share in means[name]]
    for name in scores:
        means[name] = [number(score) for score in means[name]]
    titles = [("energy of δ", text) for text in shares.values()]
    titles += [("PSNR (dB)", text) for text in scores.values()]
    means.columns = pd.MultiIndex.from_tuples(titles)
    return means
