"""A folder of files that can be made again: bounded on the disk, shared by processes."""

from __future__ import annotations

import os
import time
import warnings
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG

from smuglib.files import replacing

REST = 3600.0
"""Seconds since its last use for which a file is not removed."""


class BoundedFolder:
    """Files by name, within a budget on the disk; the one used least recently goes first.

    A file is written beside its place and renamed, so that a reader finds a whole one or none,
    whoever else writes or removes it at the same time. A file used in the last hour stays: with
    more data than budget, a training would otherwise write and remove every file in every epoch.
    If no room can be made, a new file is not kept.

    The folder is looked through only when this process has used up the room it found there the
    last time; several processes at once may exceed the budget by a fraction.

    Parameters
    ----------
    path
        The folder; it is created when the first file is written.
    max_bytes
        Budget for all files in it together, in bytes.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._room = 0
        self._full_until = 0.0
        self._usable = True

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, and mark it as used; None if it cannot be read."""
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError:
            return None
        # In somebody else's folder, or if the file was removed since, its content is still good.
        with suppress(OSError):
            os.utime(path)
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file if there is room; if it fails, warn once and keep no further file."""
        if not self._usable:
            return
        try:
            if self._has_room(len(content)):
                with replacing(self.path / name) as temporary:
                    temporary.write_bytes(content)
        except OSError as error:
            self._usable = False
            warnings.warn(
                f"scans are simulated again in every process: they cannot be kept in "
                f"{self.path} ({error}). SMUGLIB_CACHE names another folder, or 'off'",
                stacklevel=2,
            )

    def _has_room(self, n_bytes: int) -> bool:
        if n_bytes > self._room and time.monotonic() >= self._full_until:
            self._room = self._make_room(n_bytes)
            if n_bytes > self._room:
                self._full_until = time.monotonic() + 60
        if n_bytes > self._room:
            return False
        self._room -= n_bytes
        return True

    def _make_room(self, n_bytes: int) -> int:
        """Remove files until there is room; return how much of it this process may fill."""
        files = sorted(self._files())
        free = self.max_bytes - sum(size for _, size, _ in files)
        if n_bytes > free:
            rested = [file for file in files if file[0] < time.time() - REST]
            if n_bytes > free + sum(size for _, size, _ in rested):
                return 0
            # More than is needed, so that the next file does not look through the folder again.
            wanted = max(n_bytes, self.max_bytes // 8)
            for _, size, path in rested:
                if free >= wanted:
                    break
                path.unlink(missing_ok=True)
                free += size
        # The rest is for other processes, which do not see what this one is about to write.
        return max(n_bytes, free // 8)

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return time of last use, size and path of every file, leftovers of killed writers too."""
        found = []
        for path in self.path.rglob("*"):
            try:
                state = path.stat()
            except FileNotFoundError:
                continue
            if S_ISREG(state.st_mode):
                found.append((state.st_mtime, state.st_size, path))
        return found
