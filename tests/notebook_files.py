"""Small notebooks for the tests of the wrapper, the book and the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

PARAMETERS = """\
profile: str = "smoke"  # smoke, default, head or paper
epsilon = 1 / 255  # image units, >= 0
n_steps: int | None = None  # unrolling steps, >= 1
methods = ["modl", "smug"]  # any of the four
verbose = False  # print more
"""


def code(source: str, *tags: str) -> dict[str, object]:
    return {
        "cell_type": "code",
        "id": f"c{abs(hash(source)) % 10**8}",
        "metadata": {"tags": list(tags)},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def prose(source: str) -> dict[str, object]:
    return {"cell_type": "markdown", "id": "prose", "metadata": {}, "source": source}


def write(path: Path, *cells: dict[str, object]) -> Path:
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": kernel},
        "cells": list(cells),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def demo(path: Path, *sources: str, parameters: str = PARAMETERS) -> Path:
    cells = [code(source) for source in sources]
    return write(path, prose("# Demo\n"), code(parameters, "parameters"), *cells)


def printed(path: Path) -> str:
    """Return what a notebook's cells wrote to standard output."""
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    return "".join("".join(o["text"]) for o in outputs if o.get("name") == "stdout")
