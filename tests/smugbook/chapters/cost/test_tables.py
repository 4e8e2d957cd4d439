"""What the benchmark's chapter shows: one number a cell, and sentences that follow the records."""

import math

import pandas as pd
import pytest

from smugbook.chapters.cost import answer, peers, tables
from tests.smugbook.chapters.cost.test_peers import records, row


@pytest.mark.parametrize(
    ("value", "text"),
    [(9.61, "9.6"), (-14.2, "−14"), (153.0, "150"), (0.0321, "0.032"), (9.96, "10"), (0.0, "0"),
     (math.nan, "–"), (48000.0, "48000")],
)  # fmt: skip
def test_numbers_have_two_significant_digits(value, text):
    assert tables.format_significant(value) == text


def test_works_stand_side_by_side_a_number_a_cell():
    works = {"one": "solve, 1 right-hand side", "many": "solve, 32 right-hand sides"}
    frame = records()
    frame = frame[(frame.work != works["many"]) | (frame.implementation != peers.CG)]
    table = tables.format_works(frame, "solves", works, 128, "line-wise")
    assert table.loc[peers.LINEWISE].tolist() == [
        "10", "10 to 10", "1.00", "320", "320 to 320", "1.00",
    ]  # fmt: skip
    assert table.loc["sigpy CG", ("many", "× line-wise")] == "150"
    assert table.loc["sigpy CG", ("many", "time (ms)")] == "48000"
    assert table.loc[peers.CG].tolist() == ["500", "500 to 500", "50", "–", "–", "–"]


def test_targets_say_what_is_compared():
    table = tables.format_targets(peers.check_targets(records(attack=2.9))).set_index("cost")
    assert table.loc["SMUG forward"].tolist() == [
        "bare denoiser", "our time ÷ theirs", "at most 1.15", "1.10", "yes",
    ]  # fmt: skip
    assert table.loc["SMUG adaptive attack step, float32"].tolist()[1:] == [
        "their time ÷ ours", "at least 3", "2.9", "no",
    ]  # fmt: skip
    memory = table.loc["SMUG adaptive attack step, peak memory"]
    assert memory.tolist()[1:] == ["our memory ÷ theirs", "at most 1", "0.50", "yes"]
    assert "32 solves and the factorization, 320 × 320" in table.index


def test_growth_is_worded_from_slopes():
    rows = [
        row("scaling", f"{work}, {axis} varied", name, seconds=law(value), **{column: value})
        for work, name, axis, column, law in (
            ("SMUG forward", "smuglib", "n_steps", "steps", lambda n: n),
            ("SMUG forward", "smuglib", "n_samples", "samples", lambda n: 3 * n),
            ("SMUG forward", "smuglib", "n_coils", "coils", lambda n: 5.0),
            ("solve", "smuglib, CG", "size", "width", lambda n: n**2),
        )
        for value in (2, 4, 8)
    ]
    frame = pd.DataFrame(rows)
    assert tables.fit_slopes(frame).loc["solve, CG", "width"] == pytest.approx(2)
    assert tables.describe_growth(frame) == (
        "SMUG forward: linear in samples (1.00) and steps (1.00), flat in coils (0.00). "
        "Solve, CG: quadratic in width (2.00)."
    )


def test_memory_says_where_it_is_more():
    peaks = pd.DataFrame(
        {
            peers.OWN: [62.0, 900.0],
            f"{peers.OWN}, checkpointed": [70.0, 300.0],
            peers.PEER_LOOP: [34.0, 1000.0],
        },
        index=["SMUG forward", "SMUG training step"],
    )
    assert tables.describe_memory(peaks) == (
        "Checkpointing shrinks the peak of SMUG training step, 900 to 300 MiB (1/3.0). Compared "
        "with the plain loop, smuglib uses more here: SMUG forward (float32), 62 MiB against 34; "
        "SMUG forward (checkpointed), 70 MiB against 34."
    )
    assert tables.describe_memory(peaks[1:]).endswith("smuglib uses nowhere more.")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "noise and averages are nearly free.** SMUG's forward pass and training step cost at"),
        ({"overhead": 1.3}, "averages are not free.**"),
        (
            {},
            "a solve is faster than every peer's.** For ten noise samples of 128 × 128 pixels, the",
        ),
        ({"deepinv": 0.001}, "a solve is not faster than every peer's.**"),
        (
            {},
            "faster than a plain loop over samples.** It is 10.5 times as fast for RS-E2E, and 3.5",
        ),
        ({"attack": 0.9}, "step is not always faster than a plain loop"),
        ({}, "**All targets are met:** 15 of 15."),
        ({"attack": 2.9}, "**Not every target is met:** 14 of 15."),
    ],
)
def test_the_answer_follows_the_records(changes, said):
    frame = records(**changes)
    assert said in answer.answer_cost(frame, peers.check_targets(frame))
