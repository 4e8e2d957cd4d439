"""Two processes that train one network reach the parameters of one."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

from smuglib.files import read_json
from smuglib.models import denoisers
from smuglib.models.weights import read_tensors
from smuglib.random import complex_normal, generator
from smuglib.training import Budget, BudgetSpentError, Plan, Training, ranks

PLAN = Plan(updates=20, learning_rate=1e-2, clip_factor=2.0, n_validations=2, ema_decay=0.5)
BATCH = 4


def examples(update: int) -> torch.Tensor:
    like = torch.zeros(1, dtype=torch.complex64)
    draws = [complex_normal((8, 8), 1.0, generator(5, update, k), like) for k in range(BATCH)]
    return torch.stack(draws)


def train(folder: Path, seconds: float | None = None) -> None:
    """Train on this process's share of every batch."""
    network = denoisers.seeded({"name": "dncnn", "channels": 4, "blocks": 1}, seed=1)

    def loss(update: int) -> torch.Tensor:
        share = examples(update)[ranks.share(BATCH)]
        return (network(share) - 0.5 * share).abs().square().mean()

    training = Training(
        network, loss, lambda: -network(examples(99)).abs().mean().item(), PLAN, folder
    )
    training.run(Budget(seconds))


def work(number: int, n_processes: int, folder: Path) -> None:
    """Train twice: the budget of one of the processes stops the first call after an update."""
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}.store", rank=number, world_size=n_processes
    )
    with pytest.raises(BudgetSpentError):
        train(folder, seconds=None if number else 0.0)
    assert read_tensors(folder / "state.safetensors")[1]["update"] == 1
    train(folder)
    torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform != "linux", reason="gloo of two local processes")
def test_two_processes_reach_the_parameters_of_one(tmp_path):
    train(tmp_path / "one")
    multiprocessing.spawn(work, (2, tmp_path / "two"), nprocs=2)
    for name in ("best", "last"):
        one, two = (read_tensors(tmp_path / n / f"{name}.safetensors")[0] for n in ("one", "two"))
        for key, value in one.items():
            # The sum of four terms in another order, twenty times.
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-6)
    log = [(tmp_path / n / "log.csv").read_text().splitlines() for n in ("one", "two")]
    assert len(log[0]) == len(log[1]) == 3
    made = [read_json(tmp_path / n / "provenance.json")["device"] for n in ("one", "two")]
    assert made[1] == f"2 x {made[0]}"


def test_a_process_alone_waits_for_none_and_changes_nothing():
    tensor = torch.ones(2)
    ranks.average([tensor])
    ranks.wait()
    assert tensor.tolist() == [1, 1]
    assert ranks.place() == (0, 1)
    assert ranks.is_first()
    assert ranks.largest(3, torch.device("cpu")) == 3
    assert ranks.share(5) == slice(0, 5)
    with ranks.together(torch.device("cpu")) as device, ranks.first_before_others():
        assert device == torch.device("cpu") and not torch.distributed.is_initialized()


def test_shares_make_the_batch_and_are_equal_or_refused(monkeypatch):
    shares = []
    for number in range(3):
        monkeypatch.setattr(ranks, "place", lambda number=number: (number, 3))
        shares += range(6)[ranks.share(6)]
    assert shares == list(range(6))
    with pytest.raises(ValueError, match="batch must be a multiple .* processes, 3, got 4"):
        ranks.share(4)


@pytest.mark.parametrize("breaks", [False, True])
def test_each_process_has_a_gpu_of_its_own_and_leaves_the_others_in_order(monkeypatch, breaks):
    for name, value in (("TORCHELASTIC_RUN_ID", "none"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    done, gpu = [], torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "set_device", done.append)
    for name in ("init_process_group", "destroy_process_group"):
        call = lambda *words, name=name, **named: done.append((name[:4], *words, named))  # noqa: E731
        monkeypatch.setattr(torch.distributed, name, call)
    with suppress(ArithmeticError), ranks.together(torch.device("cuda")) as device:
        assert device == gpu
        if breaks:
            raise ArithmeticError
    joined = [gpu, ("init", "nccl", {"device_id": gpu})]
    # Others may wait for a process that broke: it must end, and not wait for them.
    assert done == joined + ([] if breaks else [("dest", {})])
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="'cuda:2', but this machine has 2 CUDA devices"):
        ranks.together(torch.device("cuda")).__enter__()


def test_a_process_that_has_not_the_others_state_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "largest", lambda value, device: value + 1)
    with pytest.raises(ValueError, match="must be the same folder on every machine"):
        train(tmp_path)
