"""What became of one case of torture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Outcome:
    """One case: ``verdict`` is survived, refused, lost, wrong or crashed."""

    kind: str
    case: str
    verdict: str
    detail: str
