"""What must hold of a built book in a browser: of every page, and of the static explorer."""

from __future__ import annotations

import io
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
from PIL import Image

from smugbook.explorers.static import sprites
from smugbook.explorers.static.grid import Explorer
from tests.browser import Browser

MEGABYTE = 2**20
SLIDERS = {"epsilon": "#explorer-epsilon", "rate": "#explorer-rate"}

# Formulas that were not set or hold an error, and delimiters left in the text.
UNSET = """
[...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container'))
  .concat([...document.querySelectorAll('mjx-merror, [data-mjx-error]')])
  .map(e => e.textContent)
  .concat(document.querySelector('article')?.innerText.match(/\\\\\\(|\\\\\\[|\\$\\$/g) ?? [])
"""
# Markdown that nothing has rendered, where a reader sees text.
RAW = """
[...document.querySelectorAll('article p, article li, article td')].map(e => {
  const text = e.cloneNode(true);
  text.querySelectorAll('code, pre, mjx-container').forEach(part => part.remove());
  return text.textContent;
}).filter(text => /^\\*[^*]|[^*]\\*$|\\*\\*[^*]+\\*\\*|`|\\|\\s*[-—]+\\s*\\||\\]\\(/.test(text))
"""
BROKEN_IMAGES = """
Promise.all([...document.images].map(i => { i.loading = 'eager'; return i.decode().then(
  () => null, () => i.src); })).then(all => all.filter(src => src))
"""
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.href)"
# Text whose contrast with what lies behind it is below that of WCAG 2 AA.
FAINT = """
(() => {
  const parse = c => (c.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const colour = parse(getComputedStyle(e).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const texts = 'article p, article li, article figcaption span, article td, article th, '
    + 'article caption, '
    + '.explorer label, .explorer legend, .explorer output, .explorer figcaption';
  return [...document.querySelectorAll(texts)].filter(e => e.innerText).map(e => {
    const pair = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((a, b) => b - a);
    return [e.innerText.slice(0, 40), (pair[0] + 0.05) / (pair[1] + 0.05)];
  }).filter(([, ratio]) => ratio < 4.5);
})()
"""
# Code that a reader of a chapter has to pass before its first picture or table.
CODE_FIRST = """
(() => {
  const shown = document.querySelector('article .cell_output :is(img, table)');
  return [...document.querySelectorAll('article .cell_input')]
    .filter(e => e.offsetHeight && !e.closest('details:not([open])'))
    .filter(e => shown && e.compareDocumentPosition(shown) & Node.DOCUMENT_POSITION_FOLLOWING)
    .map(e => e.innerText.slice(0, 40));
})()
"""
CHAPTERS_OF_THE_PAPER = re.compile(r"[12]\d_")


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {value for key, value in attrs if key in ("id", "name") and value}


def pages_of(html: Path) -> list[Path]:
    """Pages of a built book, but for the one that leads to the first and shows nothing itself."""
    first = re.search(
        r'http-equiv="Refresh" content="0; url=(.*?)"', (html / "index.html").read_text()
    )
    assert first and (html / first[1]).is_file(), "index.html leads nowhere"
    pages = (path for path in html.rglob("*.html") if "_static" not in path.parts)
    return sorted(path for path in pages if path.name != "index.html")


def check_every_page(browser: Browser, html: Path) -> None:
    """Open every page on a wide and on a narrow screen, in light and in dark."""
    anchors: dict[Path, set[str]] = {}
    for page in pages_of(html):
        for width, scheme in ((1280, "light"), (390, "dark")):
            browser.resize(width, scheme=scheme)
            browser.open(page)
            assert not browser.problems, f"{page.name}: {browser.problems}"
            assert not browser.evaluate(UNSET), f"{page.name}: {browser.evaluate(UNSET)}"
            assert not browser.evaluate(RAW), f"{page.name}: {browser.evaluate(RAW)}"
            assert not browser.evaluate(BROKEN_IMAGES), page.name
            faint = browser.evaluate(FAINT)
            assert not faint, f"{page.name}, {scheme}: {faint[:5]}"
            wide = browser.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{page.name} is {wide} pixels wide on a screen of {width}"
        if CHAPTERS_OF_THE_PAPER.match(page.name):
            code = browser.evaluate(CODE_FIRST)
            assert not code, f"{page.name} shows code before its first picture: {code}"
        limit = 5 if "explorer" in page.name else 3
        weight = browser.weight()
        assert weight < limit * MEGABYTE, f"{page.name} weighs {weight / MEGABYTE:.1f} MB"
        for link in browser.evaluate(LINKS):
            _check_link(page, link, anchors)


def _check_link(page: Path, link: str, anchors: dict[Path, set[str]]) -> None:
    parts = urlsplit(link)
    if parts.scheme != "file":
        assert parts.scheme in ("http", "https", "mailto", "javascript"), f"{page.name}: {link}"
        return
    path = Path(unquote(parts.path))
    assert path.is_file(), f"{page.name} links to {link}, which is missing"
    if parts.fragment and path.suffix == ".html":
        if path not in anchors:
            found = _Anchors()
            found.feed(path.read_text(encoding="utf-8"))
            anchors[path] = found.names
        fragment = unquote(parts.fragment)
        assert fragment in anchors[path], f"{page.name} links to {link}, which has no such anchor"


def check_search(browser: Browser, html: Path, word: str, page: str) -> None:
    """Search for a word from the first page, as a reader does, and find a page."""
    browser.resize(1280)
    browser.open(html / "intro.html")
    browser.evaluate("document.querySelector('.search-button__button').click()")
    browser.send("Input.insertText", text=word)
    # Where the form leads: to submit it would end the page while it answers.
    form = "(f => f.action + '?' + new URLSearchParams(new FormData(f)))"
    browser.open(browser.evaluate(f"{form}(document.activeElement.form)"))
    deadline = time.monotonic() + 20
    found: list[str] = []
    while not any(page in link for link in found):
        assert time.monotonic() < deadline, f"searching {word!r} finds {found}"
        found = browser.evaluate(
            "[...document.querySelectorAll('#search-results li a')].map(a => a.href)"
        )
    assert not browser.problems, browser.problems


def check_explorer(browser: Browser, page: Path, explorer: Explorer) -> None:
    """Move every control, by keyboard and by pointer, and compare with the records."""
    grid = explorer.grid
    n_rates, n_strengths = len(grid.sampling_rates), len(grid.epsilons)
    for width in (1280, 390):
        browser.resize(width)
        browser.open(page)
        _choose(browser, "view", "adaptive_image")
        for method in grid.methods:
            _choose(browser, "method", method)
            _to_start(browser, "rate")
            _to_start(browser, "epsilon")
            check_state(browser, explorer, method, 0, 0)
            _key(browser, "epsilon", "ArrowRight")
            check_state(browser, explorer, method, 0, 1 + n_strengths)
            _key(browser, "rate", "ArrowRight")
            check_state(browser, explorer, method, 1, 1 + n_strengths)
        _drag(browser, "epsilon", 1)
        _drag(browser, "rate", 1)
        check_state(browser, explorer, method, n_rates - 1, 2 * n_strengths)
        _key(browser, "view", "ArrowLeft")
        check_state(browser, explorer, method, n_rates - 1, n_strengths)
        _key(browser, "view", "ArrowLeft")
        check_state(browser, explorer, method, n_rates - 1, 0)
        assert browser.evaluate("document.querySelector('#explorer-epsilon').disabled")
        _drag(browser, "rate", 0)
        check_state(browser, explorer, method, 0, 0)
    assert not browser.problems, browser.problems


def check_state(browser: Browser, explorer: Explorer, method: str, rate: int, state: int) -> None:
    """Compare images and numbers on the page with those of one combination."""
    view, epsilon = explorer.grid.states[state]
    where = f"{method}, rate {rate}, {view}, ε = {epsilon:g}"
    for name in explorer.grid.methods:
        row = explorer.row(name, rate, state)
        cells = f".explorer tr[data-method={name}] td"
        shown = browser.evaluate(f"[...document.querySelectorAll('{cells}')].map(e => e.innerText)")
        assert shown == [f"{row['psnr']:.2f}", f"{row['ssim']:.3f}"], where
    said = browser.evaluate("document.querySelector('.explorer [role=status]').innerText")
    row = explorer.row(method, rate, state)
    assert f"PSNR {row['psnr']:.2f} dB, SSIM {row['ssim']:.3f}" in said, where
    for kind in ("image", "error"):
        cell = explorer.cell(method, kind, rate, state)
        expected = sprites.COLOURS[cell] if kind == "error" else np.repeat(cell[..., None], 3, -1)
        found = _pixels(browser, f".explorer [data-kind={kind}]", cell.shape)
        agreement = np.mean(np.all(found == expected, axis=-1))
        assert agreement > 0.99, f"{kind} of {where}: {agreement:.3f} of its pixels"


def _pixels(browser: Browser, selector: str, shape: tuple[int, ...]) -> np.ndarray:
    """Return the colours in the middle of a panel's enlarged pixels, ``[height, width, 3]``."""
    # Enlarged further, for a panel lies between the pixels of the window.
    shot = Image.open(io.BytesIO(browser.screenshot(selector, scale=3))).convert("RGB")
    drawn = np.asarray(shot)
    rows, columns = (
        ((np.arange(size) + 0.5) * n_drawn / size).astype(int)
        for size, n_drawn in zip(shape, drawn.shape, strict=False)
    )
    return drawn[np.ix_(rows, columns)]


def _choose(browser: Browser, name: str, value: str) -> None:
    """Click the label of a choice."""
    box = browser.box(f".explorer label:has([name={name}][value={value}])")
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    browser.drag(middle, middle)


def _to_start(browser: Browser, name: str) -> None:
    _key(browser, name, "Home")


def _key(browser: Browser, name: str, key: str) -> None:
    """Press a key on a slider, or on the chosen one of several choices."""
    chosen = SLIDERS.get(name, f".explorer [name={name}]:checked")
    browser.evaluate(f"document.querySelector('{chosen}').focus()")
    browser.press(key)


def _drag(browser: Browser, name: str, end: int) -> None:
    """Drag a slider from where it is to its left (0) or right (1) end."""
    box = browser.box(SLIDERS[name])
    share = browser.evaluate(
        f"(s => (s.value - s.min) / (s.max - s.min))(document.querySelector('{SLIDERS[name]}'))"
    )
    # The thumb's middle stays half its width, 8 pixels, away from the ends.
    start = box["x"] + 8 + share * (box["width"] - 16)
    height = box["y"] + box["height"] / 2
    browser.drag((start, height), (box["x"] + end * box["width"], height))
