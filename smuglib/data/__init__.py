"""Scans: the embedded set of synthetic brains and what a scan holds."""

from smuglib.data.brain import BrainDataset, Protocol, brain
from smuglib.data.scan import Scan, collate
from smuglib.data.splits import locate

__all__ = ["BrainDataset", "Protocol", "Scan", "brain", "collate", "locate"]
