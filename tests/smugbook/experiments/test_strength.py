"""Strengths beside a scan have known answers on simulated scans."""

from __future__ import annotations

import pytest

from smugbook import profiles
from smugbook.experiments.strength import measure_strengths, noise_deviation
from smugbook.results import scan_of
from smuglib.data import head_anatomy

SMOKE = profiles.get("smoke")


def test_noise_is_found_in_what_the_reference_does_not_explain():
    for index in range(3):
        scan = scan_of(SMOKE, index)
        # The median of 16,384 numbers is known to about one percent.
        assert noise_deviation(scan) == pytest.approx(SMOKE.noise / scan.scale, rel=0.05)


def test_a_head_s_noise_is_found_below_its_ringing():
    settings = SMOKE.replace(data="head", noise=0.011)
    scan = scan_of(settings, 1)
    person = head_anatomy.draw_head(0, "test", scan.subject)
    true = settings.noise * person.noise / scan.scale
    # The reference's own noise explains one part of four at four coils: sqrt(3/4) = 0.87.
    assert 0.8 < noise_deviation(scan) / true < 1.1


def test_strengths_are_stated_in_the_scan_s_units():
    (row,) = measure_strengths([scan_of(SMOKE, 0)]).to_dict("records")
    assert row["image_of_maximum"] * row["maximum"] == pytest.approx(1 / 255)
    assert row["image_of_tissue"] * row["tissue"] == pytest.approx(1 / 255)
    assert row["kspace_of_noise"] * row["noise_share"] == pytest.approx(0.02)
    assert 0 < row["tissue"] < row["maximum"]
    assert row["snr"] == pytest.approx(row["tissue"] / noise_deviation(scan_of(SMOKE, 0)))
