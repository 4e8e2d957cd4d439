"""A built book in a real browser, with the network blocked.

The book is that of the smoke pipeline; ``BOOK_HTML=_build/html`` makes these tests open every
page of the shipped book instead, which `make book` has built.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from smugbook.explorers.static import grid
from smugbook.results import Store
from tests.browser import CHROMIUM, chromium
from tests.pages import check_every_page, check_explorer, check_search, check_state

BOOK = os.environ.get("BOOK_HTML")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH: apt-get install chromium"),
    pytest.mark.book,
    pytest.mark.xdist_group("smoke_book"),
]


@pytest.fixture(scope="module")
def book(request):
    """Folder of the built pages, and the explorer that they show."""
    if BOOK:
        return Path(BOOK).resolve(), grid.read_explorer(Store.open("default").explorer(0.05))
    built = request.getfixturevalue("smoke_book") / "build" / "smoke"
    return built / "_build" / "html", grid.read_explorer(Store(built).explorer(0.05))


@pytest.fixture
def browser():
    with chromium() as started:
        yield started


def test_every_page_works_offline(browser, book):
    html, _ = book
    check_every_page(browser, html)


def test_the_search_finds_pages_offline(browser, book):
    html, _ = book
    check_search(browser, html, "Gaussian", "intro.html")


def test_controls_change_images_and_numbers_to_those_of_the_records(browser, book):
    html, shown = book
    check_explorer(browser, html / "30_explorer.html", shown)


def test_without_javascript_the_first_state_stays(browser, book):
    html, shown = book
    browser.send("Emulation.setScriptExecutionDisabled", value=True)
    browser.open(html / "30_explorer.html")
    assert not browser.evaluate("document.querySelector('.explorer form').offsetHeight")
    rate, strength = shown.grid.nearest(0.25, 1 / 255)
    attacked = ("adaptive_image", shown.grid.epsilons[strength])
    check_state(browser, shown, "modl", rate, shown.grid.states.index(attacked))


def test_problems_of_a_page_are_noticed(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        "<script>console.error('told'); missing()</script>"
        "<img src='https://example.org/a.png'><img src='none.png'>"
    )
    browser.open(page)
    for expected in ("told", "missing is not defined", "https://example.org", "none.png"):
        assert expected in str(browser.problems)
