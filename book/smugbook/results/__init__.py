"""Where weights and records lie, and whether they can be made again."""

from smugbook.results.recheck import complete
from smugbook.results.scans import dataset_of, rescanner, scan_of
from smugbook.results.store import (
    BASELINES,
    Store,
    network,
    read_block,
    recorded_levels,
    weights_hash,
)

__all__ = [
    "BASELINES",
    "Store",
    "complete",
    "dataset_of",
    "network",
    "read_block",
    "recorded_levels",
    "rescanner",
    "scan_of",
    "weights_hash",
]
