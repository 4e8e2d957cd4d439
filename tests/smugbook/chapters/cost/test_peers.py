"""What is read out of the benchmark's records: known answers on records made by hand."""

import math

import pandas as pd
import pytest

from smugbench.rows import COLUMNS
from smugbook.chapters.cost import peers

SIZE = {"height": 128, "width": 128, "coils": 8, "samples": 10, "steps": 8, "batch": 1}


def row(section, work, implementation, seconds=math.nan, ratio=math.nan, **values):
    blank = dict.fromkeys(COLUMNS, math.nan)
    timed = {"seconds_median": seconds, "seconds_min": seconds, "seconds_max": seconds}
    named = {"section": section, "work": work, "implementation": implementation, "ratio": ratio}
    return {**blank, **SIZE, **timed, **named, **values}


def solves(width, factorization, **solvers):
    """Rows of solves: seconds of one right-hand side by solver, in proportion for more."""
    rows = []
    for count, plural in ((1, ""), (10, "s"), (32, "s")):
        work = f"solve, {count} right-hand side{plural}"
        size = {"width": width, "height": width, "samples": count}
        own = solvers["linewise"] * count
        times = {
            peers.LINEWISE: own,
            peers.COUNTED: own + factorization,
            peers.CG: solvers["cg"] * count,
            "deepinv CG, batched": 2 * solvers["deepinv"] * count,
            "deepinv CG, looped": solvers["deepinv"] * count,
            "sigpy CG": solvers["sigpy"] * count,
            "BART pics, joint, 1 thread": solvers["bart"] * count,
        }
        rows += [row("solves", work, name, t, t / own, **size) for name, t in times.items()]
    return rows


def records(*, overhead=1.1, attack=3.5, memory=0.5, factorization=0.7, deepinv=1.0):
    works = "SMUG forward", "SMUG training step", "SMUG training step, few samples"
    step = "SMUG adaptive attack step"
    solvers = {"linewise": 0.01, "cg": 0.5, "deepinv": deepinv, "sigpy": 1.5, "bart": 0.3}
    return pd.DataFrame(
        [
            *(row("floor", work, "smuglib", ratio=overhead) for work in works),
            row("solves", "factorization", "smuglib, formed and inverted", ratio=factorization),
            *solves(128, 0.1, **solvers),
            *solves(320, 0.1, **solvers),
            *(
                row("networks", f"{method} adaptive attack step", name, ratio=ratio)
                for method, times in (("SMUG", 1.0), ("SMUGv0", 2.0), ("RS-E2E", 3.0))
                for name, ratio in (
                    (peers.OWN, 1.0),
                    (peers.BFLOAT16, 0.5),
                    (peers.PEER_LOOP, attack * times),
                )
            ),
            row("memory", step, peers.PEER_LOOP, peak_bytes=100.0),
            row("memory", step, "smuglib", peak_bytes=100.0 * memory),
        ]
    )


def test_targets_are_read_from_the_rows_they_name():
    table = peers.check_targets(records()).set_index("cost")
    assert table.met.all()
    measured = table.measured.round(6).to_dict()
    assert measured == {
        "SMUG forward": 1.1,
        "SMUG training step": 1.1,
        "SMUG training step, few samples": 1.1,
        "factorization, 128 x 128": 0.7,
        "10 solves, 128 x 128": 30.0,
        "32 solves and the factorization, 128 x 128": round(0.3 * 32 / 0.42, 6),
        "10 solves, 320 x 320": 30.0,
        "32 solves and the factorization, 320 x 320": round(0.3 * 32 / 0.42, 6),
        "SMUG adaptive attack step, float32": 3.5,
        "SMUG adaptive attack step, bfloat16": 7.0,
        "SMUGv0 adaptive attack step, float32": 7.0,
        "RS-E2E adaptive attack step, float32": 10.5,
        "SMUG adaptive attack step, peak memory": 0.5,
    }
    python = peers.check_targets(records())
    python = python[python["compared with"] == "deepinv CG, looped"]
    assert python.measured.tolist() == pytest.approx([100.0, 100.0])


@pytest.mark.parametrize(
    ("worse", "missed"),
    [
        ({"overhead": 1.16}, 3),
        ({"factorization": 1.3}, 1),
        ({"deepinv": 0.9}, 1),
        ({"deepinv": 0.1}, 2),
        ({"deepinv": 0.01}, 4),
        ({"attack": 2.9}, 1),
        ({"memory": 1.1}, 1),
    ],
)
def test_a_target_can_be_missed(worse, missed):
    assert (~peers.check_targets(records(**worse)).met).sum() == missed


def test_fastest_peer_is_the_fastest_and_none_is_an_error():
    found = peers.fastest(records(), "solve, 10 right-hand sides", 128, ("deepinv", "sigpy"))
    assert found == ("deepinv CG, looped", pytest.approx(100.0))
    with pytest.raises(ValueError, match="hold none of the peers gadgetron"):
        peers.fastest(records(), "solve, 10 right-hand sides", 128, ("gadgetron",))


def test_missing_rows_are_an_error_that_names_them():
    frame = records()
    with pytest.raises(ValueError, match="hold no row with section floor, work SMUG forward"):
        peers.check_targets(frame[frame.section != "floor"])


def test_break_even_counts_the_factorization_once():
    lines = peers.break_even(records(), 128)
    assert list(lines) == [
        peers.LINEWISE, peers.CG, "deepinv CG, looped", "sigpy CG", "BART pics, joint, 1 thread"
    ]  # fmt: skip
    for count, seconds in lines[peers.LINEWISE].items():
        assert seconds == pytest.approx(0.1 + 0.01 * count)
    assert lines["sigpy CG"][40] == pytest.approx(60.0)


def test_product_rate_counts_eight_operations_an_entry():
    assert peers.product_rate(records(), 128, 10) == pytest.approx(8e-9 * 128**3 * 10 / 0.1)


def test_curves_are_named_by_what_was_timed():
    rows = [
        row("scaling", f"{work}, n_steps varied", name, seconds=steps, steps=steps)
        for work, name in (("SMUG forward", "smuglib"), ("solve", "smuglib, CG"))
        for steps in (2, 4)
    ]
    lines = dict(peers.split_curves(pd.DataFrame(rows), "steps"))
    assert list(lines) == ["SMUG forward", "solve, CG"]
    assert lines["solve, CG"].to_dict() == {2: 2, 4: 4}
