"""What the page of the stability study says of one network: factors, directions, the bound."""

from typing import Any

import numpy as np
import pandas as pd

from smugbook.experiments.stability import BOUND, EDGES
from smugbook.words.numbers import NO_BREAK, number, power
from smugbook.words.verdicts import choose_word, format_interval
from smuglib.evaluation import Interval, averages
from smuglib.evaluation.comparisons import intervals, paired_differences

SMALL = 0.1
"""Eigenvalues of ``A^H A`` below it are directions that the scanner hardly measures."""

INPUTS = {"image": "of the zero-filled image", "kspace": "of the samples"}

QUANTITIES = {
    "norm": "largest factor, any small change",
    "ball_ratio": "largest factor found in the ball",
    "identity": "largest factor if the denoiser changed nothing",
    "eigenvalues": "directions of eigenvalue below 0.1 (%)",
    "change": "energy of the worst change there (%)",
    "residual": "residual of the iteration",
    "products": "products with the Jacobian",
}
"""Rows of the page's table."""


def format_quantities(frame: pd.DataFrame) -> pd.DataFrame:
    """Lay out what was measured."""
    means = _means(frame)
    columns = {
        f"change {said}": {
            text: format_interval(means[name, domain], "", sign=False)
            for name, text in QUANTITIES.items()
        }
        for domain, said in INPUTS.items()
    }
    return pd.DataFrame(columns)


def describe_stability(frame: pd.DataFrame, n_steps: int) -> str:
    """Say how far small changes move the image, where the worst lie, and what the bound allows."""
    means = _means(frame)
    image, kspace = (means["norm", domain].mean for domain in INPUTS)
    lines = [
        f"- **A small change of the zero-filled image is multiplied by up to about "
        f"{number(image)}**, one of the samples by up to about {number(kspace)} "
        f"(estimated from below, mean over slices)."
    ]
    chosen = frame[frame["quantity"].isin(["norm", "identity"]) & (frame["scenario"] == "image")]
    excess = averages(paired_differences(chosen, "quantity", "norm", "identity"), by=["quantity"])
    lead = choose_word(
        *intervals(excess).values(),
        above="The denoiser adds to that",
        below="The denoiser takes from that",
        between="The denoiser is not seen to change that",
    )
    lines.append(
        f"- **{lead}:** with a denoiser that changes nothing the factor would be "
        f"{number(means['identity', 'image'].mean)} for the image: data consistency alone."
    )
    worst, chance = (means[name, "image"] for name in ("change", "eigenvalues"))
    where = "lies" if worst.mean > 50 else "does not lie"
    more = "" if worst.mean > chance.mean else ", no more than chance would put there"
    lines.append(
        f"- **The worst change of the image {where} mostly where the scanner measures little:** "
        f"{number(worst.mean, 0)}{NO_BREAK}% of its energy is in directions of eigenvalue below "
        f"{SMALL:g}, which are {number(chance.mean, 0)}{NO_BREAK}% of all{more}."
    )
    return "\n".join([*lines, _bound(frame, kspace, n_steps)])


def _bound(frame: pd.DataFrame, measured: float, n_steps: int) -> str:
    """Compare the journal's bound with the factor of the samples."""
    own = frame[(frame["scenario"] == BOUND) & (frame["quantity"] == "constant")]
    own = own[own["index"] == n_steps - 1]
    if own.empty:
        return "- **The journal's bound** is not evaluated here: it is for SMUG's smoothing alone."
    bound = float(np.exp(np.log(own["value"]).mean()))
    lead = "says little" if bound > 10 * measured else "is close"
    return (
        f"- **The journal's bound {lead}:** after {n_steps} unrolling steps it allows a factor of "
        f"{power(bound)} for the samples (geometric mean over slices), "
        f"{power(bound / measured)} times the one found."
    )


def _means(frame: pd.DataFrame) -> dict[Any, Interval]:
    """Average each quantity; shares of bins are summed over the small eigenvalues first."""
    rows = frame[frame["scenario"].isin(list(INPUTS)) & frame["quantity"].isin(list(QUANTITIES))]
    binned = rows["quantity"].isin(["eigenvalues", "change"])
    small = rows["index"] < sum(edge <= SMALL for edge in EDGES)
    kept = rows[~binned | small].drop(columns="index")
    keys = [name for name in kept.columns if name != "value"]
    summed = kept.groupby(keys, sort=False)["value"].sum().reset_index()
    return intervals(averages(summed, by=["quantity", "scenario"]))
