"""Evidence on what the poster does not ask: TV, equal clean PSNR, length of training, and λ."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import pandas as pd

from smugbook.chapters.plane.picture import PANELS
from smugbook.chapters.what_we_know.evidence import CONTROLS, TABLE
from smugbook.experiments.damage import measure_damage
from smugbook.experiments.trends import LEARNED, Frames
from smugbook.results.tuning import TUNED
from smugbook.words.claims import Evidence
from smugbook.words.labels import METHOD_LABELS, VALUE_LABELS
from smuglib.evaluation import PAIR, Interval, Scenario, compare, select
from smuglib.evaluation.comparisons import with_partner
from smuglib.methods import METHODS

PLANE, LENGTH, LAMBDA = "22_accurate_or_robust", "25_more_training", "26_what_lambda_decides"
"""Chapters that show the evidence."""

Columns = Mapping[str, Scenario]
Matches = Mapping[tuple[str, str, str], Interval]


def compare_damage(
    blocks: Mapping[float, pd.DataFrame], columns: Columns, threat: str
) -> Iterator[Evidence]:
    """Compare what an attack costs tuned TV with what it costs each network."""
    for sigma, block in blocks.items():
        both = measure_damage(select(block, columns[threat]), select(block, columns["clean"]))
        tuned = both[both["method"] == TUNED]
        for method in METHODS:
            own = both[both["method"] == method]
            if len(tuned) and len(own) == len(tuned):
                what = f"cost of {METHOD_LABELS[TUNED]} − of {METHOD_LABELS[method]}, σ = {sigma:g}"
                yield Evidence(what, compare(tuned, own, "damage"), TABLE)


def judge_matches(matches: Matches) -> Iterator[Evidence]:
    """Take the differences in level at equal clean PSNR as evidence."""
    for (name, family, threat), change in matches.items():
        yield Evidence(f"{name} − {family}, {PANELS[threat]}", change, PLANE)


def lead_changes(
    frames: Frames, columns: Columns, ends: tuple[float, float], source: str, words: str
) -> Iterator[Evidence]:
    """Compare SMUG's lead over MoDL between two values of an axis: the first minus the second."""
    gaps = [_lead(frames, value) for value in ends]
    for scenario in _attacks(columns):
        first, second = (select(gap, scenario) if len(gap) else gap for gap in gaps)
        if len(first) and len(first) == len(second):
            what = f"SMUG − MoDL, {words}, {_label(scenario)}"
            yield Evidence(what, compare(first, second), source)


def line_changes(
    frames: Frames,
    line: str,
    scenarios: Sequence[Scenario],
    ends: tuple[float, float],
    source: str,
    words: str,
) -> Iterator[Evidence]:
    """Compare a line at two values of an axis: the first minus the second."""
    held = frames.get(line, {})
    for scenario in scenarios if set(ends) <= held.keys() else ():
        first, second = (select(held[value], scenario) for value in ends)
        if len(first) and len(first) == len(second):
            yield Evidence(f"{line}, {words}, {_label(scenario)}", compare(first, second), source)


def length_claims(frames: Frames, columns: Columns) -> Iterator[tuple[str, Iterable[Evidence]]]:
    """Yield claims on the length of training with their evidence."""
    ends, words = _ends(frames), "longest − shortest training"
    back = "shortest − longest training"
    yield (
        "Longer training makes MoDL more fragile.",
        line_changes(frames, "MoDL", _attacks(columns), ends[::-1], LENGTH, back),
    )
    yield (
        "SMUG’s lead over MoDL under attack grows with the length of training.",
        lead_changes(frames, columns, ends, LENGTH, words),
    )


def lambda_claims(frames: Frames, columns: Columns) -> Iterator[tuple[str, Iterable[Evidence]]]:
    """Yield claims on λ with their evidence."""
    ends, words = (1.0, LEARNED), "λ = 1 − λ learned"
    yield (
        "λ = 1 protects MoDL from attacks on the image.",
        line_changes(frames, "MoDL", [columns["image"]], ends, LAMBDA, words),
    )
    yield (
        "λ = 1 costs MoDL accuracy on clean scans.",
        line_changes(frames, "MoDL", [columns["clean"]], ends[::-1], LAMBDA, "λ learned − λ = 1"),
    )
    yield (
        "λ = 1 protects MoDL more than SMUG does at a learned λ.",
        _against_smug(frames, columns["image"]),
    )
    yield (
        "SMUG’s lead over MoDL under attack is larger at λ = 1 than at a learned λ.",
        lead_changes(frames, columns, ends, LAMBDA, words),
    )


def _against_smug(frames: Frames, scenario: Scenario) -> Iterator[Evidence]:
    fixed, learned = frames.get("MoDL", {}).get(1.0), frames.get("SMUG", {}).get(LEARNED)
    if fixed is not None and learned is not None:
        first, second = select(fixed, scenario), select(learned, scenario)
        if len(first) and len(first) == len(second):
            what = f"MoDL, λ = 1 − SMUG, λ learned, {_label(scenario)}"
            yield Evidence(what, compare(first, second), CONTROLS)


def _ends(frames: Frames) -> tuple[float, float]:
    """Return the longest and the shortest training that SMUG and MoDL have in common."""
    common = set(frames.get("SMUG", {})) & set(frames.get("MoDL", {}))
    return (max(common), min(common)) if len(common) > 1 else (0.0, 0.0)


def _lead(frames: Frames, value: float) -> pd.DataFrame:
    """Return SMUG's records at a value, with its lead over MoDL in place of PSNR."""
    if any(value not in frames.get(line, {}) for line in ("SMUG", "MoDL")):
        return pd.DataFrame()
    smug, modl = (frames[line][value] for line in ("SMUG", "MoDL"))
    keys = [*PAIR, "scenario", "epsilon", "attack_steps", "attack_restarts"]
    pairs = with_partner(smug, modl, keys).merge(
        modl[[*keys, "psnr"]], on=keys, suffixes=("", "_modl")
    )
    return pairs.assign(psnr=pairs["psnr"] - pairs["psnr_modl"])


def _attacks(columns: Columns) -> list[Scenario]:
    return [one for name, one in columns.items() if name != "clean"]


def _label(scenario: Scenario) -> str:
    return VALUE_LABELS["scenario"][scenario.name]
