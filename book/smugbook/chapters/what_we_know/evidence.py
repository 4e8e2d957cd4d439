"""Evidence for and against claims: paired differences of records, with intervals over subjects."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from smugbook.chapters.table1.gains import fragility
from smugbook.experiments import controls, curves
from smugbook.experiments.seeds import scenario_changes
from smugbook.experiments.sweeps import AXES
from smugbook.words.claims import Evidence
from smugbook.words.labels import METHOD_LABELS, VALUE_LABELS
from smugbook.words.numbers import strength
from smuglib.evaluation import PAIR, Interval, Scenario, compare, select

TABLE, SWEEPS, CONTROLS = "13_table1", "16_sweeps", "21_controls"
"""Chapters that show the evidence."""


Blocks = Mapping[Any, pd.DataFrame]
"""Records of all methods, by their noise or, of another training, in words."""


def halfway_records(blocks: Mapping[float, pd.DataFrame]) -> pd.DataFrame | None:
    """Return records half-way between SMUG and MoDL, where both have them."""
    block = blocks.get(controls.BASE_SIGMA)
    if block is None:
        return None
    keys = [*PAIR, "scenario", "epsilon", "sampling_rate", "consistency_rate", "n_steps"]
    smug, modl = (block[block["method"] == name] for name in ("smug", "modl"))
    pairs = smug.merge(modl[[*keys, "psnr"]], on=keys, suffixes=("", "_modl"))
    return pairs.assign(psnr=(pairs["psnr"] + pairs["psnr_modl"]) / 2)


def compare_gains(
    blocks: Blocks,
    points: Iterable[tuple[float | str, Scenario]],
    better: str,
    worse: str,
    *,
    threshold: float = 0.0,
) -> Iterable[Evidence]:
    """Compare two methods of a block, scenario by scenario, where both have records."""
    for sigma, scenario in points:
        chosen = select(blocks[sigma], scenario)
        one, other = (chosen[chosen["method"] == name] for name in (better, worse))
        if len(one) and len(one) == len(other):
            names = f"{METHOD_LABELS[better]} − {METHOD_LABELS[worse]}"
            what = f"{names}, {_label(scenario.name)}, {_words(sigma)}"
            yield Evidence(what, compare(one, other), TABLE, threshold)


def compare_with_clean(
    blocks: Mapping[float, pd.DataFrame], scenarios: Sequence[Scenario]
) -> Iterable[Evidence]:
    """Compare MoDL on clean scans with MoDL in other scenarios, where there are records."""
    for sigma, block in blocks.items():
        held = [one for one in scenarios if len(select(block, one))]
        for name, interval in fragility(block, held, "modl").items():
            what = f"MoDL clean − {_label(name)}, σ = {sigma:g}"
            yield Evidence(what, interval, TABLE)


def compare_ends(blocks: Mapping[float, pd.DataFrame], name: str) -> Iterable[Evidence]:
    """Compare MoDL at the settings of its training with the far end of a curve."""
    for sigma, block in blocks.items():
        rows = curves.curve_points(block, name)
        rows = rows[rows["method"] == "modl"]
        own, far = rows.loc[rows["scenario"] == "clean", "value"], rows["value"].max()
        if len(own) and far > own.iloc[0]:
            change = compare(rows[rows["value"] == own.iloc[0]], rows[rows["value"] == far])
            ends = f"{_setting(name, own.iloc[0])} − {_setting(name, far)}"
            what = f"MoDL at {ends}, {_label(name)}, σ = {sigma:g}"
            yield Evidence(what, change, SWEEPS)


def compare_curves(
    blocks: Mapping[float, pd.DataFrame], *names: str, others: bool = False
) -> Iterable[Evidence]:
    """Compare SMUG with MoDL along curves, at every value but an ε of zero."""
    for sigma, block in blocks.items():
        for name in names:
            rows = curves.summarize_curve(block, name).dropna(subset=["difference"])
            rows = rows[(rows["method"] == "smug") & (rows["value"] > 0)]
            if others:
                points = curves.curve_points(block, name)
                rows = rows[~rows["value"].isin(points.loc[points["scenario"] != name, "value"])]
            columns = ["value", "difference", "difference_low", "difference_high"]
            for value, *ends in rows[columns].to_numpy(dtype=float).tolist():
                where = f"{_setting(name, value)}, {_label(name)}"
                yield Evidence(f"SMUG − MoDL at {where}, σ = {sigma:g}", Interval(*ends), SWEEPS)


def _words(key: float | str) -> str:
    return key if isinstance(key, str) else f"σ = {key:g}"


def _setting(name: str, value: float) -> str:
    """Write a value on the axis of a curve."""
    axis = AXES.get(name.split("_")[0], "epsilon")
    if axis == "epsilon":
        return f"ε = {strength(value, 'kspace' if 'kspace' in name else 'image')}"
    steps = "step" if value == 1 else "steps"
    return f"{value:g} unrolling {steps}" if axis == "n_steps" else f"sampling rate {value:g}"


def _label(name: str) -> str:
    return VALUE_LABELS["scenario"][name]


def compare_controls(
    first: pd.DataFrame | None,
    second: pd.DataFrame | None,
    what: str,
    scenarios: Sequence[Scenario],
) -> Iterable[Evidence]:
    """Compare two sets of records in all scenarios that both hold."""
    if first is None or second is None:
        return
    for name, interval in scenario_changes(first, second, scenarios).items():
        yield Evidence(f"{what}, {_label(name)}", interval, CONTROLS)
