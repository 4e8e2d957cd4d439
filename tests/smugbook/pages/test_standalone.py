"""Pages of executed notebooks outside the book."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from smugbook.notebooks import run
from smugbook.pages import standalone
from tests.book.test_book import check_pages
from tests.notebook_files import code, prose, write

ROOT = Path(__file__).parents[3]
OTHER = "# The other\n\n$$x = 1$$ (eq-other)\n\n(sec-other)=\n## A section\n"
PAGE = (
    "# Page\n\nBy {eq}`eq-other`, {eq}`eq-own` and {cite}`one`; [](02_other), "
    "[words](02_other.ipynb), [](sec-other), [home](https://example.org/), {ref}`sec-own`.\n\n"
    "$$y = 2$$ (eq-own)\n\n(sec-own)=\n## Own\n"
)


@pytest.fixture
def project(tmp_path):
    """A project of two chapters: one refers to the other and to itself."""
    shutil.copy(ROOT / "_config.yml", tmp_path)
    write(tmp_path / "book" / "02_other.ipynb", prose(OTHER))
    shown = code("1 + 1")
    shown["metadata"]["mystnb"] = {"figure": {"caption": "c", "name": "fig-own"}}
    write(tmp_path / "book" / "01_page.ipynb", prose(PAGE), shown)
    entry = "@article{one, author={A. Author}, title={T}, journal={J}, year={2020}}\n"
    (tmp_path / "book" / "references.bib").write_text(entry)
    (tmp_path / "book" / "references.md").write_text("# References\n\n```{bibliography}\n```\n")
    return tmp_path


@pytest.fixture
def source(monkeypatch):
    """The text of each page that Jupyter Book would be given."""
    found = {}

    def collect(folder):
        for path in folder.glob("*.ipynb"):
            found[path.stem] = run.read_notebook(path)
        found["toc"] = (folder / "_toc.yml").read_text()
        return folder

    monkeypatch.setattr(standalone, "_jupyter_book", collect)
    return found


def build(project, *names, **options):
    pages = dict.fromkeys(names, project / "book" / "01_page.ipynb")
    return standalone.build_pages(project, project / "build" / "page", pages, **options)


def test_references_to_other_chapters_become_words(project, source):
    assert build(project, "01_page") == project / "build" / "page" / "html" / "01_page.html"
    text = run.source(source["01_page"]["cells"][0])
    assert (
        "By an equation of “The other”, {eq}`eq-own` and {cite}`one`; “The other”, words, " in text
    )
    assert "[home](https://example.org/), {ref}`sec-own`" in text


def test_references_to_other_chapters_lead_into_the_built_book(project, source):
    built = project / "_build" / "html" / "02_other.html"
    built.parent.mkdir(parents=True)
    built.write_text("")
    page = build(project, "01_page")
    text = run.source(source["01_page"]["cells"][0])
    for anchor in ("#equation-eq-other", "", "#sec-other"):
        address = f"../../../_build/html/02_other.html{anchor}"
        assert f'<a href="{address}">' in text
        assert (page.parent / address.split("#")[0]).resolve() == built


def test_labels_of_several_runs_of_one_chapter_differ(project, source):
    titles = {"run-0": "a=1"}
    page = build(project, "run-0", "run-1", front="# All\n", titles=titles)
    assert page.name == "index.html" and "title: a=1" in source["toc"]
    for number in (0, 1):
        first, shown = source[f"run-{number}"]["cells"]
        text = run.source(first)
        assert f"{{eq}}`eq-own-{number}`" in text and f"$$ (eq-own-{number})" in text
        assert f"(sec-own-{number})=" in text and f"{{ref}}`sec-own-{number}`" in text
        assert shown["metadata"]["mystnb"]["figure"]["name"] == f"fig-own-{number}"


def test_what_jupyter_book_says_is_reported(project):
    (project / "_config.yml").write_text("title: [")
    with pytest.raises(RuntimeError, match="could not build"):
        build(project, "01_page")


@pytest.mark.book
def test_a_page_reads_offline(project):
    page = build(project, "01_page")
    check_pages(page.parent)
    assert "eq-other" not in page.read_text() and "Author" in page.read_text()
    assert [path.name for path in page.parents[1].iterdir()] == ["html"]
