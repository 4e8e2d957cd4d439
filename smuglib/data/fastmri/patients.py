"""Splits of fastMRI volumes by patient, never by file."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from smuglib import checks
from smuglib.data.fastmri.volume import Volume, visit
from smuglib.data.splits import FRACTIONS, GROUPS, deal_patients
from smuglib.random import derived_seed


def split_patients(
    files: Iterable[Volume | Path | str],
    fractions: Mapping[str, float] = FRACTIONS,
    seed: int = 0,
    *,
    fill: bool = False,
) -> dict[str, tuple[Volume, ...]]:
    """Divide volumes into splits by patient: all files of one patient go to one split.

    A patient's split is drawn from the seed and the patient's own identifier, whatever the names
    and the other files: a download that goes on never moves a patient from training to test.
    The ``fractions`` of the patients, summing to 1, are therefore met on average only; with
    ``fill`` they are met as well as can be, and no split is empty: see `deal_patients`, by which
    a further patient may move others. The seed also orders the volumes of each split.
    """
    files, fill = checks.members("files", files), checks.boolean("fill", fill)
    if not isinstance(fractions, Mapping):
        raise TypeError(f"fractions must be a mapping, got {checks.shown(fractions)}")
    for name, value in fractions.items():
        checks.one_of("fractions", name, GROUPS)
        checks.fraction(f"fractions[{name!r}]", value, allow_zero=True)
    if abs(sum(fractions.values()) - 1) > 1e-9:
        raise ValueError(f"fractions must sum to 1, got {dict(fractions)}")
    files = [file if isinstance(file, Volume) else checks.path("files", file) for file in files]
    # One process for all: each start takes longer than many visits.
    visit(file for file in files if isinstance(file, Path))
    volumes = [file if isinstance(file, Volume) else Volume.open(file) for file in files]
    volumes.sort(key=lambda v: (derived_seed(seed, "order", v.patient), v.path.name))
    splits: dict[str, list[Volume]] = {name: [] for name in GROUPS}
    patients = [volume.patient for volume in volumes]
    if fill:
        split_of = deal_patients(patients, fractions, seed)
    else:
        split_of = {patient: _draw_split(patient, fractions, seed) for patient in patients}
    for volume in volumes:
        splits[split_of[volume.patient]].append(volume)
    return {name: tuple(members) for name, members in splits.items()}


def _draw_split(patient: str, fractions: Mapping[str, float], seed: int) -> str:
    position = derived_seed(seed, "split", patient) / 2**63
    chosen = ""
    for name in GROUPS:
        fraction = fractions.get(name, 0.0)
        chosen = name if fraction > 0 else chosen
        position -= fraction
        if position < 0:
            break
    return chosen


def from_the_centre(volumes: Sequence[Volume]) -> list[tuple[Volume, int]]:
    """List slices as volume and index: the central one of every volume, then the next outwards."""
    orders = [_outwards(volume.shape[0]) for volume in volumes]
    turns = range(max(map(len, orders), default=0))
    return [
        (volume, order[turn])
        for turn in turns
        for volume, order in zip(volumes, orders, strict=True)
        if turn < len(order)
    ]


def _outwards(n_slices: int) -> list[int]:
    return sorted(range(n_slices), key=lambda index: abs(index - n_slices // 2))
