"""Candidates: which there are, on what they are scored, and the rule that chooses."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from smugbook import profiles
from smugbook.experiments import candidates, controls
from smugbook.experiments.candidates import choose_candidate, tabulate_candidates
from smugbook.results import Store

HEAD = profiles.get("head")


def test_every_strength_that_is_tried_is_a_candidate_of_its_family():
    found = candidates.candidates_of(controls.full_controls(HEAD))
    sizes = {family: sum(one.family == family for one in found) for family in candidates.FAMILIES}
    tried = (1 + len(controls.JITTERS), len(controls.EPSILONS), len(profiles.STOPS))
    assert tuple(sizes.values()) == tried
    assert [one.label for one in found[:2]] == ["smug", "modl"]
    assert len({one.label for one in found}) == len(found)
    assert candidates.candidates_of([]) == []


@pytest.mark.parametrize("name", profiles.PROFILES)
def test_no_slice_that_chose_weights_chooses_a_strength_where_there_are_others(name):
    profile = profiles.get(name)
    numbers = candidates.slice_numbers(profile)
    spacing = profile.n_validation // profile.n_validation_used
    used = {spacing * k for k in range(profile.n_validation_used)}
    assert len(set(numbers)) == len(numbers) and max(numbers) < profile.n_validation
    assert spacing == 1 or not used & set(numbers)


def table(**families):
    """Scores of two slices that average to the clean level and the level under attack given."""
    rows = [
        [family, setting, scenario, number, psnr + shift]
        for family, settings in families.items()
        for setting, (clean, image, kspace) in settings.items()
        for scenario, psnr in zip(controls.SCENARIOS, (clean, image, kspace), strict=True)
        for number, shift in ((2, -1.0), (7, 1.0))
    ]
    return tabulate_candidates(pd.DataFrame(rows, columns=list(candidates.COLUMNS)))


def test_the_level_under_attack_is_the_mean_over_the_attacks():
    own = table(jitter={"jitter=0.01": (31.0, 20.0, 26.0)}).loc["jitter", "jitter=0.01"]
    assert (own["clean"], own["level"]) == (31.0, 23.0)


def test_the_most_robust_of_those_as_good_as_smug_is_chosen():
    jitter = {
        "weak": (32.0, 20.0, 26.0),
        "middle": (30.5, 24.0, 28.0),
        "strong": (29.0, 28.0, 28.0),
    }
    found = table(jitter=jitter, smug={"smug": (30.2, 25.0, 28.0)})
    assert choose_candidate(found, "jitter") == "middle"
    # A smoothed method that is worse pays more: more may be paid.
    assert choose_candidate(table(jitter=jitter, smug={"smug": (28.0, 25.0, 28.0)}), "jitter") == (
        "strong"
    )
    assert choose_candidate(table(jitter=jitter, smug={"smug": (33.0, 25.0, 28.0)}), "jitter") == (
        "weak"
    )
    assert choose_candidate(table(jitter=jitter), "jitter") == "strong"
    with pytest.raises(ValueError, match="family must be one of 'jitter', 'smug'"):
        choose_candidate(found, "adversarial")


def test_tables_of_others_are_left_alone_and_none_is_an_empty_table(tmp_path):
    store = Store(tmp_path)
    assert candidates.read_families(store).empty
    assert tabulate_candidates(candidates.read_families(store)).empty
    folder = candidates.tuning_folder(store)
    folder.mkdir()
    head = ",".join(candidates.COLUMNS)
    (folder / "tv.csv").write_text(f"{head}\ntv,0.01,clean,3,31.5\n")
    (folder / "jitter=0.02.csv").write_text(f"{head}\njitter,jitter=0.02,clean,3,30.5\n")
    found = candidates.read_families(store)
    assert found["candidate"].tolist() == ["jitter"] and math.isclose(found["psnr"].sum(), 30.5)
