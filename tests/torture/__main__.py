"""Try to break the library, and keep what came of it: ``python -m tests.torture``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.torture.forks import Part, apart
from tests.torture.outcome import Outcome
from tests.torture.report import table, tolls, write

MINUTES: tuple[Part, ...] = (
    ("kills", "run", 100),
    ("kills", "crash_points", 60),
    ("damage", "run", 3_000),
    ("races", "run", 20),
    ("places", "run", 60),
    ("bad_calls", "run", 1_500),
)

HOURS: tuple[Part, ...] = (
    ("kills", "run", 200),
    ("kills", "crash_points", None),
    ("damage", "run", 10_000),
    ("races", "run", 100),
    ("places", "run", 400),
    ("bad_calls", "run", None),
)


def attempts(parts: tuple[Part, ...], seed: int) -> list[Outcome]:
    """Make all attempts, each part in a process of its own."""
    found: list[Outcome] = []
    for part in parts:
        (outcomes,) = apart("tests.torture.forks", "attempts", [part], seed)
        lost = sum(one.verdict == "lost" for one in outcomes)
        print(f"{part[0]}.{part[1]}: {len(outcomes)} tried, {lost} lost", file=sys.stderr)
        found += outcomes
    return found


def main(arguments: list[str] | None = None) -> int:
    """Print the table and every loss; return 1 if there is one."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--long", action="store_true", help="hours in place of minutes")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn")
    parser.add_argument("-o", "--output", type=Path, help="CSV file that keeps the table")
    options = parser.parse_args(arguments)
    outcomes = attempts(HOURS if options.long else MINUTES, options.seed)
    found = tolls(outcomes)
    print(table(found))
    lost = [one for one in outcomes if one.verdict == "lost"]
    for one in lost:
        print(f"lost: {one.kind}, {one.case}: {one.detail}")
    if options.output:
        write(options.output, found, lost, {"seed": options.seed, "long": options.long})
        print(f"The record is {options.output}")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
