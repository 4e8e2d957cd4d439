"""What the page of the harm study says of one network: lesions seen or not, and its spread."""

from functools import partial

import pandas as pd

from smugbook.words.labels import HARM_LABELS
from smugbook.words.verdicts import choose_word, format_interval
from smuglib.evaluation import Interval, averages
from smuglib.evaluation.comparisons import intervals, paired_differences

HEADS = {
    "apparent": "apparent contrast",
    "recovery": "recovered contrast",
    "false": "false contrast, r.m.s.",
    "psnr": "PSNR (dB)",
}
"""Quantities at a lesion, and their headings; contrasts are shares of the lesion's own."""

_text = partial(format_interval, unit="", sign=False)


def at_first_lesion(frame: pd.DataFrame) -> pd.DataFrame:
    """Lay out the means at the lesions that attacks aim at."""
    first = frame[frame["index"] == 0]
    columns = {}
    for quantity, head in HEADS.items():
        rows = first[first["quantity"] == quantity]
        means = averages(rows, by=["scenario"], root_mean_square=quantity == "false")
        columns[head] = {name: _text(found) for name, found in intervals(means).items()}
    return pd.DataFrame(columns).rename_axis("scenario")


def lesions_verdict(frame: pd.DataFrame) -> str:
    """Say what becomes of the first lesion at worst, and what is made where there is none."""
    first = frame[frame["index"] == 0]
    apparent, false = (
        intervals(averages(first[first["quantity"] == name], by=["scenario"]))
        for name in ("apparent", "false")
    )
    attacks = [str(name) for name in apparent if name != "clean"]
    worst = min(attacks, key=lambda name: apparent[name].mean)
    made = max(attacks, key=lambda name: false[name].mean)
    seen = {
        "above": "The lesion stays visible, at worst weakened",
        "below": "The lesion can be turned into its opposite",
        "between": "The lesion can be made to disappear",
    }
    lead = choose_word(apparent[worst], alone="Whether the lesion stays visible is open", **seen)
    invented = {
        "above": "Contrast can be made where there is none",
        "below": "No attack makes contrast where there is none",
        "between": "No attack surely makes contrast where there is none",
    }
    lies = choose_word(
        false[made], alone="Whether contrast can be made where there is none is open", **invented
    )
    return (
        f"- **{lead}.** The {HARM_LABELS[worst]} is the worst: it leaves "
        f"{_text(apparent[worst])} of the lesion's contrast, where the clean scan shows "
        f"{_text(apparent['clean'])}.\n"
        f"- **{lies}.** The {HARM_LABELS[made]} makes most, "
        f"{_text(false[made])} of a lesion's in the mean; without an attack it is "
        f"{_text(false['clean'])}."
    )


def spread_verdict(frame: pd.DataFrame) -> str:
    """Say whether the spread of the noise samples tells where a network errs."""
    plain = frame[frame["scenario"] == "clean"]
    ranks = plain[plain["quantity"].isin(["rank_spread", "rank_steepness"])]
    if "rank_spread" not in set(ranks["quantity"]):
        return "- **It has no spread:** this network is not smoothed."
    own = intervals(averages(ranks, by=["quantity"]))
    beyond = paired_differences(ranks, "quantity", "rank_spread", "rank_steepness")
    (gain,) = intervals(averages(beyond, by=["quantity"])).values()
    lead = choose_word(
        own["rank_spread"],
        alone="Whether the spread tells where the network errs is open",
        above="The spread is larger where the error is larger",
        below="The spread is smaller where the error is larger",
        between="The spread does not tell where the network errs",
    )
    compared = choose_word(
        gain,
        alone="without an interval to compare it with that of",
        above="more than that of",
        below="less than that of",
        between="not told apart from that of",
    )
    sizes = plain[plain["quantity"] == "underestimation"]
    (factor,) = intervals(averages(sizes, by=["quantity"])).values()
    size = choose_word(
        Interval(*(end - 1 for end in factor)),
        alone="Whether it has the size of the error is open",
        above="It is too small",
        below="It is too large",
        between="It has about the size of the error",
    )
    return (
        f"- **{lead}:** their rank correlation (1: tells all, 0: nothing) is "
        f"{_text(own['rank_spread'])} on clean scans, {compared} the image's steepness alone, "
        f"{_text(own['rank_steepness'])}.\n"
        f"- **{size}:** the error is {_text(factor)} times the spread, r.m.s."
    )
