"""Chapters of the book by name, and what can be set in each."""

import re
from pathlib import Path

from smugbook.notebooks import run

NO_BOOK = (
    "there is no book here: chapters are run in a clone of the repository, anywhere below the "
    "folder that holds _toc.yml"
)


def by_name(root: Path | str) -> dict[str, Path]:
    """List the notebooks of the book."""
    paths = sorted(Path(root).glob("book/*.ipynb"))
    return {re.sub(r"^\d+_", "", path.stem): path for path in paths}


def find_chapter(root: Path | str, name: str) -> Path:
    """Return the notebook of a chapter."""
    known = by_name(root)
    plain = re.sub(r"^\d+_", "", name)
    if not known:
        raise ValueError(NO_BOOK)
    if plain not in known:
        raise ValueError(f"chapter must be one of {', '.join(sorted(known))}, got {name!r}")
    return known[plain]


def title(path: Path | str) -> str:
    """Return the first heading of a notebook, or its file's name if it has none."""
    for cell in run.read_notebook(path)["cells"]:
        if cell["cell_type"] == "markdown":
            found = re.search(r"^# +(.+)$", run.source(cell), re.MULTILINE)
            if found:
                return found[1].strip()
    return Path(path).stem


def contents(root: Path | str) -> str:
    """Return a table of all chapters: name and title."""
    known = by_name(root)
    if not known:
        raise ValueError(NO_BOOK)
    return align_columns([(name, title(path)) for name, path in known.items()])


def parameter_table(path: Path | str) -> str:
    """Return a table of a notebook's parameters: name, type, default, unit and range."""
    known = run.parameters(path).values()
    lines = [(p.name, p.type_name, p.written, p.comment) for p in known]
    return align_columns([("parameter", "type", "default", "meaning, unit and range"), *lines])


def align_columns(lines: list[tuple[str, ...]]) -> str:
    """Set lines of words in columns that are as wide as their longest word."""
    widths = [max(map(len, words)) for words in zip(*lines, strict=True)]
    padded = ("  ".join(map(str.ljust, words, widths)).rstrip() for words in lines)
    return "\n".join(padded)
