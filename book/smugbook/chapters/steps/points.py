"""What the pages of the pipeline's steps say of their runs: toys, and what scenarios cost."""

import math

import pandas as pd

from smugbook.experiments.sweeps import AXES
from smugbook.profiles import Profile
from smugbook.words.labels import SCENARIO_LABELS, VALUE_LABELS
from smugbook.words.markup import in_markdown
from smugbook.words.numbers import number, strength
from smugbook.words.verdicts import choose_word, format_interval, join_names
from smuglib.evaluation import PAIR, Interval
from smuglib.evaluation.bootstrap import over_subjects

TOY = "smoke"
"""The profile that is for tests, whose runs take seconds."""

SETTINGS = ["sampling_rate", "consistency_rate", "n_steps", "n_samples"]
"""Columns in which a perturbed record and its clean one agree."""


def toy_note(settings: Profile, results: str) -> str:
    """Warn that a page was executed with a toy."""
    if settings.name != TOY:
        return ""
    return "\n".join(
        [
            "```{admonition} A toy, not a result",
            ":class: warning",
            f"This page was executed at the toy profile `{TOY}`: {settings.pretraining_updates} "
            f"updates of pre-training and {settings.updates} of fine-tuning, {settings.height} × "
            f"{settings.width} pixels, unrolling steps: {settings.n_steps}. Its numbers and images "
            f"show that the code runs, not what the methods do; results are in {results}.",
            "```",
        ]
    )


def summarize_points(records: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """Summarize records point by point: one method, scenario and setting each.

    The paired ``loss`` is to clean records of the same settings, which are looked up in
    ``records``; clean rows of a sweep are compared with the clean scenario.
    """
    lines = []
    keys = ["method", "scenario", "epsilon", *SETTINGS]
    for _, rows in chosen.groupby(keys, sort=False):
        one = rows.iloc[0]
        loss = Interval(*[math.nan] * 3)
        clean = _clean(records, one).set_index(PAIR)["psnr"]
        own = rows.set_index(PAIR)["psnr"]
        if one["scenario"] != "clean" and own.index.isin(clean.index).all():
            loss = over_subjects(clean.reindex(own.index) - own)
        spread = [f(rows[name]) for name in ("psnr", "ssim") for f in (pd.Series.mean, _deviation)]
        lines.append((one["method"], one["scenario"], one["rung"], _setting(one), *spread, *loss))
    names = ["method", "scenario", "rung", "setting", "psnr", "psnr_std", "ssim", "ssim_std"]
    return pd.DataFrame(lines, columns=[*names, "loss", "low", "high"])


def format_points(found: pd.DataFrame) -> pd.DataFrame:
    """Lay out `summarize_points` for `smugbook.tables.html.render_table`."""
    shown = pd.DataFrame({"scenario": found["scenario"]})
    if found["method"].nunique() > 1:
        shown["method"] = found["method"]
    shown["with"] = found["setting"]
    shown["PSNR (dB)"] = _pairs(found, "psnr", 2)
    losses = found[["loss", "low", "high"]].itertuples(index=False)
    shown["loss (dB)"] = [format_interval(loss, "", sign=False) for loss in losses]
    shown["SSIM"] = _pairs(found, "ssim", 3)
    return shown


def describe_dearest(found: pd.DataFrame, among: str) -> str:
    """Say which point of one method costs most."""
    ranked = found.dropna(subset="loss").sort_values("loss", ascending=False, kind="stable")
    if ranked.empty:
        return ""
    top = ranked.iloc[0]
    loss = Interval(top["loss"], top["low"], top["high"])
    name = name_point(top)
    if loss.mean <= 0:
        return f"**{among}, none costs anything in the mean**"
    hedge = choose_word(loss, above="", below="", between=" in the mean, not told from nothing")
    close = [name_point(row) for _, row in ranked.iloc[1:].iterrows() if row["high"] >= top["low"]]
    near = f"; close behind, with overlapping intervals: {join_names(close)}" if close else ""
    return f"**{among}, the {name} costs most**{hedge}: {format_interval(loss, sign=False)}{near}"


def name_point(point: pd.Series) -> str:
    """Name a row of `summarize_points` in a sentence."""
    name = in_markdown(VALUE_LABELS["scenario"].get(str(point["scenario"]), str(point["scenario"])))
    if point["setting"] == "–":
        return name
    if point["rung"] == "clean":
        extra = name.removeprefix("clean").removeprefix(", ")
        return f"setting “{point['setting']}{f', {extra}' if extra else ''}”"
    return f"{name} ({point['setting']})"


def describe_costs(subject: str, found: pd.DataFrame, scenario: str) -> str:
    """Say what a scenario costs at its first and last setting."""
    rows = found[(found["scenario"] == scenario) & found["loss"].notna()]
    if rows.empty:
        return ""
    rows = rows.iloc[[0, -1]] if len(rows) > 1 else rows
    losses = [
        f"{format_interval(row[['loss', 'low', 'high']], sign=False)} at {row['setting']}"
        for _, row in rows.iterrows()
    ]
    return f"**{subject} costs** {join_names(losses)}"


def _clean(records: pd.DataFrame, one: pd.Series) -> pd.DataFrame:
    """Return the clean records that one row is compared with, one per slice."""
    same = records[(records["method"] == one["method"]) & (records["rung"] == "clean")]
    if one["rung"] == "clean":
        same = same[same["scenario"] == "clean"]
    else:
        for name in SETTINGS:
            same = same[same[name] == one[name]]
    first = same.sort_values("scenario", key=lambda names: names != "clean", kind="stable")
    return first.drop_duplicates(PAIR)


def _setting(one: pd.Series) -> str:
    """Return what a row's scenario varies, or how strong it is."""
    name = str(one["scenario"])
    axis = "epsilon" if name in SCENARIO_LABELS else AXES.get(name.split("_")[0], "epsilon")
    if axis == "epsilon":
        if one["rung"] == "clean":
            return "–"
        domain = "kspace" if (one["domain"], one["norm"]) == ("kspace", "l2") else "image"
        sign = "σ" if one["rung"] == "random_gaussian" and domain == "image" else "ε"
        return f"{sign}\u00a0=\u00a0{strength(one['epsilon'], domain)}"
    if axis == "sampling_rate":
        return f"sampling rate {one[axis]:g}"
    words = {"n_steps": "unrolling step", "n_samples": "noise sample"}[axis]
    return f"{one[axis]} {words}{'s' if one[axis] != 1 else ''}"


def _deviation(values: pd.Series) -> float:
    return float(values.std()) if len(values) > 1 else math.nan


def _pairs(found: pd.DataFrame, name: str, digits: int) -> list[str]:
    """Write means and standard deviations; one slice has no deviation."""
    pairs = zip(found[name], found[f"{name}_std"], strict=True)
    return [
        number(mean, digits) + ("" if math.isnan(std) else f"\u00a0±\u00a0{number(std, digits)}")
        for mean, std in pairs
    ]
