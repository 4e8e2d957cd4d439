"""The parts of a profile are in order, and their files are where the pipeline looks for them."""

from __future__ import annotations

import pytest

from smugbook import profiles
from smugbook.experiments import extent
from smugbook.experiments.agenda import parts_of
from smugbook.experiments.parts import Records, Scans, Training
from smuglib.methods import METHODS, SIGMAS


@pytest.mark.parametrize("profile", profiles.PROFILES)
def test_every_part_comes_after_those_that_it_needs(profile):
    before = set()
    for part in parts_of(profile):
        assert set(part.needs) <= before
        assert part.name not in before
        before.add(part.name)


def test_table_1_comes_first_then_the_controls_then_the_sweeps():
    names = [part.name for part in parts_of("default") if not isinstance(part, Scans)]
    runs = {f"{method}_s{sigma:g}" for sigma in SIGMAS for method in METHODS}
    first = {f"pretrained_s{sigma:g}" for sigma in SIGMAS}
    table = first | runs | {f"records/{run}" for run in runs}
    assert set(names[: len(table)]) == table
    swept = [f"sweeps/{method}_s{sigma:g}" for sigma in extent.STUDIED for method in METHODS]
    assert set(names[-len(swept) :]) == set(swept)
    rest = names[len(table) : -len(swept)]
    assert rest and all(name.startswith("variants/") for name in rest if "pretrained" not in name)


def test_a_control_is_trained_and_evaluated_where_the_chapter_reads_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = {part.name: part for part in parts_of("default")}
    for control in extent.profile_controls("default"):
        run = f"{control.method}_s{control.sigma:g}"
        records = parts[f"variants/{control.label}/records/{run}"]
        assert isinstance(records, Records)
        folder = tmp_path / "build" / "default" / "variants" / control.label
        assert records.evaluation.path == folder / "records" / f"{run}.csv"
        (needed,) = records.needs
        assert needed == (f"variants/{control.label}/{run}" if control.training else run)
        assert isinstance(parts[needed], Training)


def test_scans_are_dealt_out_without_a_rest():
    for profile in profiles.PROFILES:
        settings = profiles.get(profile)
        scans = [part for part in parts_of(profile) if isinstance(part, Scans)]
        n_scans = settings.n_train + settings.n_validation + settings.n_test
        assert sum(part.size for part in scans) == n_scans
        assert all(part.size > 0 for part in scans)
