"""A small explorer of two methods, on untrained weights, for tests of its files and its page."""

from __future__ import annotations

from pathlib import Path

from smugbook import profiles
from smugbook.explorers.static.grid import Explorer, Grid, compute
from smugbook.results import Store
from smuglib.models import save_network
from tests.scans import network

TINY = profiles.get("smoke").replace(height=32, width=32, strip_height=32, n_coils=2, n_test=3)
# Strong enough that no two cells look alike, and so weak that no error map is all at its limit.
GRID = Grid(
    epsilons=(2 / 255, 8 / 255), sampling_rates=(0.25, 0.5), methods=("zero_filled", "modl")
)


def untrained(folder: Path) -> Store:
    """Return a store with weights of MoDL."""
    store = Store(folder)
    save_network(store.weights("modl", 0.05), network("modl"), method="modl")
    return store


def tiny(folder: Path) -> Explorer:
    """Compute every combination of `GRID`."""
    return compute(untrained(folder), TINY, GRID, sigma=0.05, index=1, seed=3, progress=False)
