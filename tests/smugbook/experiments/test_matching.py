"""Differences at equal clean PSNR have a known answer where levels lie on known lines."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smugbook.experiments.matching import matched_difference

SUBJECTS = np.arange(12)


def levels(clean, level, *, spread=0.0, seeds=(0,), draw=0):
    """Return the levels of a training, whose slices share their difficulty with all others."""
    easy = np.random.default_rng(0).normal(size=len(SUBJECTS))
    own = spread * np.random.default_rng(draw).normal(size=(len(seeds), len(SUBJECTS)))
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "split": "test", "subject": SUBJECTS, "slice": SUBJECTS, "seed": 0,
                    "training_seed": seed, "clean": clean + easy, "level": level + easy + noise,
                }
            )
            for seed, noise in zip(seeds, own, strict=True)
        ]
    )  # fmt: skip


# On level = 60 - clean: a family that pays a decibel of level for a decibel of clean PSNR.
FAMILY = [levels(clean, 60 - clean) for clean in (36.0, 30.0, 33.0)]


@pytest.mark.parametrize(("clean", "level", "expected"), [(31.0, 30.5, 1.5), (33.0, 26.0, -1.0)])
def test_a_known_distance_to_a_known_line(clean, level, expected):
    found = matched_difference(levels(clean, level), FAMILY)
    # What slices share leaves the difference: the interval has no width.
    assert found == pytest.approx([expected] * 3)


def test_a_member_is_compared_with_itself():
    assert matched_difference(FAMILY[1], FAMILY) == pytest.approx([0.0] * 3)


def test_the_line_bends_at_members():
    family = [levels(30.0, 30.0), levels(32.0, 30.0), levels(34.0, 20.0)]
    assert matched_difference(levels(33.0, 27.0), family).mean == pytest.approx(2.0)


def test_nothing_is_said_beyond_the_family():
    for clean in (29.9, 36.1):
        assert matched_difference(levels(clean, 30.0), FAMILY) is None
    assert matched_difference(FAMILY[0], FAMILY[:1]) is None
    other = levels(33.0, 27.0).assign(slice=SUBJECTS + 100)
    assert matched_difference(other, FAMILY) is None


def test_the_interval_covers_what_is_drawn():
    """Level noise of 1 dB over 12 subjects: about 19 of 20 intervals hold the true difference."""
    hits = 0
    for draw in range(100):
        own = levels(32.0, 29.0, spread=1.0, draw=draw + 1)
        found = matched_difference(own, FAMILY, n_resamples=300)
        hits += found.low <= 1.0 <= found.high
    # Percentile intervals of 12 subjects are a little narrow; 100 trials count to within 3 or 4.
    assert 84 <= hits <= 99


def test_only_seeds_that_all_have_are_paired():
    own = levels(32.0, 29.0, seeds=(0, 1))
    assert matched_difference(own, FAMILY) == pytest.approx([1.0] * 3)
    seeded = [levels(c, 60 - c, spread=0.5, seeds=(0, 1), draw=k) for k, c in enumerate((30, 34))]
    one, two = (matched_difference(rows, seeded) for rows in (levels(32.0, 29.0), own))
    assert two.mean != one.mean


def test_one_subject_has_no_interval():
    def only(rows):
        return rows[rows["subject"] == 0]

    found = matched_difference(only(levels(32.0, 29.0)), [only(one) for one in FAMILY])
    assert found.mean == pytest.approx(1.0) and np.isnan(found.low) and np.isnan(found.high)
