"""Tables of gains over MoDL: by attack, and by rung of the ladder."""

from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.chapters.table1.page import NOT_TOLD_APART
from smugbook.words.labels import ATTACK_LABELS, METHOD_LABELS, RUNG_LABELS
from smugbook.words.numbers import number
from smugbook.words.verdicts import RANKING, choose_word, format_interval
from smuglib.evaluation import Interval, Scenario, compare, select
from smuglib.evaluation.comparisons import with_partner

SMOOTHED = tuple(name for name in RANKING if name != "modl")
"""Methods that are compared with MoDL."""

Blocks = Mapping[float, pd.DataFrame]


def gain(block: pd.DataFrame, scenario: Scenario, method: str, other: str = "modl") -> Interval:
    """Return by how much one method is ahead of another in a scenario, PSNR in dB."""
    rows = select(block, scenario)
    return compare(rows[rows["method"] == method], rows[rows["method"] == other])


def fragility(
    block: pd.DataFrame, scenarios: Sequence[Scenario], method: str
) -> dict[str, Interval]:
    """Return clean minus attacked PSNR of a method (dB), by name of the scenario."""
    own = block[block["method"] == method]
    clean = select(own, Scenario("clean"))
    found = {}
    for scenario in scenarios:
        if scenario.rung != "clean":
            rows = select(own, scenario)
            found[scenario.name] = compare(with_partner(clean, rows), rows)
    return found


def format_gains(blocks: Blocks, scenarios: Sequence[Scenario]) -> pd.DataFrame:
    """Return all gains over MoDL as text: one row per noise level and method."""
    marks = {"above": "", "below": "", "between": NOT_TOLD_APART}
    lines = {}
    for sigma, block in blocks.items():
        for method in SMOOTHED:
            found = {s.name: gain(block, s, method) for s in scenarios}
            lines[sigma, METHOD_LABELS[method]] = {
                ATTACK_LABELS.get(name, name): _placed(
                    format_interval(interval, ""), choose_word(interval, **marks)
                )
                for name, interval in found.items()
            }
    return pd.DataFrame.from_dict(lines, orient="index").rename_axis(["sigma", "over MoDL"])


def _placed(text: str, mark: str) -> str:
    """Put a mark behind the mean."""
    mean, _, interval = text.partition(" ")
    return f"{mean}{mark} {interval}".rstrip()


def format_rungs(blocks: Blocks, epsilon: float, epsilon_kspace: float) -> pd.DataFrame:
    """Return the mean PSNR on every rung of the ladder at one strength, as text.

    ``epsilon_kspace``, the strength on the samples, is relative to ``||y||_2``.
    """
    lines: dict[str, dict[tuple[float, str], str]] = {}
    for sigma, block in blocks.items():
        held = _at_the_strength(block, epsilon, epsilon_kspace)
        for name, rung in held[held["scenario"].isin(RUNG_LABELS)].groupby("scenario"):
            of = dict(iter(rung.groupby("method")))
            for method, rows in of.items():
                reference = of.get("modl") if method in SMOOTHED else None
                cells = lines.setdefault(METHOD_LABELS[str(method)], {})
                cells[sigma, RUNG_LABELS[str(name)]] = _rung(rows, reference)
    ladder = pd.DataFrame(lines)
    order = [(sigma, label) for sigma in blocks for label in RUNG_LABELS.values()]
    names = [label for label in METHOD_LABELS.values() if label in ladder]
    ladder = ladder.reindex([key for key in order if key in ladder.index])[names].fillna("–")
    return ladder.rename_axis(["sigma", "PSNR (dB)"])


def _at_the_strength(block: pd.DataFrame, epsilon: float, epsilon_kspace: float) -> pd.DataFrame:
    """Return the rows of the table's strengths: clean, ε in the image, ε on the samples."""
    strengths = block["domain"].map({"none": 0.0, "image": epsilon, "range": epsilon})
    kspace = (block["domain"] == "kspace") & (block["epsilon"] > 0.9 * epsilon_kspace)
    linf = (block["domain"] == "kspace") & (block["norm"] == "linf")
    held = block[(block["epsilon"] - strengths).abs().lt(1e-9) | kspace | linf]
    length = held["attack_steps"] * held["attack_restarts"]
    # Where there are records of several budgets, the longest search counts.
    return held[length == length.groupby(held["scenario"]).transform("max")]


def _rung(rows: pd.DataFrame, reference: pd.DataFrame | None) -> str:
    text = number(rows["psnr"].mean())
    if reference is not None and len(reference) == len(rows):
        text += f" ({format_interval(compare(rows, reference), '')})"
    return text
