"""Controls: one change each, labels as the fine-tuning notebook makes them, records by label."""

from __future__ import annotations

import pytest

from smugbook import profiles
from smugbook.chapters.what_we_know import claims
from smugbook.experiments import controls
from smugbook.notebooks import run
from smugbook.results import Store
from smuglib.evaluation import scores
from smuglib.methods import METHODS
from tests.smuglib.evaluation.test_scores import PROVENANCE, ROW

DEFAULT = controls.controls_of(profiles.get("default"))
HEAD = controls.controls_of(profiles.get("head"))


def test_every_question_has_controls_and_every_control_a_question():
    assert {control.question for control in (*DEFAULT, *HEAD)} == set(controls.QUESTIONS)
    for found in (DEFAULT, HEAD):
        assert len({(control.question, control.name) for control in found}) == len(found)


def test_a_label_is_the_folder_that_the_fine_tuning_writes_to():
    store = Store.open("default", "build")
    for control in (*DEFAULT, *HEAD):
        if control.training:
            assert store.variant(control.training).folder.name == control.label


def test_controls_ask_for_what_the_fine_tuning_offers():
    offered = run.parameters("book/03_finetuning.ipynb")
    for control in (*DEFAULT, *HEAD):
        assert set(control.training) <= set(offered)
        assert control.method in METHODS
        assert control.stopped in (0.0, *profiles.STOPS)
        overrides = {k: v for k, v in control.training.items() if k != "pretrained"}
        profiles.get("default").replace(**overrides)


@pytest.mark.parametrize("name", [name for name in profiles.PROFILES if name != "head"])
def test_the_budget_is_a_fraction_of_the_profile_s(name):
    profile = profiles.get(name)
    timed = [c for c in controls.controls_of(profile) if "updates" in c.training]
    (twice,) = [c.training["updates"] for c in timed if c.question == "length"]
    assert twice == 2 * profile.updates
    (updates,) = {c.training["updates"] for c in timed if c.question != "length"}
    assert updates == pytest.approx(controls.UPDATES_FRACTION * profile.updates, abs=0.5)
    assert updates >= 1


def test_the_controls_that_claims_name_exist():
    named = {(control.question, control.name) for control in DEFAULT}
    assert ("smoothing", claims.SWITCHED_OFF) in named
    assert ("budget", claims.JITTERED) in named


def test_a_control_has_weights_of_its_own_a_stop_of_them_or_another_placement():
    for control in (*DEFAULT, *HEAD):
        changes = [bool(control.training), bool(control.stopped), bool(control.placement)]
        assert sum(changes) == 1, control
        assert control.variant == ("" if control.placement else control.label)


def test_full_controls_leave_out_what_they_share_with_the_profile():
    for control in HEAD:
        own = profiles.get("head")
        for name, value in control.training.items():
            assert name == "pretrained" or getattr(own, name) != value or name == "lam", control


def test_records_are_found_by_label(tmp_path):
    store = Store(tmp_path)
    control = next(c for c in DEFAULT if c.question == "weight")
    assert controls.read_control(store, control) is None
    path = tmp_path / "variants" / control.label / "records" / "smug_s0.05.csv"
    scores.write(path, [ROW], PROVENANCE)
    assert len(controls.read_control(store, control)) == 1
    other = next(c for c in DEFAULT if c.question == "seed" and c.method == "modl")
    path = tmp_path / "variants" / other.label / "records" / "modl_s0.05.csv"
    scores.write(path, [ROW], PROVENANCE)
    with pytest.raises(ValueError, match="method must be one of 'modl'"):
        controls.read_control(store, other)


def test_jitter_shrinks_with_the_weight_that_noise_is_divided_by():
    fixed = [c.training for c in HEAD if "jitter" in c.training and "lam" in c.training]
    assert {(c["lam"], c["jitter"]) for c in fixed} == {
        (0.02, 0.002),
        (0.2, 0.02),
        (1.0, 0.02),
        (0.05, 0.005),
    }
    learned = {c.training["jitter"] for c in HEAD if c.question == "jitter"}
    assert learned == {controls.jitter_at(profiles.get("head").lam), *controls.JITTERS}
