"""The chapter of statistics: what is in range is said to be, and nothing else."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook import profiles
from smugbook.chapters import real_scans
from smugbook.experiments.scan_statistics import STATISTICS, ScanStatistic
from tests.volume_files import write_patients


@pytest.fixture(scope="module")
def frame():
    return real_scans.gather_statistics(profiles.get("smoke"), 4)


def test_heads_are_like_real_scans_and_phantoms_are_not(frame):
    # The tests of the simulator hold heads to the ranges; four slices need not meet all of them.
    assert len(real_scans.medians_within(frame, "head")) >= 5
    assert len(real_scans.medians_within(frame, "phantom")) <= 1


def test_a_median_outside_of_its_range_is_not_counted():
    middles = {name: (low + high) / 2 for name, (_, low, high) in STATISTICS.items()}
    middles["exponent"] = STATISTICS["exponent"][2] + 0.01
    rows = [ScanStatistic("x", name, 3, 3, 0.0, value, 1.0) for name, value in middles.items()]
    table = pd.DataFrame([vars(row) for row in rows])
    assert set(real_scans.medians_within(table, "x")) == {*real_scans.RANGED} - {"exponent"}


def test_the_table_has_a_column_a_source_and_dashes_for_what_is_not_known(frame):
    table = real_scans.tabulate_statistics(frame)
    assert list(table.columns)[:2] == ["phantom (4)", "head (4)"]
    assert table.columns[-1] == "asked of heads" and len(table) == len(STATISTICS)
    (flair,) = (name for name in table.columns if name.startswith("FLAIR"))
    assert table.loc["phase residual (rad)", flair] == "–"
    assert table.loc["exponent of the radial spectrum", "asked of heads"] == "2.10 to 2.90"
    assert table.loc["noise σ / median brain (%)", "asked of heads"] == "0.8 to 1.5"
    assert "[" in table.loc["SNR: median brain / noise σ", "head (4)"]


def test_figures_have_a_place_for_every_source(frame):
    figure = real_scans.draw_statistics(frame)
    assert len(figure.axes) == 8
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[::-1] == list(dict.fromkeys(frame["source"]))
    assert len(real_scans.draw_slices((0,)).axes) == 4


def test_a_folder_of_one_s_own_is_measured_too(tmp_path):
    folder = write_patients(tmp_path, 4)
    profile = profiles.get(f"smoke@volumes:{folder}")
    frame = real_scans.gather_statistics(profile, 3)
    assert frame["source"].iloc[-1] == "yours: T1 images"
