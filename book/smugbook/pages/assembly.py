"""The folder that Jupyter Book builds: executed notebooks beside the book's pages and settings."""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from smugbook.notebooks import run
from smugbook.notebooks.run import IMAGES
from smugbook.pages import folders
from smuglib.files import reading, write_text

AS_WRITTEN = "as_written"
"""Folder of the assembled book for notebooks without outputs, which its pages offer."""

NO_PAGES = (
    "*.ipynb",
    ".ipynb_checkpoints",
    "smugbook",
    "smugbench",
    "shipped",
    "slurm",
    "*.egg-info",
)
"""What lies in ``book/`` beside pages, or is gathered with its outputs."""

CARD = "_static/card.png"
"""Where the pages find the picture that `smugbook.explorers.static.card` draws."""

_BOX = re.compile(r"(^```\{admonition\} Rerun.*?)(\n```)", re.DOTALL | re.MULTILINE)

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
"""What a notebook shows of a widget while its kernel lives."""


class _Plain(yaml.SafeLoader):  # type: ignore[misc]
    """Refuses aliases: a few lines of them unfold to more pages than any memory holds."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        if self.check_event(yaml.AliasEvent):
            raise ValueError("it has aliases")
        return super().compose_node(parent, index)


def chapter_names(toc: Path | str) -> list[str]:
    """List the pages of a Jupyter Book 1's ``_toc.yml`` in its order, the root first, no suffix."""
    with reading(toc, "a table of contents of Jupyter Book 1"):
        try:
            content = yaml.load(Path(toc).read_text(encoding="utf-8"), Loader=_Plain)
        except yaml.YAMLError as error:
            raise ValueError(str(error)) from error
        names = [content["root"], *_files_in(content)]
        if not all(isinstance(name, str) for name in names):
            raise TypeError("a page's name must be text")
        return names


def _files_in(entry: Mapping[str, Any]) -> list[str]:
    found = []
    for key in ("parts", "chapters", "sections"):
        for child in entry.get(key, []):
            found += [child["file"]] if "file" in child else []
            found += _files_in(child)
    return found


def assemble(
    root: Path | str, output: Path | str, pages: Mapping[str, Path | str] | None = None
) -> None:
    """Gather the settings, pages and executed notebooks of a book in one folder of their own.

    Outputs are joined with the prose of ``book/``: text may be mended without running again.
    """
    root, output, pages = Path(root), Path(output), dict(pages or {})
    book = root / "book"
    expected = {name for name in chapter_names(root / "_toc.yml") if _source(book, name).is_file()}
    if expected != pages.keys():
        raise ValueError(
            f"pages must be those of the notebooks in _toc.yml, {sorted(expected)}, "
            f"got {sorted(pages)}"
        )
    joined = {name: with_prose(_source(book, name), executed) for name, executed in pages.items()}
    ignored = shutil.ignore_patterns(*NO_PAGES)
    shutil.copytree(book, folders.renew(output), ignore=ignored, dirs_exist_ok=True)
    for settings in ("_config.yml", "_toc.yml"):
        shutil.copy2(root / settings, output)
    for name, content in joined.items():
        copy_images(content, root, output)
        write_text(output / f"{name}.ipynb", json.dumps(with_downloads(content, name)))
        written = output / AS_WRITTEN / f"{name}.ipynb"
        written.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(_source(book, name), written)


def _source(book: Path, name: str) -> Path:
    return book / f"{name}.ipynb"


def with_prose(source: Path | str, executed: Path | str) -> dict[str, Any]:
    """Join the outputs of an executed notebook with the prose and metadata of its source.

    A cell of injected parameters stays, where there is one.
    """
    written, ran = run.read_notebook(source), run.read_notebook(executed)
    outputs = [cell for cell in ran["cells"] if cell["cell_type"] == "code"]
    cells: list[dict[str, Any]] = []
    for cell in written["cells"]:
        if cell["cell_type"] != "code":
            cells.append(cell)
            continue
        if not outputs or run.source(outputs[0]) != run.source(cell):
            raise ValueError(f"{executed} was run from other code than {source} now has: run again")
        cells.append({**_still(outputs.pop(0)), "metadata": cell["metadata"]})
        if outputs and _tags(outputs[0]) == ["injected-parameters"]:
            cells.append({**outputs.pop(0), "metadata": {"tags": ["hide-input"]}})
    if outputs:
        raise ValueError(f"{executed} has cells that {source} has not: run again")
    metadata = {k: v for k, v in ran["metadata"].items() if k not in ("papermill", "widgets")}
    return {**ran, "metadata": metadata, "cells": cells}


def with_downloads(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Offer a page's notebook for download, in its box "Rerun ...", or at its end."""
    offer = (
        f"Download this page's notebook {{download}}`as written </{AS_WRITTEN}/{name}.ipynb>`, "
        f"without outputs, or {{download}}`as executed </{name}.ipynb>`."
    )
    cells = [dict(cell) for cell in content["cells"]]
    for cell in cells:
        text, n_boxes = _BOX.subn(lambda box: f"{box[1]}\n\n{offer}{box[2]}", run.source(cell))
        if n_boxes and cell["cell_type"] == "markdown":
            cell["source"] = text
            break
    else:
        cells.append({"cell_type": "markdown", "id": "downloads", "metadata": {}, "source": offer})
    return {**content, "cells": cells}


def copy_images(content: Mapping[str, Any], root: Path | str, output: Path | str) -> None:
    """Copy the images that outputs of an executed notebook show, but do not hold; see `IMAGES`.

    ``root`` is what the addresses of folders with images are relative to, the project; ``output``
    what the addresses on the page are relative to, the folder that Jupyter Book builds.
    """
    for cell in content["cells"]:
        for made in cell.get("outputs", []):
            shown = made.get("metadata", {}).get("text/html", {}).get(IMAGES, {})
            for place, folder in shown.items():
                images = list((Path(root) / folder).glob("*.webp"))
                if not images:
                    raise FileNotFoundError(f"no images in {Path(root) / folder}")
                (Path(output) / place).mkdir(parents=True, exist_ok=True)
                for image in images:
                    shutil.copy2(image, Path(output) / place)


def _still(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return a cell whose outputs need no kernel: the view of a widget would stay empty."""
    outputs = [
        {**output, "data": {k: v for k, v in output["data"].items() if k != WIDGET_VIEW}}
        if "data" in output
        else output
        for output in cell["outputs"]
    ]
    return {**cell, "outputs": outputs}


def _tags(cell: Mapping[str, Any]) -> list[str]:
    return list(cell["metadata"].get("tags", []))
