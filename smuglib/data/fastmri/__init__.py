"""Slices of fastMRI volumes as scans (needs the ``fastmri`` extra)."""
