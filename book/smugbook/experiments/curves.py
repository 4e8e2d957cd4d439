"""Curves of Figures 6 and 7: means of records against what a sweep varies, with their bands."""

import numpy as np
import pandas as pd

from smuglib import checks
from smuglib.evaluation import PAIR, averages, compare
from smuglib.evaluation.comparisons import with_partner

ANCHORS = {
    "strength_random": ("clean", "epsilon"),
    "strength_transfer": ("clean", "epsilon"),
    "strength_adaptive": ("clean", "epsilon"),
    "strong_image": ("clean", "epsilon"),
    "range_image": ("clean", "epsilon"),
    "level_image": ("clean", "epsilon"),
    "level_range": ("clean", "epsilon"),
    "level_kspace": ("clean", "epsilon"),
    "kspace_random": ("clean", "epsilon"),
    "kspace_adaptive": ("clean", "epsilon"),
    "rate_clean": ("clean", "sampling_rate"),
    "mask_clean": ("clean", "sampling_rate"),
    "steps_clean": ("clean", "n_steps"),
    "samples_clean": ("clean", "n_samples"),
    "rate_adaptive": ("strength_adaptive", "sampling_rate"),
    "steps_adaptive": ("strength_adaptive", "n_steps"),
    "samples_adaptive": ("strength_adaptive", "n_samples"),
}
"""Each curve's point at the settings of the training (or at ε = 0), which its sweep leaves out:
the scenario whose records hold it, and the column of the axis."""

SAME_ATTACK = {"strength_adaptive": "adaptive_image"}
"""A scenario of the same attack, where a protocol lacks the one that anchors a curve."""


def curve_points(block: pd.DataFrame, curve: str, *, epsilon: float = 1 / 255) -> pd.DataFrame:
    """Return the records of a curve by their ``value`` on the axis, the training's own included."""
    checks.one_of("curve", curve, ANCHORS)
    scenario, axis = ANCHORS[curve]
    if scenario not in set(block["scenario"]):
        scenario = SAME_ATTACK.get(scenario, scenario)
    anchor = block["scenario"] == scenario
    if scenario != "clean":
        anchor &= np.isclose(block["epsilon"], epsilon)
    own = block["scenario"] == curve
    varied = block[own]
    # A sweep may have fewer slices than the point that it leaves out.
    anchored = with_partner(block[anchor & ~own], varied, ["method", *PAIR])
    found = pd.concat([anchored, varied])
    found = found.assign(value=found[axis].astype(float))
    # A small profile may be trained at a value that the sweep has too.
    return found.drop_duplicates(["method", *PAIR, "value"], keep="last")


def summarize_curve(
    block: pd.DataFrame, name: str, metric: str = "psnr", *, epsilon: float = 1 / 255
) -> pd.DataFrame:
    """Summarize a curve: every method's mean with its interval, and its difference to MoDL.

    Intervals are bootstrap 95 % intervals over subjects; those of one subject are NaN.
    """
    checks.one_of("metric", metric, map(str, block.columns))
    # Sorted, so that the order of rows changes no digit.
    found = curve_points(block, name, epsilon=epsilon).sort_values(["value", *PAIR], kind="stable")
    changes = {}
    for value, rows in found.groupby("value"):
        modl = rows[rows["method"] == "modl"]
        for method, own in rows.groupby("method"):
            change = compare(own, modl, metric) if len(modl) else [np.nan] * 3
            changes[method, value] = change
    means = averages(found, metric, by=["method", "value"])
    names = ["difference", "difference_low", "difference_high"]
    means[names] = pd.DataFrame(changes, index=names).T.reindex(means.index)
    return means.rename(columns={"n": "n_slices"}).reset_index()
