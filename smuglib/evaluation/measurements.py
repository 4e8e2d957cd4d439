"""Measurements of networks slice by slice, kept as tidy rows: a quantity, an index, a value.

The files are those of `smuglib.evaluation.records`. Settings of the whole file, such as the
strength of its attacks, stand in the provenance beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from smuglib.evaluation import records


@dataclass(frozen=True)
class Measurement(records.Record):
    """One number that a method gave at one slice in one scenario.

    ``index`` tells apart numbers of one quantity, such as lesions or bins; 0 where there is one.
    """

    RESULTS: ClassVar[tuple[str, ...]] = ("value",)

    method: str
    training_sigma: float
    scenario: str
    seed: int
    split: str
    subject: int
    slice: int
    quantity: str
    index: int
    value: float

    def __str__(self) -> str:
        """Name the row, for messages."""
        where = f"{self.split} slice {self.slice} in scenario {self.scenario!r}"
        return f"{self.quantity} {self.index} of {self.method} at {where}"
