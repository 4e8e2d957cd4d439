"""Scans: synthetic brains and heads, fastMRI volumes, k-space of one's own, what a scan holds."""

from smuglib.data.brain import BrainDataset, HeadDataset, brain, head
from smuglib.data.fastmri.acquisition import FastMRIProtocol, load_slice
from smuglib.data.fastmri.dataset import FastMRIDataset
from smuglib.data.fastmri.patients import split_patients
from smuglib.data.kspace import KSpaceFile, read_kspace
from smuglib.data.scan import Scan, collate
from smuglib.data.simulator import HeadProtocol, Protocol
from smuglib.data.splits import locate

__all__ = [
    "BrainDataset",
    "FastMRIDataset",
    "FastMRIProtocol",
    "HeadDataset",
    "HeadProtocol",
    "KSpaceFile",
    "Protocol",
    "Scan",
    "brain",
    "collate",
    "head",
    "load_slice",
    "locate",
    "read_kspace",
    "split_patients",
]
