"""The training loop: schedule, log, best and last, and a resume that changes no bit."""

from __future__ import annotations

import json
import math
import re
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.metadata import version

import pandas as pd
import pytest
import torch
from torch import nn

from smuglib import files, provenance
from smuglib.models import denoisers
from smuglib.models.weights import read_tensors
from smuglib.random import complex_normal, generator
from smuglib.training import Budget, BudgetSpentError, Plan, Training, one_cycle
from smuglib.training.loop import MOST_FALLS
from smuglib.training.plan import NORM_MEMORY
from tests.crashes import crashes

PLAN = Plan(updates=8, learning_rate=1e-2, clip_factor=2.0, n_validations=4, settings={"seed": 7})
STATES = ("state", "state.previous")
RESULTS = ("best.safetensors", "last.safetensors", "log.csv", "provenance.json")


class Interruption(Exception):
    """Stands for a killed process."""


class Run:
    """A small denoising problem, with the training that solves it."""

    def __init__(self, folder, plan=PLAN, *, stop_at=None, scores=None, network=None, **options):
        self.network = network or denoisers.seeded(
            {"name": "dncnn", "channels": 4, "blocks": 1}, seed=1
        )
        self.stop_at, self.scores, self.seen = stop_at, list(scores or []), []
        self.folder = folder
        self.training = Training(self.network, self.loss, self.validate, plan, folder, **options)

    def images(self, key):
        like = torch.zeros(1, dtype=torch.complex64)
        clean = complex_normal((2, 8, 8), 1.0, generator(3, key), like).cumsum(-1) / 8
        return clean, clean + complex_normal(clean.shape, 0.1, generator(3, key, "noise"), like)

    def error(self, key):
        clean, noisy = self.images(key)
        return (self.network(noisy) - clean).abs().square().mean()

    def loss(self, update):
        if update == self.stop_at:
            raise Interruption
        self.seen.append(update)
        return self.error(update)

    def validate(self):
        return self.scores.pop(0) if self.scores else -10 * math.log10(self.error("val").item())

    def weights(self, name="last.safetensors"):
        return read_tensors(self.folder / name)[0]


def equal(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


# --- the schedule --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        (0, 0.5),  # the rise takes a tenth of 20 updates
        (1, 1.0),
        (2, 0.5 * (1 + math.cos(math.pi / 19))),
        (10, 0.5 * (1 + math.cos(math.pi * 9 / 19))),
        (19, 0.5 * (1 + math.cos(math.pi * 18 / 19))),
    ],
)
def test_one_cycle_has_known_values(update, expected):
    assert one_cycle(update, 20, 2.0) == pytest.approx(2.0 * expected)


@pytest.mark.parametrize("total", [1, 2, 7, 100, 2000])
def test_one_cycle_rises_to_its_peak_then_falls_and_never_reaches_zero(total):
    rates = [one_cycle(update, total, 1e-3) for update in range(total)]
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(1e-3)
    assert min(rates) > 0
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)


# --- what a run does -----------------------------------------------------------------------------


def test_a_run_learns_and_logs_every_validation(tmp_path):
    run = Run(tmp_path, replace(PLAN, updates=60))
    before = run.validate()
    log = run.training.run()
    assert run.seen == list(range(60))
    assert [row["update"] for row in log] == [15, 30, 45, 60]
    assert log[-1]["validation_psnr"] > before + 1
    assert [row["learning_rate"] for row in log] == [
        one_cycle(u, 60, 1e-2) for u in (14, 29, 44, 59)
    ]
    written = pd.read_csv(tmp_path / "log.csv")
    pd.testing.assert_frame_equal(written, pd.DataFrame(log))


def test_the_logged_loss_is_the_mean_since_the_last_row(tmp_path):
    run = Run(tmp_path, replace(PLAN, updates=2, n_validations=1))
    original, losses = run.training._loss, []

    def spy(update):
        losses.append(original(update))
        return losses[-1]

    run.training._loss = spy
    assert run.training.run()[0]["loss"] == pytest.approx(sum(x.item() for x in losses) / 2)


def test_more_validations_than_updates_validate_after_each(tmp_path):
    log = Run(tmp_path, replace(PLAN, updates=2, n_validations=5)).training.run()
    assert [row["update"] for row in log] == [1, 2]


def test_best_keeps_the_best_validation_and_last_the_last(tmp_path):
    run = Run(tmp_path, scores=[10.0, 30.0, 20.0, 25.0])
    run.training.run()
    best, last = (
        read_tensors(tmp_path / "best.safetensors")[1],
        read_tensors(tmp_path / "last.safetensors")[1],
    )
    assert (best["update"], best["validation_psnr"]) == (4, 30.0)
    assert (last["update"], last["validation_psnr"]) == (8, 25.0)
    assert not equal(run.weights("best.safetensors"), run.weights())
    assert equal(dict(run.network.state_dict()), run.weights())
    assert json.loads((tmp_path / "provenance.json").read_text())["best_psnr"] == 30.0


def test_provenance_says_what_was_run_and_by_what(tmp_path):
    Run(tmp_path).training.run()
    described = json.loads((tmp_path / "provenance.json").read_text())
    assert described["settings"] == {"seed": 7}
    assert described["updates"] == 8
    assert {"commit", "versions", "device", "time"} <= described.keys()
    # As installed: a CUDA build calls itself 2.9.1+cu128 and is the release 2.9.1.
    assert described["versions"]["torch"] == version("torch")


def test_gradients_are_bounded_by_their_running_mean(tmp_path):
    """A spike counts as the bound it is cut to, so that one spike does not let the next pass."""
    run = Run(tmp_path, replace(PLAN, updates=2, n_validations=2))
    original, norms = run.training._loss, []
    run.training._loss = lambda update: original(update) * (1e6 if update else 1)
    validate = run.training._validate

    def spy():
        squares = [p.grad.square().sum() for p in run.network.parameters() if p.grad is not None]
        norms.append(torch.stack(squares).sum().sqrt().item())
        return validate()

    run.training._validate = spy
    run.training.run()
    assert norms[1] == pytest.approx(2 * norms[0], rel=1e-4)
    mean = NORM_MEMORY * norms[0] + (1 - NORM_MEMORY) * 2 * norms[0]
    assert run.training._norm == pytest.approx(mean, rel=1e-4)


def test_precision_changes_the_arithmetic_of_the_loss(tmp_path):
    runs = [Run(tmp_path / p, replace(PLAN, precision=p)) for p in ("float32", "bfloat16")]
    for run in runs:
        run.training.run()
    exact, coarse = (run.weights() for run in runs)
    assert not equal(exact, coarse)
    for name in exact:
        torch.testing.assert_close(exact[name], coarse[name], atol=0.03, rtol=0.3)
        assert coarse[name].dtype == torch.float32


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_stops_the_training(tmp_path, value):
    run = Run(tmp_path)
    original = run.training._loss
    run.training._loss = lambda update: original(update) * (value if update == 3 else 1)
    with pytest.raises(RuntimeError, match=rf"the loss became {value} at update 3"):
        run.training.run()
    assert all(value.isfinite().all() for value in run.network.state_dict().values())
    assert read_tensors(tmp_path / "state.safetensors")[1]["update"] == 2


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
def test_what_an_update_was_made_from_is_named(tmp_path):
    run = Run(tmp_path, describe=lambda update: f"train slice {update + 10}")
    run.training._loss = lambda update: run.error(update) * math.nan
    with pytest.raises(RuntimeError, match=r"at update 0 of .* \(train slice 10\)"):
        run.training.run()


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
@pytest.mark.parametrize("at", [0, 4, 7])
def test_a_gradient_that_is_not_finite_stops_the_training_before_it_moves_a_weight(tmp_path, at):
    run = Run(tmp_path)
    name, weight = list(run.network.named_parameters())[2]
    weight.register_hook(lambda g: g * (math.nan if run.seen[-1] == at else 1))
    with pytest.raises(RuntimeError, match=rf"gradient of {re.escape(name)} is not .* update {at}"):
        run.training.run()
    assert all(value.isfinite().all() for value in run.network.state_dict().values())
    assert (tmp_path / "last.safetensors").is_file() == (at > 1)


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
def test_a_gradient_too_large_for_its_norm_stops_the_training(tmp_path):
    run = Run(tmp_path)
    for weight in run.network.parameters():
        weight.register_hook(lambda g: torch.full_like(g, 3e38))
    with pytest.raises(RuntimeError, match="gradient of all parameters, together, is not finite"):
        run.training.run()


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_validation_that_is_not_finite_stops_the_training(tmp_path, value):
    run = Run(tmp_path, scores=[20.0, *[value] * 5])
    with pytest.raises(RuntimeError, match=rf"validation PSNR is {value} after update 3 of"):
        run.training.run()
    assert read_tensors(tmp_path / "state.safetensors")[1]["update"] == 2


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
def test_weights_that_are_not_finite_are_never_kept(tmp_path):
    run = Run(tmp_path, scores=[20.0] * 8)
    name, weight = next(iter(run.network.named_parameters()))
    step = run.training._optimizer.step

    def diverging():
        step()
        if run.seen[-1] == 7:
            weight.data[0] = math.inf

    run.training._optimizer.step = diverging
    with pytest.raises(RuntimeError, match=f"{re.escape(name)} is not finite after update 7"):
        run.training.run()
    assert all(value.isfinite().all() for value in run.weights().values())


# --- resume ---------------------------------------------------------------------------------------


def test_the_same_training_twice_is_bitwise_the_same(tmp_path):
    runs = [Run(tmp_path / name) for name in "ab"]
    logs = [run.training.run() for run in runs]
    assert equal(runs[0].weights(), runs[1].weights())
    for row in (*logs[0], *logs[1]):
        row.pop("seconds")
    assert logs[0] == logs[1]


@pytest.mark.parametrize("stops", [(1,), (2,), (5,), (3, 7), (2, 2, 6)])
def test_an_interrupted_training_ends_bitwise_as_one_that_was_not(tmp_path, stops):
    whole = Run(tmp_path / "whole")
    log = whole.training.run()
    for stop in stops:
        broken = Run(tmp_path / "broken", stop_at=stop)
        with pytest.raises(Interruption):
            broken.training.run()
    resumed = Run(tmp_path / "broken")
    resumed_log = resumed.training.run()
    assert resumed.seen[0] == 2 * (max(stops) // 2)  # from the last checkpoint, not from the start
    for name in ("best.safetensors", "last.safetensors"):
        assert equal(whole.weights(name), resumed.weights(name))
        assert (
            read_tensors(tmp_path / "whole" / name)[1]
            == read_tensors(tmp_path / "broken" / name)[1]
        )
    for row in (*log, *resumed_log):
        row.pop("seconds")
    assert log == resumed_log


def test_a_kill_between_the_files_of_a_checkpoint_is_repaired(tmp_path, monkeypatch):
    """The state is written first, and the other files follow from it."""
    whole = Run(tmp_path / "whole")
    whole.training.run()
    broken = Run(tmp_path / "broken")

    def killed(results):
        raise Interruption

    monkeypatch.setattr(broken.training._checkpoints, "write", killed)
    with pytest.raises(Interruption):
        broken.training.run()
    assert not (tmp_path / "broken" / "last.safetensors").exists()
    resumed = Run(tmp_path / "broken")
    with pytest.warns(UserWarning, match=r"best\.safetensors, last\.safetensors, .* written again"):
        resumed.training.run()
    assert resumed.seen[0] == 2
    assert equal(whole.weights("best.safetensors"), resumed.weights("best.safetensors"))
    assert equal(whole.weights(), resumed.weights())


@pytest.mark.filterwarnings("ignore:.* did not fit the state")
def test_a_crash_at_any_point_of_a_training_changes_no_bit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "describe", lambda *devices: {"time": "then"})
    plan, folder = replace(PLAN, updates=2, n_validations=2), tmp_path / "run"
    Run(tmp_path / "whole", plan).training.run()
    kept = ("best.safetensors", "last.safetensors")
    expected = [files.sha256(tmp_path / "whole" / name) for name in kept]

    def prepare():
        shutil.rmtree(folder, ignore_errors=True)

    stops = []
    for stop in crashes(prepare, lambda: Run(folder, plan).training.run()):
        stops.append(stop)
        Run(folder, plan).training.run()
        assert [files.sha256(folder / name) for name in kept] == expected
    # Twice the state and four files, each written, synced, renamed, synced; one state set aside.
    assert len(stops) == 2 * 5 * 4 + 1


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("damage", [lambda content: content[:-7], lambda content: b"", None])
def test_a_damaged_or_lost_result_is_written_again(tmp_path, name, damage):
    run = Run(tmp_path, scores=[10.0, 30.0, 20.0, 25.0])
    run.training.run()
    path = tmp_path / name
    before = path.read_bytes()
    path.write_bytes(damage(before)) if damage else path.unlink()
    with pytest.warns(UserWarning, match=rf"{re.escape(name)} in .* did not fit the state"):
        Run(tmp_path).training.run()
    assert path.read_bytes() == before


def test_a_damaged_state_costs_one_checkpoint_and_two_all_of_them(tmp_path):
    whole = Run(tmp_path / "whole")
    whole.training.run()
    Run(tmp_path / "broken").training.run()
    newest, previous = (tmp_path / "broken" / f"{n}.safetensors" for n in STATES)
    newest.write_bytes(newest.read_bytes()[:-10])
    resumed = Run(tmp_path / "broken")
    with (
        pytest.warns(UserWarning, match=r"state\.safetensors cannot be read: .* before it"),
        pytest.warns(UserWarning, match=r"last\.safetensors, .* did not fit the state"),
    ):
        resumed.training.run()
    assert resumed.seen == [6, 7]
    assert equal(whole.weights(), resumed.weights())
    for path in (newest, previous):
        path.write_bytes(b"torn")
    anew = Run(tmp_path / "broken")
    with pytest.warns(UserWarning, match="cannot be read"):
        anew.training.run()
    assert anew.seen == list(range(8))
    assert equal(whole.weights("best.safetensors"), anew.weights("best.safetensors"))


def test_a_second_training_in_the_folder_waits_and_takes_over(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.05)
    first, second = Run(tmp_path), Run(tmp_path)
    inside, go_on = threading.Event(), threading.Event()
    loss = first.training._loss

    def slow(update):
        inside.set()
        go_on.wait(10)
        return loss(update)

    first.training._loss = slow
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(first.training.run)
        inside.wait(10)
        threading.Timer(0.2, go_on.set).start()
        with pytest.warns(UserWarning, match="waiting for another process that writes to"):
            log = second.training.run()
        assert second.seen == []
        assert log == running.result()


def test_a_finished_training_is_not_run_again(tmp_path):
    log = Run(tmp_path).training.run()
    hashes = {name: files.sha256(tmp_path / name) for name in RESULTS}
    again = Run(tmp_path)
    assert again.training.run() == log
    assert again.seen == []
    assert hashes == {name: files.sha256(tmp_path / name) for name in RESULTS}


@pytest.mark.parametrize(
    "change",
    [
        {"updates": 9},
        {"learning_rate": 2e-2},
        {"clip_factor": 3.0},
        {"n_validations": 2},
        {"precision": "bfloat16"},
        {"settings": {"seed": 8}},
    ],
)
def test_another_plan_is_refused_on_resume(tmp_path, change):
    Run(tmp_path, stop_at=None).training.run()
    with pytest.raises(ValueError, match="belongs to a training with other settings"):
        Run(tmp_path, replace(PLAN, **change)).training.run()


def test_a_state_of_another_network_is_refused(tmp_path):
    Run(tmp_path).training.run()
    other = nn.Linear(2, 2)
    with pytest.raises(RuntimeError, match="size mismatch|Missing key"):
        Run(tmp_path, network=other).training.run()


# --- falls, averages, budgets --------------------------------------------------------------------


def overflowing(run, at, times):
    """Let the loss of an update overflow so many times, as low precision would."""
    original, left = run.training._loss, [times]

    def loss(update):
        overflows = update == at and left[0] > 0
        left[0] -= overflows
        return original(update) * (math.inf if overflows else 1)

    run.training._loss = loss


@pytest.mark.parametrize("at", [0, 5])
@pytest.mark.parametrize("times", [1, MOST_FALLS])
def test_a_training_goes_back_from_what_is_not_finite_and_slows_down(tmp_path, at, times):
    run = Run(tmp_path)
    overflowing(run, at, times)
    with pytest.warns(UserWarning, match=rf"update {at} of .* back to update {at // 2 * 2}, with"):
        log = run.training.run()
    start = at // 2 * 2
    assert run.seen[: at + 1] == list(range(at + 1))
    assert run.seen[at + 1 :] == [*range(start, at + 1)] * times + [*range(at + 1, 8)]
    slowed = 0.5**times
    assert log[-1]["learning_rate"] == slowed * one_cycle(7, 8, 1e-2)
    assert [row["learning_rate"] for row in log[: start // 2]] == [
        one_cycle(u, 8, 1e-2) for u in range(1, start, 2)
    ]
    falls = json.loads((tmp_path / "provenance.json").read_text())["falls"]
    assert len(falls) == times
    assert all(f"the loss became inf at update {at} of" in fall for fall in falls)


def test_a_fall_leaves_no_trace_but_the_rate(tmp_path):
    """Weights and Adam's moments are those of the state: as if begun there at half the rate."""
    fallen, slow = Run(tmp_path / "fallen"), Run(tmp_path / "slow")
    overflowing(fallen, 1, 1)
    with pytest.warns(UserWarning, match="back to update 0"):
        fallen.training.run()
    slow.training._falls = ["as if"]
    slow.training.run()
    assert equal(fallen.weights(), slow.weights())


@pytest.mark.filterwarnings("ignore:.* of the planned learning rate")
def test_a_training_that_fell_and_was_stopped_ends_bitwise_as_one_that_fell(tmp_path):
    whole, broken = Run(tmp_path / "whole"), Run(tmp_path / "broken", stop_at=6)
    for run in (whole, broken):
        overflowing(run, 3, 1)
    whole.training.run()
    with pytest.raises(Interruption):
        broken.training.run()
    resumed = Run(tmp_path / "broken")
    resumed.training.run()
    assert resumed.seen == [6, 7]
    assert equal(whole.weights(), resumed.weights())


@pytest.mark.parametrize("every", [3, 50])
def test_numbers_that_are_read_late_change_nothing(tmp_path, monkeypatch, every):
    """On a GPU losses and norms are read now and then; a fall is then seen late."""
    now, late = Run(tmp_path / "now"), Run(tmp_path / "late")
    log = now.training.run()
    monkeypatch.setattr(late.training, "_read_every", every)
    late_log = late.training.run()
    assert equal(now.weights(), late.weights())
    assert [row["loss"] for row in log] == [row["loss"] for row in late_log]
    fallen = Run(tmp_path / "fallen", replace(PLAN, n_validations=1))
    monkeypatch.setattr(fallen.training, "_read_every", every)
    overflowing(fallen, 4, 1)
    with pytest.warns(UserWarning, match="became inf at update 4 of .* back to update 0"):
        fallen.training.run()
    seen_late = min(8, -(-5 // every) * every)
    assert fallen.seen == [*range(seen_late), *range(8)]
    assert all(value.isfinite().all() for value in fallen.weights().values())


def test_the_moving_average_is_what_is_validated_and_kept(tmp_path):
    """By its definition: a ← d a + (1 - d) w, d = min(decay, (1 + n)/(10 + n))."""
    plan = replace(PLAN, n_validations=8, ema_decay=0.3)
    averaged, plain = Run(tmp_path / "averaged", plan), Run(tmp_path / "plain")
    expected = [p.detach().double() for p in plain.network.parameters()]
    step, n_done = plain.training._optimizer.step, [0]

    def stepping():
        step()
        decay = min(0.3, (1 + n_done[0]) / (10 + n_done[0]))
        n_done[0] += 1
        for mean, weight in zip(expected, plain.network.parameters(), strict=True):
            mean.lerp_(weight.detach().double(), 1 - decay)

    plain.training._optimizer.step = stepping
    plain.training.run()
    seen = []
    validate = averaged.training._validate

    def spy():
        seen.append({k: v.clone() for k, v in averaged.network.state_dict().items()})
        return validate()

    averaged.training._validate = spy
    averaged.training.run()
    assert equal(dict(averaged.network.state_dict()), plain.weights())  # it only watches
    assert equal(seen[-1], averaged.weights())
    found = [averaged.weights()[name] for name, _ in averaged.network.named_parameters()]
    for weight, mean in zip(found, expected, strict=True):
        # Eight roundings of numbers below 1 to single precision.
        torch.testing.assert_close(weight.double(), mean, atol=1e-6, rtol=0)
    assert not equal(averaged.weights(), plain.weights())


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_snapshots_are_the_weights_of_a_shorter_look_and_change_nothing(tmp_path, ema_decay):
    """One validation an update leaves the weights of every update as those of the last."""
    plan = replace(PLAN, n_validations=8, ema_decay=ema_decay)
    plain, kept = Run(tmp_path / "plain", plan), Run(tmp_path / "kept", plan, snapshots={3, 5})
    seen = {}
    save = plain.training._save

    def spy():
        save()
        seen[plain.training._update] = plain.weights()

    plain.training._save = spy
    log, kept_log = plain.training.run(), kept.training.run()
    for update in (3, 5):
        tensors, header = read_tensors(kept.folder / f"update_{update}.safetensors")
        assert equal(tensors, seen[update])
        assert header["update"] == update
    for name in ("best.safetensors", "last.safetensors"):
        assert equal(plain.weights(name), kept.weights(name))
    drop = ("seconds",)
    assert [{k: v for k, v in row.items() if k not in drop} for row in log] == [
        {k: v for k, v in row.items() if k not in drop} for row in kept_log
    ]
    assert sorted(p.name for p in plain.folder.glob("update_*")) == []


def test_snapshots_survive_an_interruption_and_a_state_without_them_goes_on(tmp_path):
    plan, asked = replace(PLAN, n_validations=4), {"snapshots": (3, 5)}
    whole, broken = Run(tmp_path / "whole", plan, **asked), tmp_path / "broken"
    whole.training.run()
    with pytest.raises(Interruption):
        Run(broken, plan, stop_at=4, **asked).training.run()
    Run(broken, plan, **asked).training.run()
    for name in ("update_3.safetensors", "update_5.safetensors"):
        assert (broken / name).read_bytes() == (whole.folder / name).read_bytes()
    old = tmp_path / "old"
    with pytest.raises(Interruption):
        Run(old, plan, stop_at=4).training.run()
    later = Run(old, plan, **asked)
    later.training.run()
    assert equal(later.weights(), whole.weights())
    assert [path.name for path in old.glob("update_*")] == ["update_5.safetensors"]


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_a_training_in_slices_of_a_budget_ends_bitwise_as_one_without(tmp_path, ema_decay):
    plan = replace(PLAN, ema_decay=ema_decay)
    whole, folder = Run(tmp_path / "whole", plan), tmp_path / "sliced"
    log, seen, said = whole.training.run(), [], []
    for _ in range(20):
        part = Run(folder, plan)
        try:
            sliced_log = part.training.run(Budget(0.0))
        except BudgetSpentError as error:
            said.append(str(error))
        seen += part.seen
        if part.seen == [7]:
            break
    assert seen == list(range(8))  # an update a call, none twice
    assert said[2] == "the budget of 0.0 s is spent: sliced is at update 3 of 8"
    assert len(said) == 7
    assert equal(whole.weights(), Run(folder, plan).weights())
    assert equal(whole.weights("best.safetensors"), Run(folder, plan).weights("best.safetensors"))
    for row in (*log, *sliced_log):
        row.pop("seconds")
    assert log == sliced_log


@pytest.mark.parametrize("seconds", [-1, math.nan, "ten", True])
def test_a_budget_is_refused_that_is_no_time(seconds):
    with pytest.raises(ValueError, match="budget must be"):
        Budget(seconds)
