"""Tables of means with intervals, and their text: known answers."""

from __future__ import annotations

import pandas as pd

from smugbook.tables.html import render_narrow
from smugbook.tables.studies import by_method, format_differences, stack_tables
from smugbook.words.numbers import NO_BREAK


def measurements():
    """Two methods at three slices of two subjects: the second is one better, or twice the first."""
    values = {"modl": [1.0, 2.0, 3.0], "smug": [2.0, 3.0, 4.0]}
    return pd.DataFrame(
        [
            {"method": method, "scenario": "clean", "split": "test", "subject": subject,
             "slice": index, "quantity": "q", "index": 0, "value": value}
            for method, numbers in values.items()
            for index, (subject, value) in enumerate(zip([0, 0, 1], numbers, strict=True))
        ]
    )  # fmt: skip


def test_tables_known_answer():
    frame = measurements()
    names, methods = {"clean": "no attack"}, ["smug", "modl"]
    table = by_method(frame, "q", names, methods, digits=1)
    assert table.to_dict("index") == {
        "no attack": {"SMUG": "3.0 [2.5, 4.0]", "MoDL": "2.0 [1.5, 3.0]"}
    }
    change = format_differences(frame, "q", names, methods)
    assert change.to_dict("index") == {"no attack": {"SMUG": "+1.00"}}
    quotient = format_differences(frame, "q", names, methods, ratio=True)
    assert quotient.loc["no attack", "SMUG"].startswith("1.61 [1.33")
    alone = by_method(frame[frame.subject == 1], "q", {**names, "kspace": "attack"}, methods)
    assert alone.loc["no attack"].tolist() == ["4.00", "3.00"]
    assert alone.loc["attack"].tolist() == ["", ""]


def test_tables_for_narrow_pages_known_answer():
    frame = measurements()
    first = by_method(frame, "q", {"clean": "no attack", "kspace": "attack"}, ["modl", "smug"])
    minus = format_differences(frame, "q", {"clean": "no attack"}, ["modl", "smug"])
    both = stack_tables({"mean": first, "minus <MoDL>": minus})
    assert both.loc[("no attack", "SMUG")].tolist() == ["3.00 [2.50, 4.00]", "+1.00"]
    assert both.loc[("no attack", "MoDL")].tolist() == ["2.00 [1.50, 3.00]", ""]
    assert both.index.get_level_values(0).unique().tolist() == ["no attack", "attack"]
    page = render_narrow(both)
    assert page.count("<tr>") == 1 + 2 + 4 and page.count('colspan="3"') == 2
    assert f"<td>3.00<br><small>[2.50,{NO_BREAK}4.00]</small></td>" in page
    assert "minus &lt;MoDL&gt;" in page
    plain = render_narrow(both.loc["no attack"])
    assert plain.count("<tr>") == 3 and "colspan" not in plain
