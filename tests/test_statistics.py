"""Bootstrap intervals and summaries: known answers, coverage, and refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smuglib.statistics import bootstrap, summary


def table(values, *, method, sigma=0.05, placement="none", scenario="clean", seed=0, split="test"):
    """One row a value; two slices a subject."""
    return pd.DataFrame(
        {
            "method": method,
            "training_sigma": sigma,
            "placement": placement,
            "scenario": scenario,
            "epsilon": 0.0,
            "sampling_rate": 0.25,
            "split": split,
            "subject": np.arange(len(values)) // 2,
            "slice": np.arange(len(values)),
            "seed": seed,
            "psnr": np.asarray(values, dtype=float),
            "ssim": np.asarray(values, dtype=float) / 40,
        }
    )


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
        ([1.0, 2.0], [0, 1], {"n_resamples": 0}, "n_resamples must be"),
        ([1.0, 2.0], [0, 1], {"seed": -1}, "seed must be"),
    ],
)
def test_bootstrap_refuses(values, subjects, options, message):
    with pytest.raises(ValueError, match=message):
        bootstrap(values, subjects, **options)


def test_summary_known_answer():
    modl, smug = [30, 32, 28, 30], [31, 33, 31, 33]
    records = pd.concat(
        [
            table(modl, method="modl"),
            # The order of rows must not matter.
            table(smug, method="smug", placement="denoiser").iloc[::-1],
            table([20, 20, 20, 20], method="modl", scenario="attack"),
        ]
    )
    lines = summary(records).set_index(["scenario", "method"])
    assert len(lines) == 3
    smug_line = lines.loc[("clean", "smug")]
    assert smug_line["mean"] == 32
    assert smug_line["std"] == 1
    assert tuple(smug_line[["difference", "low", "high"]]) == (2, 1, 3)
    assert smug_line["n_slices"] == 4
    assert smug_line["n_subjects"] == 2
    assert tuple(lines.loc[("attack", "modl"), ["difference", "low", "high"]]) == (0, 0, 0)
    ssim = summary(records, "ssim").set_index(["scenario", "method"])
    assert ssim.loc[("clean", "smug"), "difference"] == pytest.approx(2 / 40)


def test_summary_compares_with_the_reference_of_the_same_training_noise():
    records = pd.concat(
        [
            table([30, 30, 30, 30], method="modl", sigma=0.05),
            table([31, 31, 31, 31], method="modl", sigma=0.01),
            table([33, 33, 33, 33], method="smug", sigma=0.05),
            table([33, 33, 33, 33], method="smug", sigma=0.01),
        ]
    )
    lines = summary(records).set_index(["method", "training_sigma"])["difference"]
    assert lines["smug", 0.05] == 3
    assert lines["smug", 0.01] == 2
    lines = summary(records, reference_sigma=0.05).set_index(["method", "training_sigma"])
    assert lines.loc[("smug", 0.01), "difference"] == 3
    assert lines.loc[("modl", 0.01), "difference"] == 1
    with pytest.raises(ValueError, match="give reference_sigma"):
        summary(pd.concat([records, table([20] * 4, method="zero_filled", sigma=0.0)]))


def test_summary_of_one_subject_has_no_interval():
    records = pd.concat([table([30, 31], method="modl"), table([31, 31], method="smug")])
    line = summary(records).set_index("method").loc["smug"]
    assert line["difference"] == 0.5
    assert np.isnan(line["low"])
    assert np.isnan(line["high"])


def test_summary_tells_subjects_of_two_splits_apart():
    parts = [
        table([30, 30], method=method, split=split)
        for method in ("modl", "smug")
        for split in ("val", "test")
    ]
    assert (summary(pd.concat(parts))["n_subjects"] == 2).all()


def test_summary_refuses():
    modl, smug = table([30, 31, 32], method="modl"), table([30, 31, 32], method="smug")
    with pytest.raises(ValueError, match="column must be one of"):
        summary(modl, "speed")
    with pytest.raises(ValueError, match="reference 'modl' for .* got 0"):
        summary(smug)
    with pytest.raises(ValueError, match="must cover the same slices: 1 differ"):
        summary(pd.concat([modl, smug.iloc[:2]]))
    with pytest.raises(ValueError, match="several rows for one slice"):
        summary(pd.concat([modl, modl]))
