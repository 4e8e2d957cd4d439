"""Slices of fastMRI volumes as scans (needs the ``fastmri`` extra)."""

from smuglib.data.fastmri.acquisition import FastMRIProtocol, load_slice
from smuglib.data.fastmri.dataset import FastMRIDataset
from smuglib.data.fastmri.patients import split_patients

__all__ = [
    "FastMRIDataset",
    "FastMRIProtocol",
    "load_slice",
    "split_patients",
]
