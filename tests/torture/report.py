"""What all attempts came to, by kind: a table, and the record that the book shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from smuglib import provenance
from smuglib.evaluation import records
from tests.torture.outcome import Outcome


@dataclass(frozen=True)
class Toll(records.Record):
    """What attempts of one kind came to."""

    RESULTS: ClassVar[tuple[str, ...]] = ("tried", "survived", "lost")

    kind: str
    tried: int
    survived: int
    lost: int


def tolls(outcomes: Iterable[Outcome]) -> list[Toll]:
    """Count outcomes by kind, in the order in which the kinds come."""
    counts = Counter((one.kind, one.verdict) for one in outcomes)
    found = []
    for kind in dict.fromkeys(kind for kind, _ in counts):
        survived, lost = counts[kind, "survived"], counts[kind, "lost"]
        found.append(Toll(kind, survived + lost, survived, lost))
    return found


def table(found: Sequence[Toll]) -> str:
    """Return the counts as text, with their sums."""
    sums = [sum(getattr(one, name) for one in found) for name in Toll.RESULTS]
    rows = [("kind", *Toll.RESULTS), *(asdict(one).values() for one in found), ("all", *sums)]
    return "\n".join(f"{a:<32}{b:>10}{c:>10}{d:>10}" for a, b, c, d in rows)


def write(
    path: Path | str, found: Sequence[Toll], lost: Sequence[Outcome], described: Mapping[str, Any]
) -> None:
    """Write the counts, and beside them what was lost and how they were made."""
    made = {**provenance.describe(torch.device("cpu")), **described}
    records.write(path, found, Toll, {**made, "lost": [asdict(one) for one in lost]})
