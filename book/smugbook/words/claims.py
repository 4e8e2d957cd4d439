"""Claims, the intervals that speak for or against them, and the one rule that gives a verdict.

An interval is oriented so that a claim predicts it above a threshold. The verdict follows from the
intervals and nothing else. A claim about *every* case is contradicted by one interval below.
"""

from dataclasses import dataclass

from smuglib.evaluation.bootstrap import Interval


@dataclass(frozen=True)
class Evidence:
    """One measured difference, oriented as the claim predicts, and the chapter that shows it."""

    what: str
    interval: Interval
    source: str
    threshold: float = 0.0

    @property
    def side(self) -> int:
        """1 if the interval lies above the threshold, -1 if below, 0 if it holds it."""
        return int(self.interval.low > self.threshold) - int(self.interval.high < self.threshold)


VERDICTS = {
    "holds": "every interval lies above",
    "depends": "some lie above and some below",
    "is contradicted": "all lie below, or one does and the claim is about every case",
    "is not supported": "some lie below and none above",
    "is not decided": "none lies below, and not all above",
    "is not yet measured": "no record bears on it",
}
"""Verdicts, and what each says of the intervals."""


@dataclass(frozen=True)
class Claim:
    """A claim, where the poster makes it, and what was measured; ``universal``: of every case."""

    statement: str
    where: str
    evidence: tuple[Evidence, ...]
    universal: bool = False

    @property
    def counts(self) -> tuple[int, int, int]:
        """Number of intervals above the threshold, below it, and around it."""
        sides = [item.side for item in self.evidence]
        return sides.count(1), sides.count(-1), sides.count(0)

    @property
    def verdict(self) -> str:
        """The verdict, of `VERDICTS`, from the intervals alone."""
        above, below, around = self.counts
        if not self.evidence:
            return "is not yet measured"
        if below and (self.universal or not above + around):
            return "is contradicted"
        if below:
            return "depends" if above else "is not supported"
        return "is not decided" if around else "holds"
