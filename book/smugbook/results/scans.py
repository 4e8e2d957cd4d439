"""Hashes of the simulated scans: what a training depends on."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from smugbook.profiles import Profile
from smuglib.data import BrainDataset, HeadDataset, Scan, brain, head
from smuglib.files import write_text

SIMULATORS = {"phantom": (brain, BrainDataset), "head": (head, HeadDataset)}
"""What makes a scan, and what a data set, by `Profile.data`."""


def scan_hashes(profile: Profile, which: slice = slice(None)) -> Iterator[tuple[str, str]]:
    """Simulate the scans of a profile; yield their names, such as ``train/0``, and SHA-256 hashes.

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
) -> BrainDataset:
    """Return the first slices of a split of a profile's source."""
    _, kind = SIMULATORS[profile.data]
    return kind(split, n_slices, cache_bytes=cache_bytes, **profile.scan)


def scan_of(profile: Profile, index: int, sampling_rate: float | None = None) -> Scan:
    """Simulate a test scan of a profile, a batch of one, at its sampling rate or another."""
    measured = profile.scan
    if sampling_rate is not None:
        measured["sampling_rate"] = sampling_rate
    simulate, _ = SIMULATORS[profile.data]
    return simulate("test", index, n_slices=profile.n_test, **measured)


def rescanner(profile: Profile) -> Callable[[Scan, float], Scan]:
    """Return what `smuglib.evaluation.evaluate` needs to change the sampling rate of a scan."""
    return lambda scan, rate: scan_of(profile, int(scan.slice_index), rate)
