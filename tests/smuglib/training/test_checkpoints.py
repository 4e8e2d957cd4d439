"""A run's folder always has a whole state, wherever the run was stopped."""

from __future__ import annotations

import shutil

import pytest
import torch

from smuglib.training.checkpoints import Checkpoints
from tests.crashes import crashes
from tests.damage import damaged

RESULTS = {"best.safetensors": b"best", "log.csv": b"log"}


def state(number):
    return {"weight": torch.arange(5.0) + number}, {"update": number}


def update_of(folder):
    found = Checkpoints(folder).load()
    if found is None:
        return None
    tensors, header = found
    assert torch.equal(tensors["weight"], state(header["update"])[0]["weight"])
    return header["update"]


def test_the_newest_state_is_loaded(tmp_path):
    checkpoints = Checkpoints(tmp_path / "run")
    assert checkpoints.load() is None
    for number in range(3):
        checkpoints.save(*state(number))
        assert update_of(tmp_path / "run") == number


def prepared(folder):
    def prepare():
        shutil.rmtree(folder, ignore_errors=True)
        for number in range(2):
            Checkpoints(folder).save(*state(number))

    return prepare


def test_a_crash_at_any_point_leaves_the_old_state_or_the_new(tmp_path):
    def save():
        Checkpoints(tmp_path).save(*state(2))

    found = [update_of(tmp_path) for _ in crashes(prepared(tmp_path), save)]
    assert found == [1, 1, 1, 1, 2]  # rename, write, sync, rename, sync of the folder


def test_a_torn_state_never_takes_the_place_of_a_whole_one(tmp_path):
    newest = tmp_path / "state.safetensors"

    def prepare():
        prepared(tmp_path)()
        newest.write_bytes(newest.read_bytes()[:-3])

    def go_on():
        assert update_of(tmp_path) == 0
        Checkpoints(tmp_path).save(*state(1))

    with pytest.warns(UserWarning, match=r"state\.safetensors cannot be read: .* damaged"):
        found = [update_of(tmp_path) for _ in crashes(prepare, go_on)]
    assert set(found) == {0, 1}


def test_a_damaged_state_is_never_loaded(tmp_path):
    prepared(tmp_path)()
    newest = tmp_path / "state.safetensors"
    for content in damaged(newest.read_bytes()):
        newest.write_bytes(content)
        with pytest.warns(UserWarning, match="the run goes on from before it"):
            assert update_of(tmp_path) == 0
        assert not newest.exists()


def test_only_results_that_changed_are_written(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.write(RESULTS) == list(RESULTS)
    assert checkpoints.write(RESULTS) == []
    checkpoints.heal(RESULTS)
    (tmp_path / "log.csv").write_bytes(b"lag")
    with pytest.warns(UserWarning, match=r"log\.csv in .* did not fit the state of the run"):
        checkpoints.heal(RESULTS)
    assert (tmp_path / "log.csv").read_bytes() == b"log"
