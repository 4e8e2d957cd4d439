"""A run that is stopped at every point at which it changes the disk, one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from unittest import mock

Action = Callable[[], object]
Changes = Sequence[tuple[Any, str]]


class Crash(BaseException):
    """Stands for a power loss or a kill: no ``except Exception`` sees it."""


def raised() -> None:
    raise Crash


def killed() -> None:
    os._exit(9)


CHANGES = ((os, "fsync"), (os, "replace"), (Path, "write_bytes"))


class Disk:
    """Counts what changes the disk, and stops at the n-th: half written, or before it is done."""

    def __init__(self, stop_at: int, stop: Callable[[], None], changes: Changes = CHANGES) -> None:
        self.n_calls, self._stop_at, self._stop = 0, stop_at, stop
        self._stack, self._changes = ExitStack(), changes

    def __enter__(self) -> Disk:
        for owner, name in self._changes:
            original = getattr(owner, name)
            patch = mock.patch.object(owner, name, self._counted(original, name == "write_bytes"))
            self._stack.enter_context(patch)
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _counted(self, original: Callable[..., Any], halves: bool) -> Callable[..., Any]:
        def call(first: Any, *rest: Any) -> Any:
            self.n_calls += 1
            if self.n_calls == self._stop_at:
                if halves:
                    original(first, rest[0][: len(rest[0]) // 2])
                self._stop()
            return original(first, *rest)

        return call


def crashes(prepare: Action, action: Action) -> Iterator[int]:
    """Prepare, then stop the action at its n-th change of the disk; yield n, for every n."""
    for n in count(1):
        prepare()
        with Disk(n, raised):
            try:
                action()
            except Crash:
                pass
            else:
                return
        yield n


def kills(prepare: Action, action: Action) -> Iterator[int]:
    """Do what `crashes` does with a kill; only for a process without threads."""
    for n in count(1):
        prepare()
        child = os.fork()
        if child == 0:
            with Disk(n, killed):
                action()
            os._exit(0)
        if os.waitpid(child, 0)[1] == 0:
            return
        yield n
