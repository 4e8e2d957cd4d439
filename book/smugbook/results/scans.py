"""Scans of a profile, from whatever source, and their hashes: what a training depends on."""

import hashlib
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

from smugbook.profiles import FOLDERS, Profile
from smugbook.scan_folders import folder_dataset
from smuglib import checks
from smuglib.data import BrainDataset, HeadDataset, Scan
from smuglib.data.slices import Slices
from smuglib.files import write_text

SIMULATORS = {"phantom": BrainDataset, "head": HeadDataset}
"""Simulated data sets, by `Profile.data`."""


def scan_hashes(profile: Profile, which: slice = slice(None)) -> Iterator[tuple[str, str]]:
    """Yield the names, such as ``train/0``, and the SHA-256 hashes of a profile's scans.

    The scans stay in the cache on the disk: the trainings that follow read them there.
    """
    sizes = {"train": profile.n_train, "val": profile.n_validation, "test": profile.n_test}
    every = [(split, index) for split, n_slices in sizes.items() for index in range(n_slices)]
    splits = {n: dataset_of(profile, n, size, cache_bytes=0) for n, size in sizes.items()}
    for split, index in every[which]:
        scan = splits[split][index]
        content = scan.kspace.numpy().tobytes() + scan.target.numpy().tobytes()
        yield f"{split}/{index}", hashlib.sha256(content).hexdigest()


def write_scan_hashes(path: Path, profile: Profile, which: slice = slice(None)) -> None:
    """Write the hashes of a profile's scans, in the format of ``sha256sum``."""
    lines = [f"{value}  {name}\n" for name, value in scan_hashes(profile, which)]
    write_text(path, "".join(lines))


def dataset_of(
    profile: Profile, split: str, n_slices: int, *, cache_bytes: int = 2 * 2**30
) -> Slices:
    """Return the first slices of a split of a profile's source."""
    kind, _ = profile.source
    if kind in FOLDERS:
        return folder_dataset(profile, split, n_slices, cache_bytes=cache_bytes)
    return SIMULATORS[kind](split, n_slices, cache_bytes=cache_bytes, **profile.scan)


@lru_cache(maxsize=32)
def _test_split(profile: Profile) -> Slices:
    return dataset_of(profile, "test", profile.n_test, cache_bytes=0)


def scan_of(profile: Profile, index: int, sampling_rate: float | None = None) -> Scan:
    """Simulate or read a test scan, a batch of one, at the profile's sampling rate or another."""
    index = checks.integer("index", index, minimum=0)
    if index >= profile.n_test:
        raise ValueError(f"index must be < n_test = {profile.n_test}, got {index}")
    rate = profile.sampling_rate if sampling_rate is None else sampling_rate
    return _test_split(profile.replace(sampling_rate=rate))[index]


def rescanner(profile: Profile) -> Callable[[Scan, float], Scan]:
    """Return what `smuglib.evaluation.evaluate` needs to change the sampling rate of a scan."""
    return lambda scan, rate: scan_of(profile, int(scan.slice_index), rate)
