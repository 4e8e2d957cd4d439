"""Tables in words: heads and cells of HTML where a reader, or a reader aloud, expects them."""

import numpy as np
import pandas as pd

from smugbook.experiments import sweeps
from smugbook.tables.html import format_table, render_table, write_html
from smugbook.words import labels
from smugbook.words.numbers import NO_BREAK
from smuglib.evaluation import table_scenarios


def test_a_table_of_records_is_in_words():
    frame = pd.DataFrame(
        {
            "method": ["smug", "rs_e2e"],
            "training_sigma": [0.05, 0.01],
            "scenario": ["strength_transfer", "kspace_random"],
            "epsilon": [1 / 255, 0.02],
            "domain": ["image", "kspace"],
            "slice": [1, 2],
            "psnr_recorded": [22.125, -1.0],
            "broken": np.array([True, False]),
            "note": ["3 (+0.1 [+0.2, +0.4])", None],
        }
    )
    shown = format_table(frame, {"psnr_recorded": 1})
    assert shown.columns.name == "method" and shown.index.tolist() == ["SMUG", "RS-E2E"]
    assert shown.iloc[0].tolist() == [
        "0.05", "transfer attack", "1/255", "image", "1", "22.1", "yes",
        "3 (+0.1 [+0.2, +0.4])",
    ]  # fmt: skip
    assert shown.iloc[1, [2, 5, 6, 7]].tolist() == [
        f"2{NO_BREAK}%{NO_BREAK}of{NO_BREAK}‖y‖₂",
        "−1.0",
    ] + ["no", "–"]
    assert frame["psnr_recorded"].tolist() == [22.125, -1.0]


def test_heads_of_rows_and_columns_keep_their_digits():
    index = pd.Index([0.125, -0.5], name="sampling_rate")
    columns = pd.Index(["modl", "smug"], name="method")
    shown = format_table(pd.DataFrame(np.zeros((2, 2)), index=index, columns=columns))
    assert shown.index.tolist() == ["0.125", "−0.5"] and shown.columns.tolist() == ["MoDL", "SMUG"]
    assert shown.columns.name == "sampling rate"
    several = pd.MultiIndex.from_tuples([("smug", 0.05)], names=["method", "epsilon"])
    shown = format_table(pd.DataFrame([[1]], index=several, columns=["n_steps"]))
    assert shown.index.tolist() == [("SMUG", "0.05")] and list(shown.index.names) == ["method", "ε"]
    assert shown.columns.tolist() == ["unrolling steps"]


def test_intervals_stay_whole_and_differences_have_their_own_line():
    cells = ["33.71 (+0.08 [+0.01, +0.16])", "0.93 [0.91, 0.95]", "a < b (c, d)"]
    found = render_table(pd.DataFrame({"x": cells, "y": [1.0, 2.0, 3.0]}, index=["a", "b", "c"]))
    found = found.replace(NO_BREAK, "_")
    assert "<td>33.71<br><small>+0.08 [+0.01,_+0.16]</small></td>" in found
    assert "<td>0.93 <small>[0.91,_0.95]</small></td>" in found
    assert "<td>a &lt; b (c, d)</td>" in found and "<td>2.00</td>" in found


def test_every_scenario_has_a_name():
    known = labels.VALUE_LABELS["scenario"]
    named = [one.name for one in table_scenarios()]
    named += [one.name for sweep in sweeps.AXES for one in sweeps.sweep_scenarios(sweep)]
    assert set(named) <= set(known)
    assert {one.rung for sweep in sweeps.AXES for one in sweeps.sweep_scenarios(sweep)} - {
        "clean"
    } <= set(labels.SHORT_RUNG_LABELS)


def test_bold_cells_keep_their_interval():
    written = render_table(pd.DataFrame({"x": ["**1.00** [0.90, 1.10]"]}, index=["a"]))
    assert f"<b>1.00</b> <small>[0.90,{NO_BREAK}1.10]</small>" in written


def test_equal_heads_share_a_cell_within_their_outer_one():
    index = pd.MultiIndex.from_tuples([("a", 1, "x"), ("a", 1, "y"), ("b", 1, "y")])
    columns = pd.MultiIndex.from_tuples([("top", "p"), ("top", "q"), ("end", "q")])
    cells = pd.DataFrame([list("123"), list("456"), list("789")], index, columns)
    head, *rows = write_html(cells.rename_axis(index=["i", "j", "k"])).split("<tbody>")
    assert '<td></td><td></td><td></td><th colspan="2" scope="colgroup">top</th>' in head
    assert '<th scope="col">p</th><th scope="col">q</th><th scope="col">q</th>' in head
    assert '<tr><th scope="col">i</th><th scope="col">j</th><th scope="col">k</th>' in head
    first, second, third = rows[0].strip().split("\n")[:3]
    twice = '<th rowspan="2" scope="rowgroup">'
    assert first == (
        f'<tr>{twice}a</th>{twice}1</th><th scope="row">x</th><td>1</td><td>2</td><td>3</td></tr>'
    )
    assert second == '<tr><th scope="row">y</th><td>4</td><td>5</td><td>6</td></tr>'
    assert third.startswith(
        '<tr><th scope="row">b</th><th scope="row">1</th><th scope="row">y</th>'
    )
