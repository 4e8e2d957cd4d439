"""Folders that this program makes anew: they carry its mark, and no other is ever emptied."""

import shutil
from pathlib import Path

MARK = ".made-by-smugbook"
"""File in each folder that may be emptied."""


def check_folder(folder: Path | str) -> Path:
    """Refuse a folder, or another file in its place, that this program did not make."""
    folder = Path(folder)
    taken = folder.is_symlink() or folder.exists()
    is_empty = folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir())
    if taken and not is_empty and not (folder / MARK).is_file():
        raise ValueError(
            f"{folder} exists, and was not made by this program (or by an older version): "
            "move it away, or choose another output"
        )
    return folder


def renew(folder: Path | str) -> Path:
    """Make a folder, or empty one that carries the mark."""
    folder = check_folder(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # The mark is there first and goes never: what is stopped halfway can be emptied again.
    (folder / MARK).touch()
    for child in folder.iterdir():
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        elif child.name != MARK:
            child.unlink()
    return folder
