"""The page of table 1: a column a scenario, a row a method."""

from __future__ import annotations

from html.parser import HTMLParser

import pandas as pd
import pytest

from smugbook.chapters.table1 import summary
from smugbook.chapters.table1.page import render_table1
from smuglib.evaluation import table_scenarios
from tests.table1 import SCENARIOS, block


class Cells(HTMLParser):
    """Collects the cells of every row, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.rows, self.open, self.text = [], [], None

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        if tag == "tbody" and "tbody" in self.open:
            self.open.remove("tbody")  # its end tag may be left out
        self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.text = ""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self.rows[-1].append(self.text)
            self.text = None

    def handle_data(self, data):
        if self.text is not None:
            self.text += data


def page(blocks, columns, metric="psnr"):
    """Return the rows of the page's table, each a list of texts."""
    parser = Cells()
    parser.feed(
        render_table1(
            summary.table1_summary(blocks, columns), columns, metric=metric, label="Table <1>"
        )
    )
    assert parser.open == []
    return parser.rows


def test_the_page_has_a_column_a_scenario_and_a_row_a_method():
    columns = [*SCENARIOS, *(s for s in table_scenarios() if s.name == "transfer_published")]
    frame = block(scenarios=SCENARIOS)
    published = frame[frame["scenario"] == "transfer"].assign(scenario="transfer_published")
    rows = page({0.05: pd.concat([frame, published])}, columns)
    assert rows[0][0] == "Method" and rows[0][2] == "random noiseσ\u00a0=\u00a01/2556 slices"
    heads = [row[0] for row in rows]
    assert heads.count("SMUG") == 2  # ours and the poster's
    ours = rows[heads.index("SMUG")]
    assert ours[1] == "30.25 ± 0.170.00\u00a0†[0.00,\u00a00.00]"
    assert ours[3] == "25.25 ± 0.17+3.00[+3.00,\u00a0+3.00]"
    assert rows[heads.index("MoDL")][1] == "30.25 ± 0.17"
    posters = rows[len(heads) - 1 - heads[::-1].index("SMUG")]
    assert posters[1:] == ["29.39 ± 3.06−0.34", "29.23 ± 2.98+0.53", "–", "26.78 ± 2.28+3.87"]
    similarity = page({0.05: frame}, SCENARIOS, "ssim")
    assert similarity[heads.index("SMUG")][3] == "0.903 ± 0.000+0.003[+0.003,\u00a0+0.003]"


def test_baselines_stand_once_above_the_blocks():
    tv = block(methods=("modl",)).assign(method="tv", psnr=-14.8)
    rows = page({0.05: pd.concat([block(), tv]), 0.01: block(0.01)}, SCENARIOS)
    heads = [row[0] for row in rows]
    assert heads[1:5] == [
        "Baselines: nothing trained, nothing smoothed", "Zero-filled", "Total variation (TV)",
        "Pre-trained and smoothed with σ = 0.05",
    ]  # fmt: skip
    assert heads.count("Zero-filled") == heads.count("Total variation (TV)") == 1
    assert rows[3][1] == "−14.80 ± 0.00"
    none = block(methods=("modl", "smug"))
    assert page({0.05: none}, SCENARIOS)[1][0] == "Pre-trained and smoothed with σ = 0.05"


def test_the_label_is_text_and_no_markup():
    columns = SCENARIOS[:1]
    table = summary.table1_summary({0.05: block(scenarios=columns)}, columns)
    assert 'aria-label="a &lt; b"' in render_table1(table, columns, metric="psnr", label="a < b")


@pytest.mark.parametrize(
    ("shift", "mark"),
    [(lambda i: 1.0, False), (lambda i: (-1) ** i, True), (lambda i: -1.0, False)],
)
def test_a_dagger_marks_intervals_that_hold_zero(shift, mark):
    frame = block(methods=("modl", "smug"), scenarios=SCENARIOS[:1])
    moved = [
        shift(i) if m == "smug" else 0 for m, i in zip(frame["method"], frame["slice"], strict=True)
    ]
    rows = page({0.05: frame.assign(psnr=frame["psnr"] + moved)}, SCENARIOS[:1])
    assert ("†" in "".join(rows[3])) == mark
