"""What an update of a training sees: strips of slices, in an order of its own every epoch."""

from functools import cache, lru_cache
from typing import Any

import torch
from cachetools import LRUCache, cached
from torch import Tensor

from smugbook.profiles import Profile
from smugbook.results.scans import dataset_of
from smuglib import random
from smuglib.data.slices import Slices
from smuglib.operators import SenseOperator
from smuglib.random import Source
from smuglib.training import ranks

Example = tuple[Tensor, SenseOperator, Tensor]
"""Zero-filled image ``[batch, height, width]``, operator, and target of the same shape."""

MAX_BYTES = 2**30
"""Most memory for the slices that a training keeps on its device, 800 of 128 x 128 with 8 coils."""


class Examples:
    """Training examples of a profile, by number of the update; every epoch has a fresh order.

    An update sees the same random rows of all its slices: with a 1-D mask the image rows decouple
    in data consistency, so that a strip's operator and zero-filled image are exact. Of several
    processes each has its share of every batch, and of the noise that is drawn for all of it.
    """

    def __init__(self, profile: Profile, batch: int, device: torch.device) -> None:
        self._profile, self._batch, self._device = profile, batch, device
        self._share = ranks.share(batch)
        self._kept: LRUCache[Any, Example] = LRUCache(
            MAX_BYTES, getsizeof=lambda one: 2 * one[0].nbytes + one[1].maps.nbytes
        )
        self._whole = cached(self._kept)(self._load)
        # A batch may straddle two epochs.
        self._order = lru_cache(maxsize=2)(self._drawn_order)

    def __call__(self, update: int) -> Example:
        """Return the examples of an update."""
        profile = self._profile
        own = self._positions(update)[self._share]
        whole = [self._whole(self._index(position)) for position in own]
        room = profile.height - profile.strip_height + 1
        top = torch.randint(
            room, (), generator=random.generator(profile.seed, "strip", update)
        ).item()
        rows = slice(top, top + profile.strip_height)
        z, operators, targets = zip(*whole, strict=True)
        operator = SenseOperator.of_parts(
            torch.cat([A.maps for A in operators])[:, :, rows],
            torch.cat([A.mask for A in operators]),
            max(A.norm_bound for A in operators),
        )
        return torch.cat(z)[:, rows], operator, torch.cat(targets)[:, rows]

    def describe(self, update: int) -> str:
        """Name the slices of an update, for messages."""
        indices = [str(self._index(position)) for position in self._positions(update)]
        return "train slices " + ", ".join(indices)

    def noise(self, name: str, update: int) -> Source:
        """Return what draws the noise of an update's examples."""
        whole = random.generator(self._profile.seed, name, update, device=self._device)
        return ranks.Share(whole, self._batch, self._share)

    def _positions(self, update: int) -> range:
        return range(update * self._batch, (update + 1) * self._batch)

    def _index(self, position: int) -> int:
        epoch, offset = divmod(position, self._profile.n_train)
        return self._order(epoch)[offset]

    def _drawn_order(self, epoch: int) -> list[int]:
        generator = random.generator(self._profile.seed, "order", epoch)
        order: list[int] = torch.randperm(self._profile.n_train, generator=generator).tolist()
        return order

    def _load(self, index: int) -> Example:
        scan = split_of(self._profile, "train")[index].to(self._device)
        return scan.operator.adjoint(scan.kspace), scan.operator, scan.target


@cache
def split_of(profile: Profile, split: str) -> Slices:
    """Return a split, simulated once for all trainings of a process."""
    n_slices = {"train": profile.n_train, "val": profile.n_validation}[split]
    return dataset_of(profile, split, n_slices)
