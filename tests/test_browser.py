"""A built book in a real browser, with the network blocked.

Without a book at hand, these tests build a small one; ``BOOK_HTML=_build/html`` makes them open
every page of the shipped book instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smuglib import assembly, explorer, explorer_page
from smuglib.store import Store
from tests.browser import CHROMIUM, chromium
from tests.explorers import tiny
from tests.notebook_files import code, prose, write
from tests.pages import check_every_page, check_explorer, check_search, check_state

ROOT = Path(__file__).parents[1]
BOOK = os.environ.get("BOOK_HTML")
FIRST = {"method": "modl", "view": "adaptive_image", "epsilon": 1, "rate": 1}

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH")

INTRO = r"""# A small book

About smoothing {cite}`one`: Eq. {eq}`eq-one` and [the explorer](30_explorer.ipynb).

$$\mathbf x_{n+1} = (\mathbf A^H \mathbf A + \lambda \mathbf I)^{-1}
(\mathbf z + \lambda\, \mathcal D_\theta(\mathbf x_n))$$ (eq-one)

\begin{align}
\hat\nu &= \mathbb E_{\nu \sim \mathcal N(0, \sigma^2 \mathbf I)} \\
\|\delta\|_\infty &\le \epsilon
\end{align}

```{bibliography}
```
"""
ENTRY = "@article{one, author={A. Author}, title={T}, journal={J}, year={2020}}\n"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """Folder of the built pages, and the explorer that they show."""
    if BOOK:
        return Path(BOOK).resolve(), explorer.read(Store.open("default").explorer(0.05))
    root = tmp_path_factory.mktemp("book")
    shown = tiny(root)
    explorer.write(shown, root / "images" / "explorer.csv", {})
    for name in ("_static", "_templates"):
        shutil.copytree(ROOT / "book" / name, root / "book" / name)
    shutil.copy(ROOT / "_config.yml", root)
    toc = "format: jb-book\nroot: intro\nchapters:\n  - file: 30_explorer\n"
    (root / "_toc.yml").write_text(toc)
    (root / "book" / "intro.md").write_text(INTRO)
    (root / "book" / "references.bib").write_text(ENTRY)
    html = {"text/html": explorer_page.to_html(shown, **FIRST)}
    cell = code("show()", "remove-input")
    page = write(root / "book" / "30_explorer.ipynb", prose("# Explorer\n"), cell)
    output = {"output_type": "display_data", "data": html, "metadata": {}}
    executed = write(root / "executed.ipynb", prose("# Explorer\n"), {**cell, "outputs": [output]})
    pages = {page.stem: executed}
    assembly.assemble(root, root / "build", pages, images=root / "images")
    jupyter_book = Path(sys.executable).parent / "jupyter-book"
    command = [jupyter_book, "build", "-W", "--keep-going", root / "build", "--path-output", root]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return root / "_build" / "html", shown


@pytest.fixture
def browser():
    with chromium() as started:
        yield started


def test_every_page_and_the_search_work_offline(browser, book):
    html, _ = book
    check_every_page(browser, html)
    check_search(browser, html, "smoothing", "intro.html")


def test_controls_change_images_and_numbers_to_those_of_the_records(browser, book):
    html, shown = book
    check_explorer(browser, html / "30_explorer.html", shown)


@pytest.mark.skipif(BOOK is not None, reason="its first state is not known here")
def test_without_javascript_the_first_state_stays(browser, book):
    html, shown = book
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(html / "30_explorer.html")
    assert not browser.evaluate("document.querySelector('.explorer form').offsetHeight")
    # Column 3: after the clean scan and two strengths of noise.
    check_state(browser, shown, "modl", 1, 3)


def test_problems_of_a_page_are_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<script>console.error('told'); missing()</script>"
        "<img src='https://example.org/a.png'><img src='none.png'>"
    )
    browser.open(page)
    for expected in ("told", "missing is not defined", "https://example.org", "none.png"):
        assert expected in str(browser.problems)
