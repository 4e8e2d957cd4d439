"""Scans: synthetic brains and heads, volumes of real ones, k-space of one's own."""

from smuglib.data.brain import BrainDataset, HeadDataset, brain, head
from smuglib.data.fastmri.acquisition import FastMRIProtocol, load_slice
from smuglib.data.fastmri.dataset import FastMRIDataset
from smuglib.data.fastmri.patients import split_patients
from smuglib.data.kspace import KSpaceFile, read_kspace
from smuglib.data.scan import Scan, collate
from smuglib.data.simulator import HeadProtocol, Protocol
from smuglib.data.splits import locate
from smuglib.data.volumes import VolumeDataset

__all__ = [
    "BrainDataset",
    "FastMRIDataset",
    "FastMRIProtocol",
    "HeadDataset",
    "HeadProtocol",
    "KSpaceFile",
    "Protocol",
    "Scan",
    "VolumeDataset",
    "brain",
    "collate",
    "head",
    "load_slice",
    "locate",
    "read_kspace",
    "split_patients",
]
