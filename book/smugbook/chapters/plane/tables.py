"""The table behind the plane, and what is left of differences at equal clean PSNR."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from smugbook.chapters.plane.picture import PANELS
from smugbook.chapters.plane.trainings import Training, families, level_table, summarize
from smugbook.experiments.controls import QUESTIONS, Control
from smugbook.experiments.matching import matched_difference
from smugbook.experiments.plateau import CHECKS, Shortfall
from smugbook.words.labels import METHOD_LABELS
from smugbook.words.numbers import percent, strength
from smugbook.words.verdicts import choose_word, format_interval, join_names
from smuglib.evaluation import Interval, Scenario

Columns = Mapping[str, Scenario]


def format_plane(
    numbered: Mapping[int, Training], columns: Columns, controls: Iterable[Control]
) -> pd.DataFrame:
    """Write clean PSNR, and of every threat model level and damage, with their intervals."""
    asked = {(c.label, c.method, c.sigma): QUESTIONS[c.question] for c in controls}
    lines = {}
    for number, one in numbered.items():
        found = {threat: level_table(one, columns, threat) for threat in PANELS}
        whole = max(found.values(), key=len)
        line = {("", "training"): one.name, ("", "clean"): _write(whole, "clean")}
        for threat, rows in found.items():
            for value in ("level", "damage"):
                line[PANELS[threat], value] = _write(rows, value)
        label = ",".join(f"{name}={value}" for name, value in one.settings)
        counted = f"{whole['slice'].nunique()} × {one.seeds}"
        line["rests on", "slices × seeds"] = counted
        line["rests on", "budget"] = join_names(sorted(set(one.rows["budget"])))
        line["rests on", "question"] = asked.get((label, one.method, one.sigma), "–")
        lines[number] = line
    heads = pd.MultiIndex.from_tuples(next(iter(lines.values()), [("", "training")]))
    cells = [list(line.values()) for line in lines.values()]
    return pd.DataFrame(cells, index=list(lines), columns=heads).rename_axis("dot")


def _write(rows: pd.DataFrame, value: str) -> str:
    return format_interval(summarize(rows, value), "", sign=False) if len(rows) else "–"


def match_families(
    trainings: Sequence[Training], columns: Columns, method: str = "smug"
) -> dict[tuple[str, str, str], Interval]:
    """Compare a method as the profile has it with every family that reaches its clean PSNR.

    By the words for the method's training and for the family, and by threat model.
    """
    found = {}
    own = [one for one in trainings if one.method == method and not one.settings]
    for training in own:
        for (name, sigma, knob), members in families(trainings).items():
            if name == method or sigma != training.sigma:
                continue
            words = f"{METHOD_LABELS[name]}, {knob.replace('_', ' ')}"
            for threat in PANELS:
                tables = [level_table(one, columns, threat) for one in members]
                tables = [table for table in tables if len(table)]
                change = matched_difference(level_table(training, columns, threat), tables)
                if change is not None:
                    found[training.name, words, threat] = change
    return found


def format_matches(found: Mapping[tuple[str, str, str], Interval]) -> pd.DataFrame:
    """Write differences at equal clean PSNR: a row per training and family."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for (name, words, threat), change in found.items():
        lines.setdefault((name, words), {})[PANELS[threat]] = format_interval(change, "")
    frame = pd.DataFrame.from_dict(lines, orient="index").reindex(columns=list(PANELS.values()))
    return frame.fillna("–").rename_axis(["level of (dB)", "minus the family’s"])


def format_shortfalls(found: Sequence[Shortfall]) -> pd.DataFrame:
    """Write what longer and other searches find beyond the columns' attacks."""
    lines: dict[tuple[str, str], dict[str, str]] = {}
    for one in found:
        verdict = "plateau" if one.is_plateau else "**no plateau**"
        text = f"{format_interval(one.found, '')}; {verdict} ({one.n_slices})"
        lines.setdefault((METHOD_LABELS[one.method], CHECKS[one.check]), {})[one.threat] = text
    frame = pd.DataFrame.from_dict(lines, orient="index")
    frame = frame.reindex(columns=[threat for threat in PANELS if threat in frame]).fillna("–")
    return frame.rename(columns=PANELS).rename_axis(["method", "found more (dB) by"])


def format_strengths(measured: pd.DataFrame) -> pd.DataFrame:
    """Write how strong perturbations are beside each scan, and the medians below."""
    medians = measured.median(numeric_only=True)
    rows = [*measured.to_dict("records"), {**medians, "slice": "median", "subject": "–"}]
    written = [
        {
            "test slice": f"{row['slice']}",
            "subject": f"{row['subject']}",
            "maximum": f"{row['maximum']:.2f}",
            "tissue (median)": f"{row['tissue']:.2f}",
            "SNR": f"{row['snr']:.0f}",
            "noise, of ‖y‖₂": percent(row["noise_share"], 1),
            "ε = 1/255, of the maximum": percent(row["image_of_maximum"], 2),
            "of the tissue": percent(row["image_of_tissue"], 2),
            f"ε = {strength(0.02, 'kspace')}, in noises": f"{row['kspace_of_noise']:.2f}",
        }
        for row in rows
    ]
    return pd.DataFrame(written).set_index("test slice")


def describe_matches(found: Mapping[tuple[str, str, str], Interval]) -> list[str]:
    """Say for each threat model what is left of a difference in level at equal clean PSNR."""
    words = {"above": "ahead", "below": "behind", "between": "not told apart"}
    told: dict[str, list[str]] = {threat: [] for threat in PANELS}
    for (name, family, threat), change in found.items():
        verdict = choose_word(change, **words)
        told[threat].append(f"{name}, and {family}: {verdict}, {format_interval(change)}")
    nothing = "no family of trainings reaches SMUG’s clean PSNR"
    return [
        f"**{PANELS[threat].capitalize()}**: {'; '.join(each) or nothing}."
        for threat, each in told.items()
    ]
