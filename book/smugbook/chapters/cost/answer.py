"""The benchmark's answer in a few sentences, each worded from the records."""

import pandas as pd

from smugbook.chapters.cost import peers
from smugbook.chapters.cost.tables import format_significant
from smugbook.words.markup import in_markdown

TEN = "solve, 10 right-hand sides"


def answer_cost(frame: pd.DataFrame, targets: pd.DataFrame) -> str:
    """Answer what it all costs."""
    met = int(targets.met.sum())
    counted = "All targets are met" if met == len(targets) else "Not every target is met"
    lines = [
        _overhead(targets),
        _solves(frame),
        _attack(targets),
        f"**{counted}:** {met} of {len(targets)}. The table above says which.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _overhead(targets: pd.DataFrame) -> str:
    worst = targets.loc[targets["compared with"] == "bare denoiser", "measured"].max()
    verdict = "nearly free" if worst <= peers.LARGEST_OVERHEAD else "not free"
    return (
        f"**Data consistency, noise and averages are {verdict}.** SMUG's forward pass and training "
        f"step cost at most {worst:.2f} times their bare denoiser calls."
    )


def _solves(frame: pd.DataFrame) -> str:
    name, python = peers.fastest(frame, TEN, 128, ("deepinv", "sigpy"))
    _, bart = peers.fastest(frame, TEN, 128, ("BART",))
    fewest = min(python, bart)
    verdict = "faster" if fewest > 1 else "not faster"
    return (
        f"**With the factors at hand, a solve is {verdict} than every peer's.** For ten noise "
        f"samples of 128 × 128 pixels, the fastest Python peer ({in_markdown(name)}) takes "
        f"{format_significant(python)} times as long, BART {format_significant(bart)} times."
    )


def _attack(targets: pd.DataFrame) -> str:
    steps = targets[targets["cost"].str.endswith("adaptive attack step, float32")]
    gains = steps.set_index(steps["cost"].str.partition(" ")[0])["measured"]
    verdict = "faster" if gains.min() > 1 else "not always faster"
    return (
        f"**An adaptive attack step is {verdict} than a plain loop over samples.** It is "
        f"{gains.max():.1f} times as fast for {gains.idxmax()}, and {gains.min():.1f} times for "
        f"{gains.idxmin()}."
    )
