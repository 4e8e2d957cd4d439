"""Evidence follows from the right rows, in the right direction."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook import profiles
from smugbook.chapters.what_we_know import evidence
from smugbook.chapters.what_we_know.claims import SWITCHED_OFF, poster_claims
from smugbook.experiments.protocol import protocol_of
from smuglib.evaluation import compare, table_scenarios
from tests.table1 import GAINS, block

SCENARIOS = table_scenarios()
COLUMNS = {name: one for name in ("clean", "transfer") for one in SCENARIOS if one.name == name}


@pytest.fixture(scope="module")
def found():
    """Claims about made-up records: under the transfer attack methods differ by 1 dB."""
    rows = block(scenarios=[s for s in SCENARIOS if s.name in ("clean", "noise", "transfer")])
    switched = rows[(rows["method"] == "smug") & (rows["scenario"] == "clean")]
    weaker = switched.assign(psnr=switched["psnr"] - 0.5)
    groups = {"smoothing": {SWITCHED_OFF: weaker}}
    groups |= {"budget": {"smug": switched}, "pretraining": {"smug": weaker}}
    return {one.statement: one for one in poster_claims({0.05: rows}, COLUMNS, groups)}


def by_words(found, *words):
    (one,) = [c for text, c in found.items() if all(word in text for word in words)]
    return one


def test_losses_are_positive(found):
    losses = {e.what: e.interval.mean for e in by_words(found, "loses accuracy").evidence}
    assert losses == {
        "MoDL clean − random noise, σ = 0.05": pytest.approx(1),
        "MoDL clean − transfer attack, σ = 0.05": pytest.approx(8),
    }


def test_gains_are_paired_differences_of_the_named_methods(found):
    (item,) = by_words(found, "more robust than MoDL of").evidence
    assert item.interval.mean == pytest.approx(GAINS["smug"] - GAINS["modl"])
    assert by_words(found, "more robust than MoDL of").verdict == "holds"
    ranking = by_words(found, "SMUG > SMUGv0")
    assert [item.interval.mean for item in ranking.evidence] == pytest.approx([1, 1, 1])


def test_the_price_is_judged_against_the_posters(found):
    price = by_words(found, "gives up no more")
    assert [item.threshold for item in price.evidence] == [-0.34]
    assert price.verdict == "holds"


def test_controls_are_compared_where_both_have_records(found):
    (item,) = by_words(found, "Pre-training").evidence
    assert item.what == "SMUG pre-trained − not, clean"
    assert item.interval.mean == pytest.approx(0.5)


def test_halfway_lies_between_smug_and_modl():
    rows = block(scenarios=[s for s in SCENARIOS if s.name in ("clean", "transfer")])
    between = evidence.halfway_records({0.05: rows})
    for name, sign in (("smug", 1), ("modl", -1)):
        distance = paired(rows[rows["method"] == name], between, name="transfer")
        assert distance == pytest.approx(sign * (GAINS["smug"] - GAINS["modl"]) / 2)
    assert evidence.halfway_records({}) is None


def paired(first, second, *, name):
    one, other = (frame[frame["scenario"] == name] for frame in (first, second))
    assert len(one) == len(other) > 0
    return compare(one, other).mean


def test_clean_scans_say_nothing_of_protection(found):
    assert by_words(found, "smoothing at test time").verdict == "is not yet measured"


def test_what_was_not_computed_was_not_tested(found):
    for words in ("every strength", "sampling rates", "unrolling steps"):
        assert by_words(found, words).verdict == "is not yet measured"


def test_the_far_end_of_a_curve_is_compared_with_the_training():
    rows = block(scenarios=[s for s in SCENARIOS if s.name in ("clean", "noise")])
    own = rows[(rows["method"] == "modl") & (rows["scenario"] == "clean")]
    denser = own.assign(scenario="rate_clean", sampling_rate=0.5, psnr=own["psnr"] - 2.5)
    sparser = own.assign(scenario="rate_clean", sampling_rate=0.125, psnr=own["psnr"] - 5)
    whole = pd.concat([rows, denser, sparser], ignore_index=True)
    (one,) = [c for c in poster_claims({0.05: whole}, COLUMNS, {}) if "sampled than" in c.statement]
    (item,) = one.evidence
    assert item.interval.mean == pytest.approx(2.5)
    assert one.verdict == "holds"


def test_other_settings_are_not_those_of_the_training():
    attacked = block(scenarios=[s for s in SCENARIOS if s.name == "clean"])
    attacked = attacked.assign(scenario="strength_adaptive", epsilon=1 / 255)
    strong = attacked.assign(scenario="strong_image")
    fewer = attacked.assign(scenario="steps_adaptive", n_steps=4)
    rows = pd.concat([attacked, strong, fewer], ignore_index=True)
    found = {one.statement: one for one in poster_claims({0.05: rows}, COLUMNS, {})}
    (item,) = by_words(found, "numbers of unrolling steps").evidence
    assert item.what == "SMUG − MoDL at 4 unrolling steps, adaptive attack, σ = 0.05"
    (item,) = by_words(found, "every strength").evidence
    assert item.what == "SMUG − MoDL at ε = 1/255, strong adaptive attack, σ = 0.05"


def test_a_second_attack_of_the_same_threat_is_no_second_vote():
    names = ("clean", "transfer_published", "transfer", "adaptive_image")
    rows = block(scenarios=[one for one in SCENARIOS if one.name in names], n_slices=6)
    columns = protocol_of(profiles.get("default")).columns
    assert [one.name for one in columns.values()][1:] == [
        *("adaptive_image", "adaptive_kspace_l2", "range_image")
    ]
    found = {one.statement: one for one in poster_claims({0.05: rows}, columns, {})}
    assert sum(by_words(found, "more robust than MoDL of").counts) == 1
