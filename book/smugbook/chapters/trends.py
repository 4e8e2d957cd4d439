"""Words, tables and figures of the chapters on length, width and λ of the trainings."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from smugbook.experiments.seeds import Changes, scenario_changes
from smugbook.experiments.trends import JITTERED, Frames, Point, absent_records
from smugbook.figures import OKABE_ITO, method_style
from smugbook.results import Store
from smugbook.words.labels import ATTACK_LABELS, METHOD_LABELS
from smugbook.words.numbers import number, signed
from smugbook.words.verdicts import format_interval, join_names
from smuglib.evaluation import Scenario
from smuglib.evaluation.bootstrap import Interval

METHOD_OF = {label: name for name, label in METHOD_LABELS.items()}


def line_style(line: str) -> dict[str, Any]:
    """Return the style of a method, or of jitter."""
    if line in METHOD_OF:
        return method_style(METHOD_OF[line])
    return {"label": line, "color": OKABE_ITO["purple"], "linestyle": ":", "marker": "P"}


def draw_trend(
    axes: Sequence[Axes],
    means: pd.DataFrame,
    scenarios: Sequence[Scenario],
    *,
    hollow: bool = False,
) -> None:
    """Draw PSNR against the value of an axis, a panel for each scenario, with intervals."""
    for ax, scenario in zip(axes, scenarios, strict=True):
        own = means[means["scenario"] == scenario.name]
        for line in (name for name in (*METHOD_OF, JITTERED) if name in set(own["line"])):
            rows, style = own[own["line"] == line].sort_values("value"), line_style(line)
            if hollow:
                style |= {"mfc": "none", "linestyle": "--", "label": f"{line}, stopped early"}
            ends = [rows["mean"] - rows["low"], rows["high"] - rows["mean"]]
            ax.errorbar(rows["value"], rows["mean"], yerr=ends, capsize=2, **style)
        ax.set_title(ATTACK_LABELS[scenario.name])


def tabulate_trend(
    means: pd.DataFrame, gaps: Mapping[float, Changes], words: Callable[[float], str]
) -> pd.DataFrame:
    """Tabulate mean PSNR by line and value, and what SMUG has more than MoDL at equal values."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for row in means.to_dict("records"):
        cell = lines.setdefault((row["line"], words(float(row["value"]))), {})
        cell[ATTACK_LABELS[row["scenario"]]] = number(float(row["mean"]))
    for value, changes in gaps.items():
        lines["SMUG − MoDL", words(value)] = {
            ATTACK_LABELS[name]: format_interval(change, "") for name, change in changes.items()
        }
    index = pd.MultiIndex.from_tuples(lines, names=["training", "value"]) if lines else None
    return pd.DataFrame(list(lines.values()), index=index).fillna("–")


def describe_trend(
    frames: Frames, scenarios: Sequence[Scenario], words: Callable[[float], str]
) -> list[str]:
    """Say what each line gains and loses from its first value to its last."""
    found = []
    for line, values in frames.items():
        first, last = min(values), max(values)
        changes = scenario_changes(values[last], values[first], scenarios)
        told = [f"{format_interval(c)} ({ATTACK_LABELS[n]})" for n, c in changes.items()]
        if told:
            span = f"from {words(first)} to {words(last)}"
            found.append(f"{line}, {span}: {join_names(told)}.")
    return found


def describe_gaps(
    gaps: Mapping[float, Changes], scenarios: Sequence[Scenario], words: Callable[[float], str]
) -> str:
    """Say in which scenarios the sign of SMUG − MoDL depends on the value."""
    found = []
    for scenario in scenarios:
        name = scenario.name
        known = {value: changes[name] for value, changes in gaps.items() if name in changes}
        if len(known) > 1:
            signs = {_sign(change) for change in known.values()}
            told = [f"{signed(c.mean)} dB ({words(v)})" for v, c in sorted(known.items())]
            holds = "holds" if len(signs) == 1 else "**depends on it**"
            found.append(f"{ATTACK_LABELS[name]}: the verdict {holds}, {join_names(told)}")
    return "; ".join(found) or "SMUG and MoDL have fewer than two trainings in common here"


def _sign(change: Interval) -> int:
    """Return 1 or -1 for an interval on one side of zero; without an interval, of the mean."""
    low, high = (change.mean, change.mean) if change.low != change.low else change[1:]
    return int(low > 0) - int(high < 0)


def describe_absent(store: Store, points: Sequence[Point], profile: str) -> str:
    """Say which records a page lacks, and the command that computes them."""
    parts = absent_records(store, points)
    if len({point.value for point in points}) < 2:
        return f"*The trainings of profile `{profile}` do not vary this.*"
    if not parts:
        return "*All trainings of this section have records.*"
    named = ", ".join(f"`{name}`" for name in parts[:3])
    more = f" and {len(parts) - 3} more" if len(parts) > 3 else ""
    return (
        f"*Of {len(parts)} trainings there are no records here: {named}{more}. "
        f"`make reproduce PROFILE={profile} DEVICE=auto` computes what is left of them all, and "
        f"with `ARGS=--plan` says how long that takes; `-p results build` then shows them.*"
    )


def tabulate_ends(store: Store, points: Sequence[Point], limit: float) -> pd.DataFrame:
    """Tabulate what twice the updates add to the best validation of a training, where both are."""
    best: dict[tuple[str, float], float] = {}
    for point in points:
        control = point.control
        own = store.named_variant(control.variant, missing_ok=True)
        if own.log(control.method, control.sigma).is_file():
            log = own.read_log(control.method, control.sigma)
            best[point.line, point.value] = float(log["validation_psnr"].max())
    lines = []
    for (line, value), decibels in best.items():
        added = best.get((line, 2 * value), math.nan) - decibels
        ended = "–" if math.isnan(added) else "yes" if added < limit else "no"
        lines.append([line, f"{value:.0f}", decibels, added, ended])
    columns = ["training", "updates", "best validation (dB)", "twice the updates add", "to the end"]
    return pd.DataFrame(lines, columns=columns).set_index("training")


def describe_ends(ends: pd.DataFrame, limit: float) -> str:
    """Say which trainings twice the updates would have added to."""
    judged = ends[ends["to the end"] != "–"]
    if judged.empty:
        return "Whether the trainings went to the end is not known: none has one twice as long."
    told = [
        f"{line}, {row['updates']} updates ({signed(row['twice the updates add'])} dB)"
        for line, row in judged[judged["to the end"] == "no"].iterrows()
    ]
    if not told:
        return f"Twice the updates add less than {limit:g} dB on validation slices, to all."
    added = f"for twice the updates add {limit:g} dB or more"
    return f"Not trained to the end, {added}: {join_names(told)}."


def mark_choice(table: pd.DataFrame, chosen: Mapping[str, str]) -> pd.DataFrame:
    """Return the scores of candidates in words, with those marked that were chosen."""
    marks = ["chosen" if chosen.get(family) == setting else "" for family, setting in table.index]
    names = {**ATTACK_LABELS, "level": "level under attack"}
    return table.rename(columns=names).assign(choice=marks)
