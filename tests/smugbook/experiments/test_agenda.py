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


def places(*groups):
    """Return the first and last place of groups of parts of the head profile, by their names."""
    names = [part.name for part in parts_of("head")]
    return [(min(found), max(found)) for group in groups
            for found in [[names.index(name) for name in group]]]  # fmt: skip


def test_groups_of_a_learned_lambda_come_in_their_order_of_priority():
    sigma, poster = (f"{level:g}" for level in SIGMAS)
    fixed, seeds = "lam=1.0,lam_learned=False", (1, 2)

    def variants(label, methods=METHODS, level=sigma):
        return [f"variants/{label}/{method}_s{level}" for method in methods]

    own = [f"{method}_s{sigma}" for method in METHODS]
    first = [*own, *variants("jitter=0.005", ("modl",)), *variants(fixed)]
    second = variants(fixed, level=poster)
    third = [name for seed in seeds for name in (*variants(f"seed={seed}"),
             *variants(f"{fixed},seed={seed}"))]  # fmt: skip
    fourth = [*variants("pretrained=False", ("modl", "smug")), f"stops/modl_s{sigma}"]
    fourth += variants("density=equispaced", ("modl", "smug"))
    fifth = [*variants("updates=8800", ("modl", "smug")), *variants("channels=64", ("modl",))]
    found = places(first, second, third, fourth, fifth)
    assert all(last < first for (_, last), (first, _) in zip(found, found[1:], strict=False))


def test_parts_of_a_run_that_is_going_on_keep_their_names_and_settings():
    parts = {part.name: part for part in parts_of("head")}
    going_on = {
        "pretrained_s0.05": {},
        **{f"{method}_s0.05": {} for method in METHODS},
        "variants/jitter=0.005/modl_s0.05": {"jitter": 0.005},
        **{f"variants/lam=1.0,lam_learned=False/{method}_s0.05": {"lam": 1.0, "lam_learned": False}
           for method in METHODS},
    }  # fmt: skip
    for name, changes in going_on.items():
        assert parts[name].settings == profiles.get("head").replace(**changes)
        assert parts[name].changes == changes


def test_a_wider_denoiser_starts_from_a_pre_training_of_its_width(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parts = {part.name: part for part in parts_of("head")}
    wide = parts["variants/channels=64/smug_s0.05"]
    assert wide.needs == ("variants/channels=64/pretrained_s0.05",)
    folder = tmp_path / "build" / "head" / "variants" / "channels=64" / "weights"
    assert wide._start == folder / "pretrained_s0.05.safetensors"
    assert parts["variants/channels=64/pretrained_s0.05"].settings.channels == 64
    assert parts["variants/updates=8800/smug_s0.05"].needs == ("pretrained_s0.05",)


def test_another_mask_is_that_of_training_and_evaluation():
    parts = {part.name: part for part in parts_of("head")}
    run = "variants/density=equispaced"
    assert parts[f"{run}/modl_s0.05"].settings.density == "equispaced"
    asked = parts[f"{run}/records/modl_s0.05"].evaluation
    assert asked.settings == profiles.get("head").replace(density="equispaced")
    assert parts["records/modl_s0.05"].evaluation.settings == profiles.get("head")


def test_every_candidate_is_scored_after_its_training():
    parts = {part.name: part for part in parts_of("head")}
    tuned = [part for part in parts.values() if part.name.startswith("tuning/")]
    assert len(tuned) == 12
    assert parts["tuning/jitter=0.002"].needs == ("variants/jitter=0.002/modl_s0.05",)
    assert parts["tuning/smug"].needs == ("smug_s0.05",)
    assert parts["tuning/stopped=0.25"].needs == ("stops/modl_s0.05",)
