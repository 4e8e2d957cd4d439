"""Whether attacks that know more did more damage: where they did not, the attack is broken.

An attacker who knows more can do what one who knows less does. Where the records show that a
stronger rung hurts less, beyond the chance of the subjects drawn, its search has failed.
"""

from collections.abc import Sequence
from itertools import combinations
from typing import Unpack

import pandas as pd

from smuglib import checks
from smuglib.evaluation.bootstrap import Options
from smuglib.evaluation.comparisons import PAIR, compare, with_partner

LEVELS = {
    "random_gaussian": 0,
    "random_uniform": 0,
    "transfer_published": 1,
    "transfer": 1,
    "adaptive": 2,
    "kspace": 2,
    "adaptive_strong": 3,
    "independent": 3,
}
"""What the attacker knows, by rung.

0 is nothing, 1 the network without its smoothing, 2 the defended network, and 3 the same with a
longer search. Rungs of one level are not compared.
"""

THREAT = (
    "method",
    "weights_sha256",
    "training_sigma",
    "placement",
    "sigma",
    "n_samples",
    "n_steps",
    "sampling_rate",
    "consistency_rate",
    "domain",
    "norm",
    "epsilon",
)
"""Columns in which rows must agree to be compared."""


def ordering(
    records: pd.DataFrame,
    metric: str = "psnr",
    *,
    by: Sequence[str] = THREAT,
    **options: Unpack[Options],
) -> pd.DataFrame:
    """Compare the damage of all rungs of different strength, slice by slice.

    Parameters
    ----------
    records
        What `smuglib.evaluation.scores.read` returns. Rows of rungs that are not in `LEVELS`, such
        as ``"clean"``, are left out.
    metric
        A column of results, of which less is more damage.
    by, options
        See `smuglib.evaluation.comparisons.compare_methods`.

    Returns
    -------
    pandas.DataFrame
        One row per group of ``by`` and pair of rungs with common slices: ``weaker``, ``stronger``,
        the mean ``difference`` of the metric, weaker minus stronger (positive: in order), ``low``
        and ``high`` of its interval (NaN for fewer than two subjects), ``n_slices``,
        ``n_subjects``, and ``broken``: the interval lies wholly below zero.
    """
    for name in (metric, "rung", *by, *PAIR):
        checks.one_of("column", name, map(str, records.columns))
    lines: list[tuple[object, ...]] = []
    ranked = records[records["rung"].isin(LEVELS)]
    for group, rows in ranked.groupby(list(by), sort=False):
        found = {str(rung): part for rung, part in rows.groupby("rung")}
        climbed = sorted(found, key=lambda rung: LEVELS[rung])
        for weaker, stronger in combinations(climbed, 2):
            milder = with_partner(found[weaker], found[stronger])
            if LEVELS[weaker] == LEVELS[stronger] or milder.empty:
                continue
            interval = compare(milder, with_partner(found[stronger], milder), metric, **options)
            counts = len(milder), milder.groupby(["split", "subject"]).ngroups
            lines.append((*group, weaker, stronger, *interval, *counts, interval.high < 0))
    names = ["weaker", "stronger", "difference", "low", "high", "n_slices", "n_subjects", "broken"]
    kinds = {"difference": float, "low": float, "high": float, "broken": bool}
    return pd.DataFrame(lines, columns=[*by, *names]).astype(kinds)
