"""Data sets of the scans in a folder, by the kind of a profile's source."""

from smugbook.profiles import Profile
from smuglib.data import FastMRIDataset, VolumeDataset
from smuglib.data.slices import Slices

LEAST = {"train": 8, "val": 2, "test": 2}
"""Slices without which nothing can be trained and tested."""

SPLITS = {"train": "n_train", "val": "n_validation", "test": "n_test"}
"""Splits, and the fields of a profile with their numbers of slices."""


def folder_dataset(
    profile: Profile, split: str, n_slices: int | None = None, *, cache_bytes: int = 0
) -> Slices:
    """Return the first slices of a split of a profile's folder, or all."""
    kind, folder = profile.source
    scan = profile.scan
    if kind == "volumes":
        return VolumeDataset(folder, split, n_slices, cache_bytes=cache_bytes, **scan)
    # The noise is the scanner's own.
    del scan["noise"]
    scan |= {"n_coils": None, "n_virtual": profile.n_coils, "whole_view": True, "fill": True}
    return FastMRIDataset(folder, split, n_slices, cache_bytes=cache_bytes, **scan)


def slice_counts(profile: Profile) -> dict[str, int]:
    """Return the number of slices of each split of a profile's folder, by the field's name."""
    found = {split: len(folder_dataset(profile, split)) for split in LEAST}
    if any(found[split] < least for split, least in LEAST.items()):
        counts = ", ".join(f"{n} {split}" for split, n in found.items())
        least = ", ".join(f"{n} {split}" for split, n in LEAST.items())
        raise ValueError(f"data {profile.data} has too few slices: {counts}, at least {least}")
    return {SPLITS[split]: n for split, n in found.items()}
