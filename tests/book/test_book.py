"""The book: gathered from executed notebooks, and readable with the network off."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from smugbook.notebooks import run
from smugbook.pages import assembly
from tests.notebook_files import demo, printed, prose, write
from tests.pipeline import ROOT, SNAKEMAKE

JUPYTER_BOOK = Path(sys.executable).parent / "jupyter-book"


class _Resources(HTMLParser):
    """Collects what a browser fetches to show a page."""

    def __init__(self):
        super().__init__()
        self.addresses = []
        self.images_without_text = []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("script", "img", "iframe", "source", "video", "audio", "embed"):
            self.addresses.append(attributes.get("src"))
        if tag == "link" and attributes.get("rel") != "canonical":
            self.addresses.append(attributes.get("href"))
        if tag == "img" and not attributes.get("alt"):
            self.images_without_text.append(attributes.get("src"))


def check_pages(html: Path) -> None:
    """Every page fetches local files only, all of which exist; every image has alternative text."""
    pages = [path for path in html.rglob("*.html") if "_static" not in path.parts]
    assert pages
    for page in pages:
        resources = _Resources()
        resources.feed(page.read_text(encoding="utf-8"))
        for address in filter(None, resources.addresses):
            if address.startswith("data:"):
                continue
            assert "//" not in address, f"{page.name} fetches {address}"
            path = address.split("?")[0].split("#")[0]
            assert (page.parent / path).exists(), f"{page.name} misses {address}"
        assert not resources.images_without_text, f"{page.name} has images without text"


def check_no_paths(html: Path, *checkouts: Path) -> None:
    """No page tells where the project lay on the computer that built it."""
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        for checkout in checkouts:
            assert str(checkout) not in text, f"{page.name} holds {checkout}"


@pytest.fixture
def project(tmp_path):
    """A project with the real settings and a book of one page and one notebook."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    for name in ("_static", "_templates", "slurm"):
        shutil.copytree(ROOT / "book" / name, tmp_path / "book" / name)
    toc = "format: jb-book\nroot: intro\nchapters:\n  - file: 01_demo\n  - file: api\n"
    (tmp_path / "_toc.yml").write_text(toc)
    demo(tmp_path / "book" / "01_demo.ipynb", "print(epsilon)")
    module = ".. automodule:: smugbook.results.sources\n   :members:\n"
    (tmp_path / "book" / "api.md").write_text(f"# API\n\n```{{eval-rst}}\n{module}```\n")
    text = "# Intro\n\nSee {cite}`one` and {eq}`eq`.\n\n$$x = 1$$ (eq)\n\n```{bibliography}\n```\n"
    (tmp_path / "book" / "intro.md").write_text(text)
    entry = "@article{one, author={A. Author}, title={T}, journal={J}, year={2020}}\n"
    (tmp_path / "book" / "references.bib").write_text(entry)
    return tmp_path


@pytest.fixture
def executed(project):
    """Its notebook after a run with another epsilon."""
    path = project / "book" / "01_demo.ipynb"
    return run.run_notebook(path, project / "build" / "x.ipynb", {"epsilon": 0.5}, progress=False)


def test_a_built_page_fetches_nothing_from_the_network(project, executed):
    folder = project / "build" / "book"
    assembly.assemble(project, folder, {"01_demo": executed})
    assert (folder / "_static").is_dir() and not (folder / "slurm").exists()
    command = [JUPYTER_BOOK, "build", "-W", "--keep-going", folder, "--path-output", project]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    html = project / "_build" / "html"
    check_pages(html)
    check_no_paths(html, project, ROOT)
    page = (html / "01_demo.html").read_text()
    assert "0.5" in page
    assert "mathjax/tex-chtml.js" in (html / "intro.html").read_text()
    assert (html / "_static" / "mathjax" / "tex-chtml.js").is_file()


def test_prose_and_tags_come_from_the_source(project, executed):
    path = project / "book" / "01_demo.ipynb"
    content = run.read_notebook(path)
    first, parameters, shown = content["cells"]
    figure = {"figure": {"caption": "What it shows.", "name": "fig-demo"}}
    shown["metadata"] = {"tags": ["hide-input"], "mystnb": figure}
    write(path, prose("# Mended\n"), parameters, prose("An insertion."), shown)
    joined = assembly.with_prose(path, executed)["cells"]
    sources = [run.source(cell) for cell in joined]
    assert sources[0] == "# Mended\n" and "epsilon = 0.5" in sources[2]
    assert joined[-1]["metadata"] == {"tags": ["hide-input"], "mystnb": figure}
    assert joined[-1]["outputs"][0]["text"] == ["0.5\n"]


def test_a_widget_is_shown_as_the_picture_beside_it(project, executed):
    path = project / "book" / "01_demo.ipynb"
    ran = run.read_notebook(executed)
    data = {"text/html": "a picture", assembly.WIDGET_VIEW: {"model_id": "1"}}
    ran["cells"][-1]["outputs"] = [{"output_type": "display_data", "data": data, "metadata": {}}]
    ran["metadata"]["widgets"] = {"state": {}}
    executed.write_text(json.dumps(ran))
    joined = assembly.with_prose(path, executed)
    assert joined["cells"][-1]["outputs"][0]["data"] == {"text/html": "a picture"}
    assert "widgets" not in joined["metadata"]


@pytest.mark.parametrize("sources", [["print(2)"], [], ["print(epsilon)", "1"]])
def test_a_notebook_run_from_other_code_is_refused(project, executed, sources):
    path = demo(project / "book" / "01_demo.ipynb", *sources)
    with pytest.raises(ValueError, match="run again"):
        assembly.with_prose(path, executed)


def test_pages_must_be_those_of_the_table_of_contents(project, executed):
    for pages in ({}, {"01_demo": executed, "02_other": executed}):
        with pytest.raises(ValueError, match="pages must be those"):
            assembly.assemble(project, project / "build" / "book", pages)


def test_nested_pages_are_listed_in_order(tmp_path):
    toc = {
        "root": "intro",
        "parts": [
            {"chapters": [{"file": "a", "sections": [{"file": "b"}]}, {"file": "c"}]},
            {"chapters": [{"url": "elsewhere"}, {"file": "d"}]},
        ],
    }
    (tmp_path / "_toc.yml").write_text(yaml.safe_dump(toc))
    assert assembly.chapter_names(tmp_path / "_toc.yml") == ["intro", "a", "b", "c", "d"]


def test_a_page_with_a_foreign_script_is_noticed(tmp_path):
    (tmp_path / "a.html").write_text('<script src="https://example.org/a.js"></script>')
    with pytest.raises(AssertionError, match="fetches"):
        check_pages(tmp_path)


def test_a_page_that_names_its_checkout_is_noticed(tmp_path):
    (tmp_path / "a.html").write_text(f"<code>PosixPath('{ROOT}/smuglib')</code>")
    with pytest.raises(AssertionError, match="holds"):
        check_no_paths(tmp_path, ROOT)


def test_every_page_of_the_book_exists():
    for name in assembly.chapter_names(ROOT / "_toc.yml"):
        files = [ROOT / "book" / f"{name}{suffix}" for suffix in (".md", ".ipynb")]
        assert sum(path.is_file() for path in files) == 1, f"{name} must be one file in book/"


def test_the_story_has_the_chapters_numbers():
    """The first page lists the chapters of the numbered part in order, each once."""
    cells = run.read_notebook(ROOT / "book" / "intro.ipynb")["cells"]
    text = "\n".join(run.source(cell) for cell in cells)
    listed = re.findall(r"^(\d+)\. \[[^]]*\]\((\w+)\.ipynb\)", text, flags=re.MULTILINE)
    (part,) = (
        p for p in yaml.safe_load((ROOT / "_toc.yml").read_text())["parts"] if "numbered" in p
    )
    chapters = enumerate((chapter["file"] for chapter in part["chapters"]), 1)
    assert listed == [(str(number), name) for number, name in chapters]


def check_nothing_is_left_to_do(folder):
    command = [SNAKEMAKE, "reproduce", "-n", "--config", "profile=smoke"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert "Nothing to be done" in done.stdout + done.stderr


def check_no_notebook_warns(folder):
    for path in (folder / "build" / "smoke" / "notebooks").glob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            for output in cell.get("outputs", []):
                text = "".join(output.get("text", ""))
                assert "Warning:" not in text, f"{path.name}: {text}"


@pytest.mark.book
@pytest.mark.xdist_group("smoke_book")
def test_the_smoke_pipeline_makes_a_book_that_reads_offline(smoke_book):
    html = smoke_book / "build" / "smoke" / "_build" / "html"
    check_pages(html)
    check_no_paths(html, smoke_book, ROOT)
    for name in assembly.chapter_names(smoke_book / "_toc.yml"):
        assert (html / f"{name}.html").is_file()
    check_nothing_is_left_to_do(smoke_book)
    check_no_notebook_warns(smoke_book)
    assert list((smoke_book / "cache").rglob("*.safetensors"))


def test_an_unknown_profile_is_named():
    command = [SNAKEMAKE, "reproduce", "-n", "--config", "profile=huge"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert (
        "profile must be one of 'smoke', 'default', 'head', 'paper', got 'huge'"
        in done.stdout + done.stderr
    )


def test_hidden_input_of_injected_parameters(project, executed):
    cells = assembly.with_prose(project / "book" / "01_demo.ipynb", executed)["cells"]
    tags = [cell["metadata"].get("tags") for cell in cells if cell["cell_type"] == "code"]
    assert tags == [["parameters"], ["hide-input"], []]


def test_a_page_offers_its_notebook_as_written_and_as_executed(project, executed):
    folder = project / "build" / "book"
    assembly.assemble(project, folder, {"01_demo": executed})
    text = run.source(run.read_notebook(folder / "01_demo.ipynb")["cells"][-1])
    offered = re.findall(r"\{download\}`[^<]*<([^>]*)>`", text)
    written, ran = (folder / path.lstrip("/") for path in offered)
    assert written.read_bytes() == (project / "book" / "01_demo.ipynb").read_bytes()
    assert "0.5" in printed(ran) and not printed(written)


def test_the_offer_stands_in_the_box_about_rerunning():
    box = "```{admonition} Rerun this chapter\n:class: tip\n`make`\n```\n\n## Next\n"
    content = {"cells": [prose("# Title"), prose(box), prose("end")]}
    cells = assembly.with_downloads(content, "01_demo")["cells"]
    text = cells[1]["source"]
    assert len(cells) == 3 and text.index("`make`") < text.index("{download}") < text.index(
        "## Next"
    )
    assert text.count("```") == 2 and content["cells"][1]["source"] == box
