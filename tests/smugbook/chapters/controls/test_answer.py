"""Conclusions about what protects turn with the differences that they are worded from."""

from __future__ import annotations

import pytest

from smugbook.chapters.controls import answer
from smugbook.words.numbers import NO_BREAK
from smuglib.evaluation import Interval

SEEDS = {"clean": 0.2, "adaptive_image": 1.5}


def near(mean):
    return Interval(mean, mean - 0.05, mean + 0.05)


def both(clean, attacked):
    return {"clean": near(clean), "adaptive_image": near(attacked)}


def test_the_yardstick_names_every_scenario():
    said = answer.describe_seed_change(SEEDS, both(-0.6, -1.8))
    assert "0.20 dB (clean) and 1.50 dB (adaptive attack)" in said
    assert "MoDL itself changes by −0.60 dB and −1.80 dB" in said
    assert "No second seed" in answer.describe_seed_change({}, {})


@pytest.mark.parametrize(
    ("added", "lead"),
    [
        (both(-0.18, 0.1), "adds nothing."),
        (both(-0.18, 1.4), "adds nothing."),
        (both(-0.18, 1.6), "helps (adaptive attack)."),
        (both(0.3, 1.6), "helps (clean and adaptive attack)."),
    ],
)
def test_smoothing(added, lead):
    said = answer.conclude_smoothing(added, SEEDS)
    assert said.startswith(f"- **Smoothing at test time {lead}**")
    assert "−0.18\u00a0dB [−0.23, −0.13] (clean)" in said or "+0.30" in said


def test_without_a_second_seed_the_interval_decides():
    assert "helps (adaptive attack)" in answer.conclude_smoothing(both(-0.18, 0.1), {})


@pytest.mark.parametrize(
    ("off", "on", "lead"),
    [
        (2.7, -0.6, "The weights carry the gain."),
        (1.0, 2.0, "The smoothing carries the gain."),
        (2.7, 2.0, "Weights and smoothing protect, each without the other."),
        (1.0, -0.6, "Neither the weights nor the smoothing protect alone."),
    ],
)
def test_weights(off, on, lead):
    assert f"**{lead}**" in answer.conclude_weights(both(0, off), both(0, on), SEEDS)


@pytest.mark.parametrize(
    ("gaps", "lead", "end"),
    [
        (both(0.1, 1.0), "at least as well as SMUG.", "within what the seed changes."),
        (both(-0.1, 1.0), "does as well as SMUG.", "within what the seed changes."),
        (both(0.1, 2.0), "better than SMUG.", "beyond what the seed changes: adaptive attack."),
        (both(-0.5, 1.0), "worse than SMUG.", "beyond what the seed changes: clean."),
        (both(-0.5, 2.0), "in one respect and worse in another.", "clean and adaptive attack."),
    ],
)
def test_jitter(gaps, lead, end):
    said = answer.conclude_jitter(gaps, SEEDS, "MoDL, jitter 0.02")
    assert f"{lead}**" in said and said.endswith(end) and "MoDL, jitter 0.02" in said
    assert "seed" not in answer.conclude_jitter(gaps, {}, "MoDL, jitter 0.02")


@pytest.mark.parametrize(
    ("gaps", "lead"),
    [
        ([(5.6, 2.6), (6.0, 1.0)], "explains most of"),
        ([(5.6, 3.6), (6.0, 1.0)], "explains a part of"),
        ([(5.6, 5.7)], "explains nothing of"),
        ([(-1.0, 2.0)], "does not show here"),
    ],
)
def test_start(gaps, lead):
    budgets = {
        f"with {n} updates": (near(one), near(other)) for n, (one, other) in enumerate(gaps, 1)
    }
    said = answer.conclude_pretraining(budgets)
    assert lead in said.split("**")[1]
    if lead == "explains most of":
        assert f"54{NO_BREAK}% less with 1 updates and 83{NO_BREAK}% less with 2 updates." in said


@pytest.mark.parametrize(("change", "word"), [(-3, "more"), (-1, "no more"), (3, "less")])
def test_length(change, word):
    said = answer.conclude_length(both(1.0, change), SEEDS)
    assert word in said.split("**")[1] and "+1.00\u00a0dB [+0.95, +1.05] (clean)" in said


def test_settings():
    found = {"σ": [both(0, 1.0), both(0, -6.0)], "one": [both(2, 1.0)], "two": [both(0, 0.1)]}
    assert "**Of SMUG's settings, σ counts; one and two do not count**" in answer.conclude_settings(
        found, SEEDS
    )
    assert "settings, one does not count**" in answer.conclude_settings(
        {"one": found["one"]}, SEEDS
    )
