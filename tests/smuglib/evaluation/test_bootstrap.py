"""Bootstrap intervals: known answers, coverage, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smuglib.evaluation import Interval
from smuglib.evaluation.bootstrap import TRAINING_SEED, bootstrap, over_subjects, resample


def test_equal_differences_have_an_interval_of_no_width():
    assert bootstrap([0.25] * 6, [0, 0, 1, 1, 2, 2]) == (0.25, 0.25, 0.25)


def test_two_subjects_have_the_three_point_distribution():
    """Resamples of two subjects have means 0, 1/2 and 1 with chances 1/4, 1/2 and 1/4."""
    wide = bootstrap([0, 0, 1, 1], ["a", "a", "b", "b"], level=0.9)
    narrow = bootstrap([0, 0, 1, 1], ["a", "a", "b", "b"], level=0.3)
    assert wide == (0.5, 0.0, 1.0)
    assert narrow == (0.5, 0.5, 0.5)


def test_subjects_not_slices_are_resampled():
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=12), 5)
    subjects, slices = np.repeat(np.arange(12), 5), np.arange(60)
    by_subject, by_slice = bootstrap(values, subjects), bootstrap(values, slices)
    ratio = (by_subject.high - by_subject.low) / (by_slice.high - by_slice.low)
    # Five identical slices a subject hold the information of one.
    assert ratio == pytest.approx(5**0.5, rel=0.1)


def test_interval_agrees_with_scipy():
    from scipy.stats import bootstrap as reference

    values = np.random.default_rng(1).exponential(size=40)
    ours = bootstrap(values, np.arange(40), n_resamples=40_000)
    theirs = reference(
        (values,), np.mean, method="percentile", n_resamples=40_000, rng=np.random.default_rng(2)
    ).confidence_interval
    assert ours.mean == values.mean()
    np.testing.assert_allclose(ours[1:], theirs, atol=0.01)


def resampled(values, subjects, level, n_resamples, seed):
    """The same by the definition: sums and counts of the subjects drawn."""
    names = sorted(set(subjects))
    sums, counts = (
        np.array([f(values[subjects == name]) for name in names]) for f in (np.sum, np.size)
    )
    drawn = np.random.default_rng(seed).integers(len(names), size=(n_resamples, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(values.mean(), *ends)


@pytest.mark.parametrize("seed", range(4))
def test_equal_seeds_draw_the_resamples_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    subjects = np.append([0, 1], rng.integers(2 + 5 * seed, size=30))
    values = rng.normal(size=32)
    for level, n_resamples in ((0.95, 10_000), (0.5, 777), (0.9, 2)):
        options = {"level": level, "n_resamples": n_resamples, "seed": seed}
        expected = resampled(values, subjects, **options)
        # Only the interpolation between two resamples may round otherwise.
        assert bootstrap(values, subjects, **options) == pytest.approx(expected, rel=1e-13)


def test_one_subject_has_a_mean_and_no_interval():
    index = pd.MultiIndex.from_tuples([("val", 0, 0), ("val", 0, 1), ("test", 0, 0)])
    values = pd.Series([1.0, 2.0, 4.5], index=index)
    one = over_subjects(values.iloc[:2])
    assert one.mean == 1.5 and np.isnan(one.low) and np.isnan(one.high)
    assert over_subjects(values, level=0.9) == bootstrap(values, [0, 0, 1], level=0.9)


def test_coverage():
    """A 95 % interval over 20 subjects of 3 slices holds the true mean about that often."""
    rng = np.random.default_rng(3)
    subjects, hits = np.repeat(np.arange(20), 3), 0
    for _ in range(400):
        values = np.repeat(rng.normal(size=20), 3) + 0.3 * rng.normal(size=60)
        interval = bootstrap(values, subjects, n_resamples=500)
        hits += interval.low <= 0 <= interval.high
    assert 0.89 <= hits / 400 <= 0.97


def test_seed_and_level_and_resamples_matter():
    values, subjects = np.random.default_rng(0).normal(size=10), np.arange(10)
    plain = bootstrap(values, subjects)
    assert bootstrap(values, subjects) == plain
    assert bootstrap(values, subjects, seed=1) != plain
    assert bootstrap(values, subjects, n_resamples=100) != plain
    narrower = bootstrap(values, subjects, level=0.5)
    assert plain.low < narrower.low < narrower.high < plain.high


@pytest.mark.parametrize(
    ("values", "subjects", "options", "message"),
    [
        ([1.0, 2.0], [0], {}, "lists of one length"),
        ([], [], {}, "lists of one length"),
        ([1.0, np.nan], [0, 1], {}, "values must be finite"),
        ([1.0, 2.0], [3, 3], {}, "at least two different"),
        ([1.0, 2.0], [0, 1], {"level": 1.0}, "level must lie in"),
        ([1.0, 2.0], [0, 1], {"n_resamples": 1}, "n_resamples must be an integer >= 2"),
        ([1.0, 2.0], [0, 1], {"seed": -1}, "seed must be"),
    ],
)
def test_bootstrap_refuses(values, subjects, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values, subjects, **options)


def crossed(rng, n_seeds, *, seeds=1.0, subjects=1.0, slices=0.3, n_subjects=20):
    """Draw values of every seed at the same 3 slices of every subject, of mean 0."""
    common = np.repeat(subjects * rng.normal(size=n_subjects), 3)
    own = seeds * rng.normal(size=(n_seeds, 1)) + common
    values = own + slices * rng.normal(size=(n_seeds, 3 * n_subjects))
    places = np.tile(np.repeat(np.arange(n_subjects), 3), n_seeds)
    return values.ravel(), places, np.repeat(np.arange(n_seeds), 3 * n_subjects)


def test_an_interval_over_seeds_has_the_variance_of_both():
    """Var = σ_seed²/n_seeds + σ_subject²/n_subjects: 1/4 + 1/20 with unit effects of 4 and 20."""
    rng, found = np.random.default_rng(0), []
    for _ in range(300):
        values, subjects, seeds = crossed(rng, 4, slices=0.0)
        found.append(resample(values, subjects, seeds, n_resamples=400, seed=1).var())
    # Each estimate of a variance from four seeds is off by its own size, 300 of them by a twelfth.
    assert np.mean(found) == pytest.approx(1 / 4 + 1 / 20, rel=0.2)


@pytest.mark.parametrize(("n_seeds", "least", "most"), [(3, 0.78, 0.93), (8, 0.86, 0.97)])
def test_coverage_over_seeds_and_subjects(n_seeds, least, most):
    """Few seeds have no 95 %: Student's factor for three is 4.3, not 2; but far more than none."""
    rng, hits, naive = np.random.default_rng(1), 0, 0
    for _ in range(300):
        values, subjects, seeds = crossed(rng, n_seeds)
        one = bootstrap(values, subjects, seeds=seeds, n_resamples=400)
        other = bootstrap(values, subjects, n_resamples=400)
        hits += one.low <= 0 <= one.high
        naive += other.low <= 0 <= other.high
    assert least <= hits / 300 <= most
    assert naive < hits - 30


def test_seeds_that_share_subjects_do_not_make_more_of_them():
    """Two identical seeds hold no more than one: the interval is the one over subjects."""
    values = np.random.default_rng(2).normal(size=15)
    twice, subjects = np.tile(values, 2), np.tile(np.arange(15), 2)
    one = bootstrap(values, np.arange(15))
    two = bootstrap(twice, subjects, seeds=np.repeat([0, 1], 15))
    assert two.mean == pytest.approx(one.mean)
    # The Monte-Carlo error of a 2.5 % quantile of 10,000 draws is about 1 % of the width.
    assert two == pytest.approx(one, abs=0.03 * (one.high - one.low))


def test_one_seed_or_none_is_an_interval_over_subjects():
    values, subjects = np.random.default_rng(0).normal(size=12), np.repeat(np.arange(4), 3)
    plain = bootstrap(values, subjects)
    assert bootstrap(values, subjects, seeds=np.zeros(12)) == plain
    index = pd.MultiIndex.from_arrays(
        [["test"] * 12, subjects, range(12), np.repeat([0, 1, 0, 1], 3)],
        names=["split", "subject", "slice", TRAINING_SEED],
    )
    joined = over_subjects(pd.Series(values, index=index))
    assert joined == bootstrap(values, subjects, seeds=np.repeat([0, 1, 0, 1], 3)) != plain


def test_columns_share_their_draws():
    values, subjects, seeds = crossed(np.random.default_rng(3), 3)
    both = resample(np.stack([values, 2 * values + 1], 1), subjects, seeds, n_resamples=50)
    np.testing.assert_allclose(both[:, 1], 2 * both[:, 0] + 1, atol=1e-12)
    alone = resample(values, subjects, seeds, n_resamples=50)
    np.testing.assert_allclose(both[:, 0], alone, atol=1e-12)
