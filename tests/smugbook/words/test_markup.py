"""Text from outside is never markup, whichever page shows it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
import torch
from markdown_it.renderer import RendererHTML
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from smugbook.chapters.controls import answer as controls
from smugbook.chapters.cost import answer as cost
from smugbook.chapters.cost import peers
from smugbook.chapters.cost import tables as cost_tables
from smugbook.chapters.published_code import gain
from smugbook.chapters.steps import points
from smugbook.explorers.live import pictures
from smugbook.pages import inventory, sweep
from smugbook.tables.html import render_narrow, render_table
from smugbook.words import markup
from smuglib.evaluation import Interval
from tests.smugbook.chapters.cost.test_peers import records

ZOO = (
    "<script>document.title=1337</script>",
    "<img src=x onerror='document.title=1'>",
    "![a](b)[c](javascript:d)",
    "`c` {raw}`html` ``<b>``",
    "`<script>x</script>",
    "$$x$$ $y$ \\(z\\)",
    "a|b \\| c\\",
    "*a* ~b~ # c",
    "https://x www.y a@b &lt; &#60;",
    "one\n\n# two\n\n```{raw} html\n<b>\n```",
    "'; \" > -->",
)

PLAIN = "Word"

MYST = ["amsmath", "colon_fence", "deflist", "dollarmath", "substitution", "tasklist"]


class Shape(HTMLParser):
    """The tags of a page with the names of their attributes, and its text."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.words = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _ in attrs)))

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def rendered(text):
    parser = create_md_parser(MdParserConfig(enable_extensions=MYST), RendererHTML)
    return parser.render(text)


def of_sweep(text):
    index = pd.Index([text], name="combination")
    return sweep.sweep_markdown(
        pd.DataFrame({text: [1.5], "error": [text]}, index), {text: "run-0"}
    )


def of_solves(text):
    frame = records()
    fastest = {"deepinv CG, looped": f"deepinv {text}"}
    frame["implementation"] = frame["implementation"].replace(fastest)
    return cost.answer_cost(frame, peers.check_targets(frame))


def of_scaling(text):
    frame = records().assign(section="scaling", work=f"{text}, n_steps varied", implementation=text)
    frame["seconds_median"] = frame["steps"] = range(1, len(frame) + 1)
    return cost_tables.describe_growth(frame)


def of_memory(text):
    columns = [peers.OWN, f"{peers.OWN}, checkpointed", peers.PEER_LOOP, f"a, {text}"]
    return cost_tables.describe_memory(pd.DataFrame([[9.0, 8.0, 1.0, 5.0]], [text], columns))


def of_departure(text):
    name = f"jitter=0.02,updates={text}"
    row = {"mean": 1.0, "low": 0.5, "high": 2.0, "training_sigma": 0.05, "departure": name}
    return gain.describe_change(pd.Series(row))


def of_point(text):
    row = {"scenario": text, "setting": "–", "rung": "x"}
    return points.name_point(pd.Series(row))


def of_inventory(text):
    return inventory.split_shared_columns(pd.DataFrame({"device": [text], "commit": [text]}))[1]


MARKDOWN = {
    "in_markdown": markup.in_markdown,
    "table": lambda text: (
        f"|a|b|\n|---|---|\n|{markup.in_markdown(text)}|{markup.in_code(text)}|\n"
    ),
    "emphasized": lambda text: f"*All: {markup.in_markdown(text)}.* **{markup.in_markdown(text)}**",
    "sweep": of_sweep,
    "jitter": lambda text: controls.conclude_jitter({"clean": Interval(1.0, 0.5, 2.0)}, {}, text),
    "solves": of_solves,
    "scaling": of_scaling,
    "memory": of_memory,
    "departure": of_departure,
    "point": of_point,
    "inventory": of_inventory,
}
"""What writes a text from outside in Markdown."""


def of_table(text):
    return pd.DataFrame({text: [text]}, pd.Index([text], name=text))


HTML = {
    "in_html": markup.in_html,
    "table": lambda text: render_table(of_table(text)),
    "narrow table": lambda text: render_narrow(of_table(text)),
    "panel": lambda text: pictures.panel(text, pictures.mask_pixels(MASK, 2), alt=text, note=text),
    "scale": lambda text: pictures.scale(text, text),
}
"""What writes a text from outside in HTML."""


MASK = torch.ones(1, 2)

WRITERS = [(write, rendered) for write in MARKDOWN.values()]
WRITERS += [(write, str) for write in HTML.values()]


@pytest.mark.parametrize("text", ZOO)
@pytest.mark.parametrize(
    ("write", "render"), WRITERS, ids=[*MARKDOWN, *(f"{n} in HTML" for n in HTML)]
)
def test_a_page_shows_the_text_that_it_was_given(write, render, text):
    page, plain = (Shape(render(write(one))) for one in (text, PLAIN))
    assert page.tags == plain.tags
    shown = " ".join(text.split()).casefold()
    assert PLAIN in plain.text
    assert page.text.casefold().replace(shown, PLAIN.casefold()) == plain.text.casefold()


@pytest.mark.parametrize("text", ["word", "a_b_c", "jitter=0.02,updates=1", "x (dB) — σ²"])
def test_plain_words_stay_as_they_are(text):
    assert markup.in_markdown(text) == markup.in_html(text) == text
    assert markup.in_code(text) == f"`{text}`"
    assert markup.in_markdown("_c_ __d__") == "&#95;c&#95; &#95;&#95;d&#95;&#95;"
    assert markup.in_code("") == markup.in_markdown("") == ""


def test_nothing_else_escapes_what_a_page_shows():
    """One function a language: whoever writes a second one forgets a sign."""
    sources = (Path(markup.__file__).parents[1]).rglob("*.py")
    others = [
        path for path in sources if re.search(r"^(import|from) html\b", path.read_text(), re.M)
    ]
    assert others == [Path(markup.__file__)]
