"""Scores of reconstructions in scenarios, and intervals of their differences."""

from smuglib.evaluation.bootstrap import Interval
from smuglib.evaluation.comparisons import (
    PAIR,
    averages,
    compare,
    compare_methods,
    paired_differences,
)
from smuglib.evaluation.evaluate import evaluate
from smuglib.evaluation.measurements import Measurement
from smuglib.evaluation.records import Record
from smuglib.evaluation.scenarios import Scenario, table_scenarios
from smuglib.evaluation.scores import Score, missing, select

__all__ = ["paired_differences", "Interval", "Measurement", "PAIR", "Record", "Scenario", "Score"]
__all__ += ["averages", "compare", "compare_methods", "evaluate", "missing", "select"]
__all__ += ["table_scenarios"]
