"""Level and damage: PSNR under attack, and what the attack took from the clean PSNR."""

from __future__ import annotations

import pandas as pd

from smuglib.evaluation import PAIR
from smuglib.evaluation.bootstrap import TRAINING_SEED


def measure_damage(attacked: pd.DataFrame, clean: pd.DataFrame) -> pd.DataFrame:
    """Return clean PSNR, level and damage (dB) of every method's slices that both tables have."""
    seeded = [TRAINING_SEED] if TRAINING_SEED in attacked and TRAINING_SEED in clean else []
    keys = ["method", *PAIR, *seeded]
    both = attacked[[*keys, "psnr"]].merge(
        clean[[*keys, "psnr"]], on=keys, suffixes=("_level", "_clean")
    )
    both = both.rename(columns={"psnr_level": "level", "psnr_clean": "clean"})
    return both.assign(damage=both["clean"] - both["level"])
