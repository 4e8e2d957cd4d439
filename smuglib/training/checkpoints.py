"""The folder of one resumable run: its state, twice, and the results that follow from it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from torch import Tensor

from smuglib import files
from smuglib.models.weights import packed, read_tensors


class Checkpoints:
    """What a run keeps to go on from, whatever was lost or damaged of it.

    At every instant the folder has a whole state on the disk: a new one is written beside the last,
    and never in place of the only one.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._newest = self.folder / "state.safetensors"
        self._previous = self.folder / "state.previous.safetensors"

    def locked(self) -> AbstractContextManager[None]:
        """Let one run at a time into the folder: see `smuglib.files.locked`."""
        return files.locked(self.folder / ".run.lock")

    def save(self, tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> None:
        """Write the state, and keep the one before it."""
        content = packed(tensors, header)
        if self._newest.is_file():
            os.replace(self._newest, self._previous)
        files.write_bytes(self._newest, content)

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the newest state that is whole; None if there is none.

        One that is damaged is removed, with a warning: it must not replace the whole one.
        """
        for path in filter(Path.is_file, (self._newest, self._previous)):
            try:
                return read_tensors(path)
            except files.UnreadableFileError as error:
                warnings.warn(f"{error}; the run goes on from before it", stacklevel=4)
                path.unlink()
        return None

    def write(self, results: Mapping[str, bytes]) -> list[str]:
        """Write the files whose content is another; return their names."""
        paths = {self.folder / name: content for name, content in results.items()}
        changed = [p for p in paths if not p.is_file() or p.read_bytes() != paths[p]]
        for path in changed:
            files.write_bytes(path, paths[path])
        return [path.name for path in changed]

    def heal(self, results: Mapping[str, bytes]) -> None:
        """Write what `write` does, with a warning."""
        changed = self.write(results)
        if changed:
            warnings.warn(
                f"{', '.join(changed)} in {self.folder} did not fit the state of the run: written "
                "again from it",
                stacklevel=4,
            )
