"""A plateau is where longer and other searches find nothing beyond."""

from __future__ import annotations

import pandas as pd
import pytest

from smugbook.experiments import plateau
from smugbook.experiments.protocol import PROTOCOLS, strongest_rows
from tests.table1 import record

COLUMNS = PROTOCOLS["cpu"].columns
CHECKED = {scenario.name: scenario for scenario in PROTOCOLS["cpu"].sweep("check")}


def rows(scenario, psnr, n_slices=8, **changes):
    attack = scenario.attack
    given = {"attack_restarts": attack.n_restarts, "attack_samples": 0, **changes}
    made = [record("modl", scenario_like(scenario), k, **given) for k in range(n_slices)]
    names = {"scenario": scenario.name, "psnr": [psnr + 0.1 * k for k in range(n_slices)]}
    return pd.DataFrame(map(vars, made)).assign(**names)


def scenario_like(scenario):
    """Return the scenario under a name that the made-up records know the cost of."""
    return type(scenario)("transfer", scenario.rung, scenario.epsilon, domain=scenario.domain,
                          norm=scenario.norm, attack_steps=scenario.attack_steps)  # fmt: skip


@pytest.mark.parametrize(("more", "reached"), [(0.05, True), (0.3, False), (-0.2, True)])
def test_what_a_check_finds_beyond_is_measured_slice_by_slice(more, reached):
    table = pd.concat(
        [rows(COLUMNS["image"], 25.0), rows(CHECKED["plateau_image"], 25.0 - more, n_slices=6)]
    )
    (found,) = plateau.check_plateaus(table, COLUMNS)
    assert (found.method, found.threat, found.check) == ("modl", "image", "plateau")
    assert found.found == pytest.approx([more] * 3)
    assert found.n_slices == 6
    assert found.is_plateau is reached


def test_every_threat_has_both_checks():
    table = pd.concat(
        [rows(COLUMNS[threat], 25.0) for threat in ("image", "range", "kspace")]
        + [rows(scenario, 24.8) for scenario in CHECKED.values()]
    )
    found = plateau.check_plateaus(table, COLUMNS)
    assert {(one.threat, one.check) for one in found} == {
        (threat, check) for threat in ("image", "range", "kspace") for check in plateau.CHECKS
    }
    assert [one.found.mean for one in found] == pytest.approx([0.2] * 6)


def test_of_several_budgets_the_longest_search_counts():
    column = COLUMNS["kspace"]
    short, long = rows(column, 25.0), rows(column, 24.0, attack_restarts=2)
    other = rows(column, 20.0).assign(epsilon=0.01)
    chosen = strongest_rows(pd.concat([short, long, other]), column)
    assert chosen["attack_restarts"].eq(2).all() and len(chosen) == 8


def test_noise_samples_are_compared_with_the_most():
    swept = {scenario.attack_samples: scenario for scenario in PROTOCOLS["cpu"].sweep("eot")}
    table = pd.concat(
        [rows(one, 25.0 + 1 / count, attack_samples=count) for count, one in swept.items()]
    )
    found = plateau.compare_samples(table)["mean"]
    expected = [1 / count - 1 / 10 for count in (1, 2, 4, 10)]
    assert found.tolist() == pytest.approx(expected)
    assert plateau.compare_samples(table.iloc[:0]).empty
