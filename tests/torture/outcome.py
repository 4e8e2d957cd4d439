"""What one attempt to break the library came to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Verdict = Literal["survived", "lost"]


@dataclass(frozen=True)
class Outcome:
    """One attempt: its ``kind``, what was done (``case``), and how it ended."""

    kind: str
    case: str
    verdict: Verdict
    detail: str

    @classmethod
    def of(cls, kind: str, case: str, wrong: str) -> Outcome:
        """Return the outcome of an attempt after which something is ``wrong``, or nothing."""
        return cls(kind, case, "lost" if wrong else "survived", wrong)
