"""Records of known gains, as table 1 reads them."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from smuglib.evaluation import Score, table_scenarios
from smuglib.methods import METHODS

SCENARIOS = [s for s in table_scenarios() if s.name in ("clean", "noise", "transfer")]
GAINS = {"zero_filled": -5.0, "modl": 0.0, "rs_e2e": 1.0, "smug_v0": 2.0, "smug": 3.0}
COST = {"clean": 0.0, "noise": 1.0, "transfer": 8.0}
COST |= {"transfer_published": 8.0, "adaptive_image": 8.0, "adaptive_kspace_l2": 8.0}


def record(method, scenario, index, sigma=0.05, **changes):
    """Return a row whose PSNR is 30, minus the scenario's cost, plus the method's gain there."""
    gain = GAINS.get(method, 0.0) if scenario.name == "transfer" or method == "zero_filled" else 0.0
    attack = scenario.attack
    ascends = attack is not None and attack.kind == "pgd"
    values = {
        "method": method, "training_sigma": sigma if method in METHODS else 0.0,
        "placement": METHODS.get(method, "none"), "sigma": 0.0, "n_samples": 0, "n_steps": 8,
        "scenario": scenario.name, "rung": scenario.rung, "epsilon": scenario.epsilon,
        "domain": attack.domain if attack else "none", "norm": attack.norm if attack else "none",
        "attack_steps": attack.n_steps if attack and ascends else 0,
        "attack_restarts": attack.n_restarts if attack and ascends else 0, "attack_samples": 0,
        "attack_precision": "float32" if ascends else "none",
        "sampling_rate": 0.25, "consistency_rate": 0.25, "seed": 0, "split": "test",
        "subject": index % 5, "slice": index,
        "psnr": 30 - COST.get(scenario.name, 8.0) + gain + 0.1 * index, "ssim": 0.9 + 0.001 * gain,
        "nmse": 0.01, "ssim_published": 0.95, "psnr_zero_filled": 24.0, "ssim_zero_filled": 0.7,
        "weights_sha256": f"{method} {sigma}", "commit": "abc", "versions": "", "device": "CPU",
    }  # fmt: skip
    return Score(**{**values, **changes})


def block(sigma=0.05, n_slices=6, methods=tuple(GAINS), scenarios=SCENARIOS, **changes):
    rows = [
        record(method, scenario, index, sigma, **changes)
        for method in methods
        for scenario in scenarios
        for index in range(n_slices)
    ]
    return pd.DataFrame([asdict(row) for row in rows])


def line(table, method, scenario, metric="psnr", sigma=0.05):
    chosen = table[
        (table["method"] == method)
        & (table["scenario"] == scenario)
        & (table["metric"] == metric)
        & (table["block"] == sigma)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


WHOLE = ("modl", "rs_e2e", "smug_v0", "smug")
