"""Differences larger than what a second training seed changes."""

from collections.abc import Mapping, Sequence

import pandas as pd

from smugbook.results import BASELINES, Store, read_block
from smuglib import evaluation
from smuglib.evaluation import PAIR, Interval, Scenario, compare
from smuglib.evaluation.bootstrap import TRAINING_SEED
from smuglib.methods import METHODS

Changes = dict[str, Interval]
"""Paired differences of PSNR in dB, by name of the scenario."""

REFERENCE = "MoDL"
"""What methods are compared with."""


SETTING = ["scenario", "epsilon", "attack_steps", "attack_restarts", "sampling_rate", *PAIR]
"""Columns that all methods of a further training seed share in rows that are compared."""


def add_seeds(block: pd.DataFrame, store: Store, sigma: float) -> pd.DataFrame:
    """Add the rows of further training seeds to a block, in a column that names the seed.

    A seed counts where all methods were trained with it, in what all of them went through.
    Baselines are not trained: their rows go with every seed.
    """
    parts = [block.assign(**{TRAINING_SEED: 0})]
    for folder in sorted((store.folder / "variants").glob("seed=*")):
        own, number = store.named_variant(folder.name), folder.name.removeprefix("seed=")
        if number.isdigit() and all(own.records(name, sigma).is_file() for name in METHODS):
            rows = read_block(own, sigma)
            rows = rows[rows["method"].isin(METHODS)]
            shared = rows.groupby(SETTING)["method"].transform("nunique") == len(METHODS)
            settings = rows.loc[shared, SETTING].drop_duplicates()
            beside = block[block["method"].isin(BASELINES)].merge(settings, on=SETTING)
            parts += [one.assign(**{TRAINING_SEED: int(number)}) for one in (rows[shared], beside)]
    return pd.concat(parts, ignore_index=True)


def first_seed(block: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the profile's own training seed, without the column that names it."""
    if TRAINING_SEED not in block:
        return block
    return block[block[TRAINING_SEED] == 0].drop(columns=TRAINING_SEED)


def scenario_changes(
    first: pd.DataFrame, second: pd.DataFrame, scenarios: Sequence[Scenario]
) -> Changes:
    """Return what one set of records has more than another, slice by slice."""
    found = {}
    for scenario in scenarios:
        one, other = evaluation.select(first, scenario), evaluation.select(second, scenario)
        if len(one) and len(one) == len(other):
            found[scenario.name] = compare(one, other)
    return found


def seed_changes(
    first: Mapping[str, pd.DataFrame],
    second: Mapping[str, pd.DataFrame],
    scenarios: Sequence[Scenario],
) -> dict[str, float]:
    """Return what the training's seed changes of a difference between methods."""
    one, other = (method_differences(frames, scenarios) for frames in (first, second))
    found = {}
    for name in (scenario.name for scenario in scenarios):
        sizes = [
            abs(one[title][name].mean - other[title][name].mean)
            for title in one.keys() & other.keys()
            if name in one[title] and name in other[title]
        ]
        if sizes:
            found[name] = max(sizes)
    return found


def method_differences(
    frames: Mapping[str, pd.DataFrame], scenarios: Sequence[Scenario], reference: str = REFERENCE
) -> dict[str, Changes]:
    """Return the differences of all records to those of a reference."""
    if reference not in frames:
        return {}
    return {
        f"{name} − {reference}": scenario_changes(frame, frames[reference], scenarios)
        for name, frame in frames.items()
        if name != reference
    }


def counts(change: Interval, seed_change: float) -> int:
    """Return 1 or -1, the sign of a difference that is larger than the seed's change, or else 0."""
    if abs(change.mean) <= seed_change:
        return 0
    return int(change.low > 0) - int(change.high < 0)
