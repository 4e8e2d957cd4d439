"""A chapter's key numbers, kept in the executed notebook so that a sweep can gather them."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import SupportsFloat

from smugbook.notebooks import run
from smuglib.files import reading

MIME = "application/vnd.smuglib.result+json"
"""Media type of the output that holds a number; pages and JupyterLab pass over it."""


def record(name: str, value: SupportsFloat | Mapping[str, SupportsFloat], unit: str = "") -> None:
    """Record a key number, or several of one kind, in the output of the notebook's cell."""
    from IPython.display import display

    parts = value if isinstance(value, Mapping) else {"": value}
    for key, part in parts.items():
        if isinstance(part, str) or not hasattr(part, "__float__"):
            raise TypeError(f"value of {name!r} must be a number, got {part!r}")
        number = float(part)
        label = ", ".join(filter(None, (name, str(key))))
        # JSON has no word for infinity and NaN; `read_key_numbers` takes either form.
        stored = number if math.isfinite(number) else str(number)
        text = f"{label} = {number:.6g} {unit}".rstrip()
        content = {"name": label, "value": stored, "unit": unit}
        display({MIME: content, "text/plain": text}, raw=True)


def read_key_numbers(path: Path | str) -> dict[str, float]:
    """Read the key numbers of an executed notebook."""
    found = {}
    cells = run.read_notebook(path)["cells"]
    with reading(path, "a notebook with key numbers"):
        for output in (output for cell in cells for output in cell.get("outputs", [])):
            content = output.get("data", {}).get(MIME)
            if content is not None:
                unit = f" ({content['unit']})" if content["unit"] else ""
                found[content["name"] + unit] = float(content["value"])
    return found


def minutes(path: Path | str) -> float:
    """Return how long a notebook took to execute, in minutes; NaN if it does not say."""
    metadata = run.read_notebook(path)["metadata"]
    with reading(path, "a notebook that papermill ran"):
        duration = metadata.get("papermill", {}).get("duration")
        return math.nan if duration is None else float(duration) / 60
