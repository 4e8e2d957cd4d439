"""Two processes that train one network reach the parameters of one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import multiprocessing

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
    number, n_processes = ranks.place()

    def loss(update: int) -> torch.Tensor:
        share = examples(update)[number::n_processes]
        return (network(share) - 0.5 * share).abs().square().mean()

    training = Training(
        network, loss, lambda: -network(examples(99)).abs().mean().item(), PLAN, folder
    )
    training.run(Budget(seconds))


def work(number: int, n_processes: int, folder: Path, seconds: float | None) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}.store{seconds}"
    torch.distributed.init_process_group(
        "gloo", init_method=store, rank=number, world_size=n_processes
    )
    try:
        train(folder, None if seconds is None or number else seconds)
    except BudgetSpentError:
        assert seconds is not None
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.skipif(sys.platform != "linux", reason="gloo of two local processes")
def test_two_processes_reach_the_parameters_of_one(tmp_path):
    train(tmp_path / "one")
    # The first call is stopped after an update, by the budget of one of the two.
    for seconds in (0.0, None):
        multiprocessing.spawn(work, (2, tmp_path / "two", seconds), nprocs=2)
        if seconds is not None:
            assert read_tensors(tmp_path / "two" / "state.safetensors")[1]["update"] == 1
    for name in ("best", "last"):
        one, two = (read_tensors(tmp_path / n / f"{name}.safetensors")[0] for n in ("one", "two"))
        for key, value in one.items():
            # The sum of four terms in another order, twenty times.
            torch.testing.assert_close(two[key], value, rtol=1e-5, atol=1e-6)
    log = [(tmp_path / n / "log.csv").read_text().splitlines() for n in ("one", "two")]
    assert len(log[0]) == len(log[1]) == 3


def test_a_process_alone_waits_for_none_and_changes_nothing():
    tensor = torch.ones(2)
    ranks.average([tensor])
    ranks.wait()
    assert tensor.tolist() == [1, 1]
    assert ranks.place() == (0, 1)
    assert ranks.is_first()
    assert ranks.any_of(True, torch.device("cpu"))
    assert not ranks.any_of(False, torch.device("cpu"))
