"""Processes side by side: their order, how many at once, and what becomes of the others."""

from __future__ import annotations

import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from smugbook.experiments import scheduling
from smugbook.experiments.scheduling import Outcome
from smuglib.training.plan import Budget


def task(name, *needs):
    return SimpleNamespace(name=name, needs=needs)


class Theatre:
    """Begins processes that end with a code of their own, and remembers who was there when."""

    def __init__(self, **codes):
        self.codes, self.began, self.ended, self.most = codes, [], [], 0

    def begin(self, part):
        self.began.append(part.name)
        self.most = max(self.most, len(self.began) - len(self.ended))
        code = self.codes.get(part.name, 0)
        return subprocess.Popen(["/bin/sh", "-c", f"sleep 0.1; exit {code}"])

    def tell(self, part, outcome, seconds):
        assert 0.1 <= seconds < 60
        self.ended.append((part.name, outcome))

    def run(self, tasks, n_jobs, budget=None):
        budget = budget or Budget()
        return scheduling.run(tasks, n_jobs=n_jobs, begin=self.begin, budget=budget, tell=self.tell)


@pytest.mark.parametrize("n_jobs", [1, 2, 9])
def test_what_is_needed_comes_first_and_no_more_at_once_than_asked(n_jobs):
    theatre = Theatre()
    tasks = [task("a", "there before"), task("b"), task("c", "a"), task("d", "b", "c")]
    outcomes = theatre.run(tasks, n_jobs)
    assert outcomes == dict.fromkeys("abcd", Outcome.DONE)
    assert theatre.most == min(n_jobs, 2)
    order = theatre.began
    assert order.index("a") < order.index("c") < order.index("d")
    assert order[0] == "a"


def test_a_failure_keeps_back_only_what_needs_it():
    theatre = Theatre(a=3)
    outcomes = theatre.run([task("a"), task("b", "a"), task("c")], 1)
    expected = {"a": Outcome.FAILED, "b": Outcome.WAITING, "c": Outcome.DONE}
    assert outcomes == expected
    assert theatre.ended == [("a", Outcome.FAILED), ("c", Outcome.DONE)]


def test_a_process_without_time_is_stopped_and_nothing_is_begun_after_it():
    theatre = Theatre(a=scheduling.OUT_OF_TIME)
    outcomes = theatre.run([task("a"), task("b")], 1, Budget(0.05))
    assert outcomes == {"a": Outcome.STOPPED, "b": Outcome.WAITING}
    assert Theatre().run([task("a")], 1, Budget(0)) == {"a": Outcome.WAITING}


def test_what_ends_the_scheduler_ends_its_processes():
    children = []

    def begin(part):
        if part.name == "bad":
            raise KeyboardInterrupt
        children.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))
        return children[0]

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        scheduling.run(
            [task("good"), task("bad")], n_jobs=2, begin=begin, budget=Budget(), tell=print
        )
    assert children[0].poll() is not None
    assert time.monotonic() - began < 30
