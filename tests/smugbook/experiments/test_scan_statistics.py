"""Statistics of simulated and real scans, and the command that measures folders."""

from __future__ import annotations

import math

import pytest
import torch

from smugbook.chapters import real_scans
from smugbook.experiments import scan_statistics
from smugbook.experiments.scan_statistics import STATISTICS, Measured, ScanStatistic
from smuglib import data
from smuglib.evaluation import records
from tests.volume_files import write_patients


def test_noise_of_a_simulated_scan_is_what_it_was_simulated_with():
    scan = data.brain("test", 1, 1.0, n_coils=4, noise=0.005)
    found = scan_statistics.statistics_of(scan, 210 / 128, is_stripped=True)
    magnitude = scan.target[0].abs()
    # In units of the phantom's maximum: the air of 4 coils gives it to 1 %.
    level = magnitude[magnitude > 0.1].median() / magnitude.max()
    assert found.values["noise"] == pytest.approx(0.005 / level.item(), rel=0.05)
    assert found.values["snr"] == pytest.approx(1 / found.values["noise"])
    assert found.subject == scan.subject
    # ‖n‖ / ‖y‖ from the noise that was added to the samples of a quarter of the columns.
    clean = data.brain("test", 1, 0.25, n_coils=4, noise=0.0)
    noisy = data.brain("test", 1, 0.25, n_coils=4, noise=0.005)
    added = noisy.kspace * noisy.scale - clean.kspace * clean.scale
    share = added.norm() / (noisy.kspace * noisy.scale).norm()
    assert found.values["noise_share"] == pytest.approx(share.item(), rel=0.05)


def test_rows_are_medians_and_spans():
    slices = [Measured(n % 2, {"exponent": float(n), "maximum": 3.0}) for n in range(101)]
    exponent, maximum = scan_statistics.summarize_statistics("x", slices)
    assert exponent == ScanStatistic("x", "exponent", 101, 2, 5.0, 50.0, 95.0)
    assert (maximum.low, maximum.high) == (3.0, 3.0)
    assert scan_statistics.summarize_statistics("x", []) == []
    without = [Measured(0, {"phase_residual": math.nan})]
    assert scan_statistics.summarize_statistics("x", without) == []


def test_a_folder_is_measured_by_the_command(tmp_path):
    folder, output = write_patients(tmp_path / "volumes", 1), tmp_path / "out.csv"
    scan_statistics.main([f"volumes:{folder}", "-o", str(output)])
    frame = records.read(output, ScanStatistic)
    assert set(frame["source"]) == {"T1 images"} and set(frame["n_slices"]) == {11}
    medians = frame.set_index("statistic")["median"]
    # A scalp of 1200 around a brain of 500, whose steps ring in both directions when they are cut
    # off in k-space; there is no complex noise and no phase.
    assert 1200 / 500 < medians["maximum"] < 1.5 * 1200 / 500
    assert not {"noise", "phase_residual"} & set(medians.index)
    made = records.read_provenance(output)
    assert "Lesjak" in made["sources"]["volumes"] and str(tmp_path) not in str(made)


def test_shipped_numbers_are_of_real_scans_and_cite_them():
    frame = records.read(real_scans.SHIPPED, ScanStatistic)
    assert frame["n_slices"].groupby(frame["source"]).first().sum() > 112
    assert set(frame["statistic"]) <= STATISTICS.keys()
    sources = records.read_provenance(real_scans.SHIPPED)["sources"]
    assert "CC BY" in sources["volumes"] and "Knoll" in sources["fastmri"]
    assert not list(real_scans.SHIPPED.parent.glob("*.png"))


def test_resolution_is_lowered_without_a_change_of_intensity():
    scan = data.head("test", 0, 1.0, height=280, width=280, n_coils=2, noise=0.0)
    coarse = scan_statistics._coarse(scan)
    assert coarse.kspace.shape == (1, 2, 140, 140)
    ratio = coarse.target.norm() / scan.target.norm()
    # A unitary transform keeps the energy but for what is cut off.
    assert 0.97 < ratio <= 1
    combined = (coarse.maps.conj() * torch.fft.ifftshift(coarse.kspace, dim=(-2, -1))).sum(1)
    assert combined.shape == coarse.target.shape
    assert coarse.maps.abs().square().sum(1).sqrt().max() <= 1 + 1e-5
