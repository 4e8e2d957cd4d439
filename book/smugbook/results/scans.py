"""Hashes of the simulated scans: what a training depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from smugbook.profiles import Profile
from smuglib.data import BrainDataset, Scan, brain
from smuglib.files import write_text


def scan_hashes(profile: Profile) -> Iterator[tuple[str, str]]:
    """Simulate every scan of a profile; yield its name, such as ``train/0``, and a SHA-256 hash.

    The scans stay in the cache on the disk: the trainings that follow read them there.
    """
    sizes = {"train": profile.n_train, "val": profile.n_validation, "test": profile.n_test}
    for split, n_slices in sizes.items():
        dataset = BrainDataset(split, n_slices, cache=False, **profile.scan)
        for index in range(n_slices):
            scan = dataset[index]
            content = scan.kspace.numpy().tobytes() + scan.target.numpy().tobytes()
            yield f"{split}/{index}", hashlib.sha256(content).hexdigest()


def write_scan_hashes(path: Path, profile: Profile) -> None:
    """Write the hashes of a profile's scans, in the format of ``sha256sum``."""
    lines = [f"{value}  {name}\n" for name, value in scan_hashes(profile)]
    write_text(path, "".join(lines))


def scan_of(profile: Profile, index: int, sampling_rate: float | None = None) -> Scan:
    """Simulate a test scan of a profile, a batch of one, at its sampling rate or another."""
    measured = profile.scan
    if sampling_rate is not None:
        measured["sampling_rate"] = sampling_rate
    return brain("test", index, n_slices=profile.n_test, **measured)


def rescanner(profile: Profile) -> Callable[[Scan, float], Scan]:
    """Return what `smuglib.evaluation.evaluate` needs to change the sampling rate of a scan."""
    return lambda scan, rate: scan_of(profile, int(scan.slice_index), rate)
