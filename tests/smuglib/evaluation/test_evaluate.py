"""Rows are functions of seed, slice and scenario; evaluations resume; every override is used."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from smuglib import data, metrics
from smuglib.consistency import DataConsistency
from smuglib.consistency.step import as_step
from smuglib.evaluation import Scenario, evaluate, scores
from smuglib.evaluation.trial import reconstruct
from smuglib.models import ZeroFilled, unrolled
from smuglib.operators import SenseOperator
from smuglib.training import Budget, BudgetSpentError
from tests.evaluated import ADAPTIVE, OPTIONS, QUICK
from tests.scans import network, scan

CLEAN = Scenario("clean")
KSPACE = Scenario("kspace", "kspace", 0.05, **QUICK)


def test_rows_hold_settings_and_scores(scans):
    net = network("smug", n_samples=3, n_steps=2)
    rows = evaluate(net, scans, [CLEAN, ADAPTIVE], seed=4, weights_sha256="f00", **OPTIONS)
    assert [(row.slice, row.scenario) for row in rows] == [
        (index, name) for index in range(3) for name in ("clean", "adaptive")
    ]
    clean, attacked = rows[2:4]
    assert (clean.method, clean.training_sigma, clean.placement) == ("smug", 0.05, "denoiser")
    assert (clean.sigma, clean.n_samples, clean.n_steps) == (0.05, 3, 2)
    assert (clean.rung, clean.epsilon, clean.domain, clean.norm) == ("clean", 0.0, "none", "none")
    assert (clean.attack_steps, clean.attack_restarts, clean.attack_samples) == (0, 0, 0)
    assert (attacked.rung, attacked.epsilon) == ("adaptive", 0.02)
    assert (attacked.domain, attacked.norm) == ("image", "linf")
    assert (attacked.attack_steps, attacked.attack_restarts, attacked.attack_samples) == (2, 1, 1)
    assert (attacked.split, attacked.subject, attacked.slice) == ("test", 0, 1)
    assert (attacked.sampling_rate, attacked.seed, attacked.weights_sha256) == (0.5, 4, "f00")
    assert "torch 2" in attacked.versions
    z, x = reconstruct(net, scans[1], ADAPTIVE, seed=4)
    assert attacked.psnr == metrics.psnr(x, scans[1].target).item()
    assert attacked.ssim == metrics.ssim(x, scans[1].target).item()
    assert attacked.nmse == metrics.nmse(x, scans[1].target).item()
    assert attacked.ssim_published == metrics.ssim_published(x, scans[1].target).item()
    assert attacked.psnr_zero_filled == metrics.psnr(z, scans[1].target).item()
    assert attacked.ssim_zero_filled == metrics.ssim(z, scans[1].target).item()
    assert attacked.psnr < clean.psnr
    assert attacked.psnr_zero_filled < clean.psnr_zero_filled


def test_rows_do_not_depend_on_order_or_company(scans):
    net = network("smug")
    together = evaluate(net, scans, [CLEAN, KSPACE, ADAPTIVE], **OPTIONS)
    reverse = evaluate(net, scans[::-1], [ADAPTIVE, CLEAN, KSPACE], **OPTIONS)
    alone = evaluate(net, scans[2:], [ADAPTIVE], **OPTIONS)
    by_identity = {row.identity: row for row in reverse}
    assert [by_identity[row.identity] for row in together] == together
    assert alone == [together[-1]]


STRONG = Scenario("strong", "adaptive_strong", 0.02, attack_steps=3, attack_samples=1)
IN_BATCHES = [
    CLEAN,
    KSPACE,
    ADAPTIVE,
    STRONG,
    Scenario("noise", "random_gaussian", 0.02),
    Scenario("rate", sampling_rate=0.25),
    Scenario("mismatch", sampling_rate=0.25, mask_mismatch=True),
]


@pytest.mark.parametrize("method", ["modl", "rs_e2e", "smug"])
@pytest.mark.parametrize("batch", [2, 3])
def test_a_row_does_not_depend_on_the_batch_that_it_is_computed_in(scans, method, batch):
    net = network(method, n_samples=2)
    options = {**OPTIONS, "rescan": lambda scan, rate: masked(scan, rate)}
    alone, together = (
        evaluate(net, scans, IN_BATCHES, batch=size, **options) for size in (1, batch)
    )
    for one, other in zip(alone, together, strict=True):
        assert one.identity == other.identity
        # To rounding: a batch's sums run in another order, and an attack goes on from there.
        assert other.psnr == pytest.approx(one.psnr, abs=2e-3)
        assert other.psnr_zero_filled == pytest.approx(one.psnr_zero_filled, abs=2e-3)


def masked(scan, rate):
    """Keep so many of a scan's columns, from the centre on."""
    width = scan.mask.shape[-1]
    near = (torch.arange(width) - width // 2).abs() <= rate * width / 2
    mask = scan.mask & near
    return replace(scan, kspace=scan.kspace * mask, mask=mask)


def test_scans_of_two_sizes_share_a_batch(scans):
    small = data.brain("test", 1, height=32, width=40, n_coils=2)
    net = network("smug")
    mixed = [scans[0], small, scans[1]]
    alone, together = (evaluate(net, mixed, [ADAPTIVE], batch=n, **OPTIONS) for n in (1, 3))
    assert [row.slice for row in together] == [row.slice for row in alone]
    for one, other in zip(alone, together, strict=True):
        assert other.psnr == pytest.approx(one.psnr, abs=2e-3)


def test_an_evaluation_in_slices_of_a_budget_is_that_without_one(scans, tmp_path):
    net, partial = network("smug"), tmp_path / "partial.csv"
    whole = evaluate(net, scans, [CLEAN, ADAPTIVE], **OPTIONS)
    for n_done in (1, 2):
        with pytest.raises(BudgetSpentError, match=rf"evaluated at {n_done} of 3 scans"):
            evaluate(net, scans, [CLEAN, ADAPTIVE], partial=partial, budget=Budget(0), **OPTIONS)
    rows = evaluate(net, scans, [CLEAN, ADAPTIVE], partial=partial, budget=Budget(0), **OPTIONS)
    assert rows == whole


def test_seed_changes_attacks_and_noise(scans):
    net = network("smug")
    first, second = (
        evaluate(net, scans[:1], [CLEAN, ADAPTIVE], seed=seed, **OPTIONS) for seed in (0, 1)
    )
    for one, other in zip(first, second, strict=True):
        assert one.psnr != other.psnr


@pytest.mark.parametrize(
    "override",
    [
        {"rung": "kspace"},
        {"epsilon": 0.03},
        {"domain": "kspace"},
        {"norm": "l2"},
        {"attack_steps": 3},
        {"attack_restarts": 4},
        {"attack_samples": 2},
        {"n_steps": 1},
        {"n_samples": 5},
        {"sampling_rate": 0.75},
    ],
    ids=lambda override: next(iter(override)),
)
def test_every_override_of_a_scenario_changes_the_row(scans, override):
    net = network("smug", n_samples=3)
    pair = [ADAPTIVE, replace(ADAPTIVE, name="other", **override)]
    rows = evaluate(
        net, scans[:1], pair, rescan=lambda old, rate: scan(old.slice_index, rate), **OPTIONS
    )
    assert rows[0].psnr != rows[1].psnr
    field, value = next(iter(override.items()))
    assert getattr(rows[1], field) == value


def test_the_solver_is_the_one_asked_for(scans, monkeypatch):
    asked = []

    def noted(A, lam, solver="auto"):
        if isinstance(A, SenseOperator):
            asked.append(solver)
        return as_step(A, lam, solver)

    monkeypatch.setattr(unrolled, "as_step", noted)
    for solver in ("auto", "cg_coupled"):
        evaluate(network("smug_v0"), scans[:1], [CLEAN], solver=solver, **OPTIONS)
    assert asked == ["auto", "cg_coupled"]


def test_a_mismatched_mask_measures_with_one_and_solves_with_the_other(scans):
    net = network("modl", n_steps=2)
    other = scan(0, 0.75)
    setting = {"sampling_rate": 0.75, "mask_mismatch": True}
    clean, attacked = evaluate(
        net,
        scans[:1],
        [Scenario("clean", **setting), replace(ADAPTIVE, **setting)],
        rescan=lambda old, rate: scan(old.slice_index, rate),
        **OPTIONS,
    )
    z = other.operator.adjoint(other.kspace)
    with torch.no_grad():
        expected = net(z, DataConsistency(scans[0].operator, net.lam))
    assert clean.psnr == metrics.psnr(expected, other.target).item()
    assert (clean.sampling_rate, clean.consistency_rate) == (0.75, 0.5)
    assert clean.psnr_zero_filled == metrics.psnr(z, other.target).item()
    assert attacked.psnr < clean.psnr


def test_a_rough_ascent_is_scored_in_full_precision(scans):
    net = network("smug", n_steps=2, n_samples=2)
    rough = replace(ADAPTIVE, precision="bfloat16")
    exact, other = evaluate(net, scans[:1], [ADAPTIVE, rough], **OPTIONS)
    assert (exact.attack_precision, other.attack_precision) == ("float32", "bfloat16")
    z, x = reconstruct(net, scans[0], rough)
    assert other.psnr == metrics.psnr(x, scans[0].target).item()
    assert x.dtype == torch.complex64
    assert other.psnr == pytest.approx(exact.psnr, abs=0.5)
    assert all(part.precision == "float32" for part in net.modules() if hasattr(part, "precision"))


def test_attack_samples_say_none_around_the_smoothing(scans):
    rows = evaluate(
        network("smug"), scans[:1], [Scenario("t", "transfer", 0.01, **QUICK)], **OPTIONS
    )
    assert rows[0].attack_samples == 0
    rows = evaluate(network("modl"), scans[:1], [ADAPTIVE], **OPTIONS)
    assert (rows[0].attack_samples, rows[0].n_samples, rows[0].sigma) == (0, 0, 0.0)


# --- resuming -----------------------------------------------------------------------------------


def test_an_interrupted_evaluation_resumes(scans, tmp_path):
    partial, net = tmp_path / "partial.csv", network("smug")
    whole = evaluate(net, scans, [CLEAN, ADAPTIVE], **OPTIONS)
    calls = []
    net.register_forward_hook(lambda *_: calls.append(1))

    class Power(Exception):
        """Raised to interrupt."""

    class Failing(list):
        def __iter__(self):
            yield from scans[:2]
            raise Power

    with pytest.raises(Power):
        evaluate(net, Failing(scans), [CLEAN, ADAPTIVE], partial=partial, **OPTIONS)
    held = scores.rows_of(scores.read(partial, verify=False))
    assert held == whole[:4]
    calls.clear()
    resumed = evaluate(net, scans, [CLEAN, ADAPTIVE], partial=partial, **OPTIONS)
    assert resumed == whole
    # One slice is left: its clean forward pass, two steps of the attack, its scored pass.
    assert len(calls) == 4
    calls.clear()
    assert evaluate(net, scans, [CLEAN, ADAPTIVE], partial=partial, **OPTIONS) == whole
    assert not calls
    text = partial.read_text()
    partial.write_text(text.replace(f"{whole[0].psnr}", "92.5"))
    with pytest.warns(UserWarning, match=r"partial\.csv cannot be read: .* computed again"):
        assert evaluate(net, scans, [CLEAN, ADAPTIVE], partial=partial, **OPTIONS) == whole
    assert partial.read_text() == text


def test_rows_of_other_settings_are_not_reused_and_not_lost(scans, tmp_path):
    partial, net = tmp_path / "partial.csv", network("smug")
    first = evaluate(net, scans[:1], [CLEAN], partial=partial, weights_sha256="a", **OPTIONS)
    second = evaluate(net, scans[:1], [CLEAN], partial=partial, weights_sha256="b", **OPTIONS)
    assert first[0].weights_sha256 == "a"
    assert second[0].weights_sha256 == "b"
    held = scores.rows_of(scores.read(partial, verify=False))
    assert held == second + first


# --- baselines and scenario sets ----------------------------------------------------------------


def test_zero_filled_baseline(scans):
    options = {**OPTIONS, "method": "zero_filled", "training_sigma": 0.0}
    rows = evaluate(ZeroFilled(), scans[:1], [CLEAN, ADAPTIVE, KSPACE], **options)
    A, target = scans[0].operator, scans[0].target
    assert rows[0].psnr == metrics.psnr(A.adjoint(scans[0].kspace), target).item()
    assert rows[0].n_steps == rows[0].n_samples == 0
    assert rows[0].placement == "none"
    for row in rows:
        assert row.psnr == row.psnr_zero_filled
    assert rows[1].psnr < rows[0].psnr
    assert rows[2].psnr < rows[0].psnr


def test_a_scan_of_the_simulator():
    real = data.brain("test", 1, height=64, width=64, n_coils=4)
    rows = evaluate(network("smug"), [real], [CLEAN, KSPACE], **OPTIONS)
    assert rows[0].sampling_rate == 0.25
    assert (rows[0].subject, rows[0].slice) == (int(real.subject), 1)
    assert rows[1].psnr < rows[0].psnr


# --- refusals -----------------------------------------------------------------------------------


def test_bad_requests(scans):
    net = network()

    def refused(message, chosen=scans, scenarios=(CLEAN,), **options):
        with pytest.raises(ValueError, match=message):
            evaluate(net, chosen, scenarios, **{**OPTIONS, **options})

    refused("nothing to evaluate: 0 scans", chosen=[])
    refused("nothing to evaluate: 3 scans, 0 scenarios", scenarios=[])
    refused("scenarios must differ, got 'clean' twice", scenarios=[CLEAN, CLEAN])
    refused("method must be", method="")
    refused("training_sigma must be >= 0", training_sigma=-1)
    refused("seed must be", seed=-1)
    refused("give rescan", scenarios=[Scenario("rate", sampling_rate=0.5)])
    refused("batch of one, got a batch of 2", chosen=[data.collate(scans[:2])])
    refused("batch must be an integer >= 1", batch=0)
    with pytest.raises(TypeError, match="budget must be a Budget"):
        evaluate(net, scans, [CLEAN], budget=5.0, **OPTIONS)


def test_a_hidden_gradient_stops_the_evaluation(scans):
    net = network()
    net.forward = lambda z, A, **_: z.detach()
    with pytest.raises(RuntimeError, match="gradient is zero"):
        evaluate(net, scans, [ADAPTIVE], **OPTIONS)


def test_antithetic_scores_have_less_monte_carlo_error_and_the_same_attack(scans):
    """Odd parts cancel in pairs: of as many samples, less of the noise is left in the score."""
    net, pairs = network("smug", n_samples=4), Scenario("pairs", antithetic=True)
    rows = {
        scenario.antithetic: [
            row
            for seed in range(8)
            for row in evaluate(net, scans[:1], [scenario], **OPTIONS, seed=seed)
        ]
        for scenario in (CLEAN, pairs)
    }
    assert {row.antithetic for row in rows[True]} == {1}
    assert {row.antithetic for row in rows[False]} == {0}
    spread = {key: torch.tensor([row.psnr for row in held]).std() for key, held in rows.items()}
    assert spread[True] < 0.5 * spread[False]
    attacked = [
        reconstruct(net, scans[0], replace(ADAPTIVE, antithetic=flag))[0] for flag in (False, True)
    ]
    assert torch.equal(*attacked)
    (plain,) = evaluate(network("modl"), scans[:1], [pairs], **OPTIONS)
    assert plain.antithetic == 0
