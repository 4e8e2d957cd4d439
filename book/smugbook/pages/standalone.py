"""Executed notebooks as pages to look at, outside the book that they belong to.

The pages have the book's looks, mathematics and search, and need no network. What they refer to in
other chapters becomes a link into the built book, if there is one, or else plain words.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from smugbook.notebooks import contents, run
from smugbook.pages import assembly, folders
from smuglib.files import write_text

TEXTS = ("conventions", "glossary", "references")
"""Pages of text that go with every notebook, for citations and terms lead there."""

_LABELS = re.compile(r"^\(([\w-]+)\)=|\$\$ *\(([\w-]+)\)", re.MULTILINE)

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([\w./-]+?)(?:\.ipynb|\.md)?(#[\w-]+)?\)")

_ROLE = re.compile(r"\{(eq|ref|numref|doc)\}`(?:[^`<]*<)?([\w./-]+)>?`")


def build_pages(
    root: Path | str,
    output: Path | str,
    executed: Mapping[str, Path | str],
    *,
    front: str | None = None,
    titles: Mapping[str, str] | None = None,
) -> Path:
    """Build pages from executed notebooks, by name; return the first HTML file.

    ``front`` is Markdown of a page before all others; ``titles`` at the side replace headings.
    """
    root, output = Path(root).resolve(), Path(output).resolve()
    html = folders.check_folder(output / "html")
    with tempfile.TemporaryDirectory(prefix="smuglib-") as made:
        source = Path(made) / "source"
        name = _gather(root, html, source, executed, front, titles or {})
        built = _jupyter_book(source)
        shutil.copytree(built, folders.renew(html), dirs_exist_ok=True)
    return html / f"{name}.html"


def _gather(
    root: Path,
    html: Path,
    source: Path,
    executed: Mapping[str, Path | str],
    front: str | None,
    titles: Mapping[str, str],
) -> str:
    """Write what Jupyter Book builds ``html`` from to ``source``; return the first page's name."""
    ignored = shutil.ignore_patterns("*.ipynb", "*.md", ".ipynb_checkpoints")
    shutil.copytree(root / "book", source, ignore=ignored)
    shutil.copy2(root / "_config.yml", source)
    texts = [name for name in TEXTS if (root / "book" / f"{name}.md").is_file()]
    names = [*(["index"] if front else []), *executed]
    listed = [{"file": name} for name in [*names[1:], *texts]]
    for entry in listed:
        if entry["file"] in titles:
            entry["title"] = titles[entry["file"]]
    toc = {"format": "jb-book", "root": names[0]} | ({"chapters": listed} if listed else {})
    write_text(source / "_toc.yml", yaml.safe_dump(toc))
    reference = _References(root, html, {*names, *texts})
    if front:
        write_text(source / "index.md", front)
    for name in texts:
        text = (root / "book" / f"{name}.md").read_text(encoding="utf-8")
        write_text(source / f"{name}.md", reference.outwards(text, _text_labels(text)))
    for number, (name, path) in enumerate(executed.items()):
        suffix = f"-{number}" if len(executed) > 1 else ""
        content = reference.notebook(run.read_notebook(path), suffix)
        assembly.copy_images(content, root, source)
        write_text(source / f"{name}.ipynb", json.dumps(content))
    return names[0]


def _jupyter_book(source: Path) -> Path:
    """Build a folder's pages; return where they lie."""
    program = str(Path(sys.executable).parent / "jupyter-book")
    command = [program, "build", "--all", "--quiet", str(source), "--path-output", str(source)]
    done = subprocess.run(command, capture_output=True, text=True)
    built = source / "_build" / "html"
    if done.returncode or not built.is_dir():
        raise run.NotebookError(f"Jupyter Book could not build {source}:\n{done.stderr[-2000:]}")
    return built


def _text_labels(text: str) -> set[str]:
    """Return the labels that a page's text defines."""
    return {found for pair in _LABELS.findall(text) for found in pair if found}


def _figures(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the captions and names of a notebook's figures, as its cells hold them."""
    found = (cell["metadata"].get("mystnb", {}).get("figure") for cell in content["cells"])
    return [figure for figure in found if figure and "name" in figure]


def _labels(content: Mapping[str, Any]) -> set[str]:
    """Return the labels that a notebook's prose and figures define."""
    prose = (run.source(c) for c in content["cells"] if c["cell_type"] == "markdown")
    return _text_labels("\n\n".join(prose)) | {figure["name"] for figure in _figures(content)}


class _References:
    """Rewrites what a page refers to outside the pages that are built together."""

    def __init__(self, root: Path, html: Path, inside: set[str]) -> None:
        self.html, self.built, self.inside = html, root / "_build" / "html", inside
        self.titles: dict[str, str] = {}
        self.homes: dict[str, str] = {}
        for path in contents.by_name(root).values():
            self.titles[path.stem] = contents.title(path)
            self.homes |= dict.fromkeys(_labels(run.read_notebook(path)), path.stem)
        for path in root.glob("book/*.md"):
            text = path.read_text(encoding="utf-8")
            self.titles[path.stem] = text.partition("\n")[0].lstrip("# ")
            self.homes |= dict.fromkeys(_text_labels(text), path.stem)

    def notebook(self, content: dict[str, Any], suffix: str) -> dict[str, Any]:
        """Rewrite a notebook, and end its own labels with a suffix, to be unique."""
        own = _labels(content)
        for cell in content["cells"]:
            if cell["cell_type"] == "markdown":
                text = self.outwards(run.source(cell), own)
                cell["source"] = _renamed(text, own, suffix)
        for figure in _figures(content):
            figure["name"] += suffix
        return content

    def outwards(self, text: str, own: set[str]) -> str:
        """Turn references to pages that are not here into links to the book, or into words."""

        def role(found: re.Match[str]) -> str:
            kind, label = found.groups()
            home = label if kind == "doc" else self.homes.get(label, "")
            if label in own or not self._elsewhere(home):
                return found[0]
            anchor = {"eq": f"#equation-{label}", "doc": ""}.get(kind, f"#{label}")
            what = "an equation of " if kind == "eq" else ""
            return self._link(home, anchor, f"{what}“{self.titles[home]}”")

        def link(found: re.Match[str]) -> str:
            words, page, anchor = found.groups()
            home = self.homes.get(page, page)
            if page in own or not self._elsewhere(home):
                return found[0]
            anchor = anchor or (f"#{page}" if home != page else "")
            return self._link(home, anchor, words or f"“{self.titles[home]}”")

        return _LINK.sub(link, _ROLE.sub(role, text))

    def _elsewhere(self, page: str) -> bool:
        return page in self.titles and page not in self.inside

    def _link(self, page: str, anchor: str, words: str) -> str:
        target = self.built / f"{page}.html"
        if not target.is_file():
            return words
        address = quote(Path(os.path.relpath(target, self.html)).as_posix())
        return f'<a href="{address}{anchor}">{words}</a>'


def _renamed(text: str, labels: set[str], suffix: str) -> str:
    if not suffix or not labels:
        return text
    known = "|".join(sorted(map(re.escape, labels), key=len, reverse=True))
    return re.sub(rf"(?<=[(`<])({known})(?=[)`>])", rf"\1{suffix}", text)
