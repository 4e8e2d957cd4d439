"""Hashes of the simulated scans: what a training depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from smuglib.data.brain import BrainDataset
from smuglib.profiles import Profile


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
