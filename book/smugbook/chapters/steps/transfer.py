"""What the page of the transfer study says: losses of all methods to one perturbation."""

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.results.store import Store
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import number
from smugbook.words.verdicts import choose_word, format_interval, join_names
from smuglib.evaluation import PAIR, Interval, Measurement
from smuglib.evaluation.bootstrap import over_subjects
from smuglib.evaluation.records import read, read_provenance
from smuglib.methods import METHODS


def scores(measured: pd.DataFrame) -> pd.DataFrame:
    """Turn measurements of the study into one row per method and slice."""
    names = list(METHODS)
    rows = measured[measured["quantity"] == "psnr"]
    methods = [names[index] for index in rows["index"]]
    return rows[PAIR].assign(method=methods, psnr=rows["value"].to_numpy())


def own_attacks(
    stores: tuple[Store, ...], sigma: float, settings: Mapping[str, object]
) -> dict[str, pd.DataFrame]:
    """Look up what methods make of their own attacks, where that was measured."""
    found: dict[str, pd.DataFrame] = {}
    for method in METHODS:
        for store in stores:
            path = store.measurements("transfer", method, sigma)
            if method in found or not path.is_file():
                continue
            if read_provenance(path)["settings"] == dict(settings):
                rows = scores(read(path, Measurement))
                found[method] = rows[rows["method"] == method]
    return found


def compare_losses(
    clean: pd.DataFrame,
    attacked: pd.DataFrame,
    source: str,
    own: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Compare what one perturbation costs the methods.

    By method, in dB: ``loss`` is clean minus attacked, ``extra`` that loss minus the source's, and
    ``beyond`` the own attack minus this one: above zero, this one harms more.
    """
    before, after = (
        {name: rows.set_index(PAIR)["psnr"].sort_index() for name, rows in f.groupby("method")}
        for f in (clean, attacked)
    )
    lost = {name: before[name].reindex(after[name].index) - after[name] for name in after}
    lines = {}
    for name in (name for name in METHODS if name in after):
        alone = own.get(name)
        beyond, mean = None, after[name].mean() if name == source else math.nan
        if alone is not None and name != source:
            scored = alone.set_index(PAIR)["psnr"].reindex(after[name].index)
            if not scored.isna().any():
                beyond, mean = over_subjects(scored - after[name]), scored.mean()
        lines[name] = {
            "clean": before[name].reindex(after[name].index).mean(),
            "attacked": after[name].mean(),
            "loss": over_subjects(lost[name]),
            "extra": over_subjects(lost[name] - lost[source]),
            "beyond": beyond,
            "own": mean,
        }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis("method")


def format_losses(table: pd.DataFrame) -> pd.DataFrame:
    """Lay out `compare_losses` as text; own attacks have a column where known."""
    shown = pd.DataFrame(index=table.index)
    shown["clean (dB)"] = [number(value) for value in table["clean"]]
    if table["beyond"].notna().any():
        shown["own attack (dB)"] = [number(value) for value in table["own"]]
    shown["this attack (dB)"] = [number(value) for value in table["attacked"]]
    shown["loss (dB)"] = [format_interval(interval, "", sign=False) for interval in table["loss"]]
    return shown


def describe_transfer(table: pd.DataFrame, source: str) -> str:
    """Say whom the perturbation harms, and how much, in words that the intervals choose."""
    others, named = table.drop(index=source), METHOD_LABELS[source]
    words = {"above": "harmed", "below": "helped", "between": "not told"}
    verdicts = [choose_word(interval, **words) for interval in others["loss"]]
    harmed = list(others.index[[verdict == "harmed" for verdict in verdicts]])
    lead = f"It harms {_names(harmed)} too, and no other."
    if len(harmed) == len(others):
        lead = "It harms every other method too."
    elif not harmed:
        lead = "It harms no other method, as far as these slices tell."
    lost = "; ".join(
        _with(name, table["loss"][name], sign=False) for name in map(str, others.index)
    )
    own = format_interval(table["loss"][source], sign=False)
    single = math.isnan(table["loss"][source].low)
    lead = "One subject gives no interval, and no verdict." if single else lead
    lines = [f"- **{lead}** Made for {named}, it costs {named} {own}; {lost}."]
    if single:
        return lines[0]
    for word, title in (
        ("more", f"More than {named}"),
        ("less", f"Less than {named}"),
        ("alike", f"As much as {named}, as far as these slices tell"),
    ):
        chosen = [str(n) for n, extra in others["extra"].items() if _sized(extra) == word]
        if chosen:
            differences = "; ".join(_with(name, table["extra"][name]) for name in chosen)
            lines.append(f"- **{title}:** {differences} (difference of the losses, paired).")
    return "\n".join([*lines, f"- {_search(others)}"])


def _sized(extra: Interval) -> str:
    """Compare a loss with the source's; what two decimals do not show counts as alike."""
    if abs(extra.mean) < 0.005:
        return "alike"
    return choose_word(extra, above="more", below="less", between="alike")


def _search(others: pd.DataFrame) -> str:
    """Say whether this perturbation harms a method more than its own attack."""
    known = others["beyond"].dropna()
    if known.empty:
        return (
            "**Not known here:** whether it harms another method more than that one's own attack, "
            "which was not measured with the same settings."
        )
    failed = [str(name) for name, beyond in known.items() if beyond.low > 0]
    listed = "; ".join(_with(name, known[name]) for name in failed or map(str, known.index))
    if failed:
        return (
            f"**It harms {_names(failed)} more than the own attack**, whose search has failed: "
            f"{listed}."
        )
    return f"**No own attack is beaten by it**: own minus this PSNR is {listed}."


def _names(methods: Sequence[str]) -> str:
    return join_names(METHOD_LABELS[name] for name in methods)


def _with(method: str, interval: Interval, *, sign: bool = True) -> str:
    return f"{METHOD_LABELS[method]} {format_interval(interval, sign=sign)}"
