"""Training, validation and test slices: which subject and which plane of the template they show.

A split has its own subjects and its own axial planes. The planes lie in bands that alternate up
the head, with gaps wider than a subject's deformation can reach: every split sees all of the head,
and no voxel of the template serves two splits.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import torch

from smuglib import checks
from smuglib.random import derived_seed, generator

# First planes of the bands (in millimetres from the template's lowest) and their heights.
BANDS = {
    "train": ((44, 72, 100), 10),
    "test": ((58, 86, 114), 3),
    "val": ((65, 93, 121), 3),
}

# Subjects are numbered in groups; each gives so many slices before the next group begins.
GROUPS = {"train": (100, 4), "val": (20, 3), "test": (20, 3)}

FRACTIONS: Mapping[str, float] = MappingProxyType({"train": 0.76, "val": 0.08, "test": 0.16})
"""The poster's 304, 32 and 64 slices as shares of the patients."""


class Location(NamedTuple):
    """Where a slice comes from: the subject's number in its split, and the template's plane."""

    subject: int
    plane: int


def locate(split: str, index: int, seed: int = 0) -> Location:
    """Find the subject and the plane of a slice from its split and its index there.

    Consecutive indices run over subjects, and a subject's slices lie in different bands or at
    least different planes. The answer does not depend on how many slices are used: the first 60
    test slices are 3 of each of 20 subjects, the first 400 training slices 4 of each of 100.

    Examples
    --------
    >>> [locate("test", index).subject for index in (0, 1, 20, 60)]
    [0, 1, 0, 20]
    """
    checks.one_of("split", split, GROUPS)
    index = checks.integer("index", index, minimum=0)
    n_subjects, n_slices = GROUPS[split]
    group, rest = divmod(index, n_subjects * n_slices)
    turn, member = divmod(rest, n_subjects)
    number = group * n_subjects + member
    starts, height = BANDS[split]
    rng = generator(seed, "brain", split, number, "planes")
    rows = torch.stack([torch.randperm(height, generator=rng, device="cpu") for _ in starts])
    band = (turn + number) % len(starts)
    return Location(number, starts[band] + int(rows[band, turn // len(starts)]))


def deal_patients(
    patients: Iterable[str], fractions: Mapping[str, float] = FRACTIONS, seed: int = 0
) -> dict[str, str]:
    """Deal patients to splits, at least one to each that has a share; return each one's split.

    The order of the deal is drawn from the seed and the patients' own names. A further patient may
    move others: what is computed belongs to this set of patients.

    Examples
    --------
    >>> sorted(deal_patients("abcde").values())
    ['test', 'train', 'train', 'train', 'val']
    """
    order = sorted(set(patients), key=lambda name: derived_seed(seed, "split", name))
    shares = {name: fractions[name] for name in GROUPS if fractions.get(name, 0) > 0}
    if len(order) < len(shares):
        raise ValueError(
            f"{len(order)} patients are too few to fill all: {', '.join(shares)} need one each"
        )
    sizes = {name: max(1, round(share * len(order))) for name, share in shares.items()}
    largest = max(shares, key=lambda name: shares[name])
    sizes[largest] += len(order) - sum(sizes.values())
    dealt = [name for name, size in sizes.items() for _ in range(size)]
    return dict(zip(order, dealt, strict=True))
