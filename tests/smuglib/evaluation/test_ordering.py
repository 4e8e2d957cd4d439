"""Broken orders of attacks are found where they were put, and only there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from smuglib.evaluation import PAIR
from smuglib.evaluation.bootstrap import bootstrap
from smuglib.evaluation.ordering import LEVELS, THREAT, ordering
from smuglib.evaluation.scenarios import RUNGS

N = 12
SPREAD = np.random.default_rng(0).normal(size=N)


def rows(rung, psnr, *, n=N, **changes):
    """One row a slice, two slices a subject; every slice has a level of its own."""
    settings = {
        "method": "smug", "weights_sha256": "f0", "training_sigma": 0.05, "placement": "denoiser",
        "sigma": 0.05, "n_samples": 10, "n_steps": 8, "sampling_rate": 0.25,
        "consistency_rate": 0.25, "domain": "image", "norm": "linf", "epsilon": 0.004,
        "rung": rung, "split": "test", "seed": 0,
    }  # fmt: skip
    slices = np.arange(n)
    results = {"subject": slices // 2, "slice": slices, "psnr": psnr + SPREAD[:n]}
    return pd.DataFrame({**settings, **results, **changes})


def test_every_rung_has_a_level():
    assert set(LEVELS) | {"clean"} == set(RUNGS)


def test_a_ladder_in_order_has_no_flag():
    names = ("random_uniform", "transfer", "adaptive", "adaptive_strong")
    records = pd.concat([rows(name, 30.0 - k) for k, name in enumerate(names)])
    found = ordering(pd.concat([records, rows("clean", 20.0)]))
    assert list(zip(found["weaker"], found["stronger"], strict=True)) == [
        (a, b) for i, a in enumerate(names) for b in names[i + 1 :]
    ]
    np.testing.assert_allclose(found["difference"], [1, 2, 3, 1, 2, 1])
    assert not found["broken"].any()
    assert (found["n_slices"] == N).all() and (found["n_subjects"] == N // 2).all()


def test_the_interval_is_the_paired_bootstrap():
    noise = np.random.default_rng(1).normal(size=N)
    weaker, stronger = rows("transfer", 30.0), rows("adaptive", 29.5 + noise)
    found = ordering(pd.concat([weaker, stronger]), n_resamples=500, seed=3).iloc[0]
    expected = bootstrap(0.5 - noise, np.arange(N) // 2, n_resamples=500, seed=3)
    np.testing.assert_allclose(found[["difference", "low", "high"]].astype(float), expected)


@pytest.mark.parametrize(
    ("change", "broken"), [(-0.1, True), (0.0, False), (0.1, False)], ids=["less", "equal", "more"]
)
def test_a_stronger_attack_that_does_less_is_flagged(change, broken):
    records = pd.concat([rows("adaptive", 30.0), rows("adaptive_strong", 30.0 - change)])
    assert ordering(records)["broken"].tolist() == [broken]


def test_what_chance_explains_is_no_flag():
    noise = np.tile([1.0, -0.9], N // 2).repeat(1)[np.argsort(np.arange(N) % 2, kind="stable")]
    records = pd.concat([rows("adaptive", 30.0), rows("adaptive_strong", 30.0 + noise)])
    found = ordering(records).iloc[0]
    assert found["difference"] < 0 < found["high"]
    assert not found["broken"]


@pytest.mark.parametrize("column", THREAT)
def test_different_threats_are_not_compared(column):
    records = pd.concat([rows("transfer", 30.0), rows("adaptive", 31.0)])
    assert ordering(records)["broken"].tolist() == [True]
    value = "other" if isinstance(records[column].iloc[0], str) else 0.5
    apart = pd.concat([rows("transfer", 30.0), rows("adaptive", 31.0, **{column: value})])
    assert ordering(apart).empty


def test_rungs_of_one_level_are_not_compared():
    assert ordering(pd.concat([rows("transfer", 31.0), rows("transfer_published", 30.0)])).empty


def test_only_common_slices_count():
    records = pd.concat([rows("transfer", 30.0), rows("adaptive", 29.0, n=6)])
    found = ordering(records).iloc[0]
    assert (found["n_slices"], found["n_subjects"]) == (6, 3)
    assert found["difference"] == pytest.approx(1)
    shifted = rows("adaptive", 29.0, slice=100 + np.arange(N))
    assert ordering(pd.concat([rows("transfer", 30.0), shifted])).empty


def test_one_subject_has_no_interval_and_no_flag():
    found = ordering(pd.concat([rows("transfer", 30.0, n=2), rows("adaptive", 31.0, n=2)])).iloc[0]
    assert np.isnan(found["low"]) and np.isnan(found["high"]) and not found["broken"]
    assert found["difference"] == pytest.approx(-1)


def test_bad_records():
    twice = pd.concat([rows("transfer", 30.0), rows("transfer", 30.0), rows("adaptive", 29.0)])
    with pytest.raises(ValueError, match="smug has several rows for one slice, split test"):
        ordering(twice)
    for column in ("rung", "psnr", *PAIR):
        with pytest.raises(ValueError, match=f"column must be one of .* got '{column}'"):
            ordering(rows("transfer", 30.0).drop(columns=column))
