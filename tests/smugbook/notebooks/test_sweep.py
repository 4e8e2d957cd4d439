"""Key numbers of chapters, and the table that a sweep makes of them."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from smugbook import cli
from smugbook.notebooks import combinations, contents, key_numbers, run, sweep
from smugbook.pages.sweep import sweep_markdown
from smuglib import files
from tests.notebook_files import demo, prose, write

ROOT = Path(__file__).parents[3]


def executed(path, *numbers, duration=None):
    """A notebook whose one cell recorded numbers: name, value and unit of each."""
    names = ("name", "value", "unit")
    outputs = [
        {
            "output_type": "display_data",
            "data": {key_numbers.MIME: dict(zip(names, n, strict=True))},
        }
        for n in numbers
    ]
    demo(path, "pass")
    content = json.loads(path.read_text())
    content["cells"][-1]["outputs"] = outputs
    if duration is not None:
        content["metadata"]["papermill"] = {"duration": duration}
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def shown(monkeypatch):
    """What a cell displays."""
    found = []
    monkeypatch.setattr("IPython.display.display", lambda content, raw: found.append(content))
    return found


def test_numbers_of_any_library_are_recorded(shown):
    key_numbers.record("PSNR", {"clean": np.float32(33.5), "attacked": torch.tensor(22.25)}, "dB")
    key_numbers.record("gain", 3)
    contents = [content[key_numbers.MIME] for content in shown]
    assert contents == [
        {"name": "PSNR, clean", "value": 33.5, "unit": "dB"},
        {"name": "PSNR, attacked", "value": 22.25, "unit": "dB"},
        {"name": "gain", "value": 3.0, "unit": ""},
    ]
    assert shown[0]["text/plain"] == "PSNR, clean = 33.5 dB"


@pytest.mark.parametrize("value", ["3", None, [1.0], {"a": "3"}])
def test_what_is_no_number_is_refused(value, shown):
    with pytest.raises(TypeError, match="value of 'gain' must be a number"):
        key_numbers.record("gain", value)
    assert not shown


def test_what_was_recorded_is_read(tmp_path, shown):
    for value in (math.inf, math.nan):
        key_numbers.record(f"v{value}", value)
    contents = [tuple(content[key_numbers.MIME].values()) for content in shown]
    path = executed(tmp_path / "a.ipynb", ("PSNR", 1.5, "dB"), ("PSNR", 2.5, "dB"), *contents)
    found = key_numbers.read_key_numbers(path)
    assert list(found) == ["PSNR (dB)", "vinf", "vnan"]
    assert found["PSNR (dB)"] == 2.5 and found["vinf"] == math.inf and math.isnan(found["vnan"])


def test_every_combination_is_named_and_typed(tmp_path):
    path = demo(tmp_path / "a.ipynb")
    pairs = [
        ("methods", "modl,smug"),
        ("methods", "smug"),
        ("epsilon", "0, 1/255"),
        ("n_steps", "none"),
    ]
    planned = combinations.product(path, combinations.alternatives(path, pairs))
    assert list(planned) == [
        "methods=modl+smug,epsilon=0,n_steps=none",
        f"methods=modl+smug,epsilon={1 / 255!r},n_steps=none",
        "methods=smug,epsilon=0,n_steps=none",
        f"methods=smug,epsilon={1 / 255!r},n_steps=none",
    ]
    assert planned["methods=smug,epsilon=0,n_steps=none"] == {
        "methods": ["smug"],
        "epsilon": 0.0,
        "n_steps": None,
    }


@pytest.mark.parametrize(
    "value", [0.1, 1 / 255, 1e-300, 8, True, None, "a b,%/ü", ["a", "b'c"], [0.1, 2.0], []]
)
def test_an_option_is_read_as_the_value_it_was_made_of(value, tmp_path):
    cell = {float: "v: float = 1.0", int: "v: int = 1", bool: "v: bool = False", str: "v = 'x'"}
    element = type(value[0]).__name__ if isinstance(value, list) and value else "str"
    line = cell.get(type(value), f"v: list[{element}] = []")
    line = "v: int | None = 1" if value is None else line
    path = demo(tmp_path / "a.ipynb", parameters=f"{line}  # any\n")
    parsed = run.parameters(path)["v"].parsed(combinations.option(value))
    assert parsed == value and type(parsed) is type(value)
    label = combinations.combination_name({"v": value})
    assert "/" not in label and " " not in label


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([], "at least one parameter"),
        ([("epsilon", "0.1,0.1")], "twice"),
        ([("epsilon", "0.1,-1")], "epsilon must be >= 0"),
        ([("epsilom", "0.1")], "did you mean 'epsilon'"),
        ([("profile", "smoke,huge")], "profile must be one of"),
    ],
)
def test_an_impossible_sweep_is_refused(tmp_path, pairs, message):
    path = demo(tmp_path / "a.ipynb")
    with pytest.raises(ValueError, match=message):
        combinations.product(path, combinations.alternatives(path, pairs))


def test_a_failed_combination_leaves_a_row_with_its_error(tmp_path):
    done = sweep.Sweep(demo(tmp_path / "chapter.ipynb"), tmp_path, "code")
    executed(tmp_path / "a=1.ipynb", ("PSNR", 30.0, "dB"), duration=90)
    (tmp_path / "a=1.stamp").write_text(done.stamp("a=1", {"a": 1}))
    (tmp_path / "a=2.log").write_text(
        "noise\nerror: /x/a.ipynb: a|b must be 1\nThe failed notebook is x\n"
    )
    planned = {f"a={value}": {"a": value} for value in (1, 2, 3)}
    table = sweep.gather(done, planned)
    assert list(table.columns) == ["a", "PSNR (dB)", "minutes", "error"]
    assert table.loc["a=1", ["PSNR (dB)", "minutes"]].to_list() == [30.0, 1.5]
    assert table["error"].to_list()[1:] == ["a|b must be 1", "not executed"]
    lines = sweep_markdown(table, {"a=1": "run-0"}).splitlines()
    assert lines[2] == "| [a=1](run-0) | `1` | 30 | 1.5 | – |"
    assert lines[3] == "| a=2 | `2` | – | – | `a\\|b must be 1` |"


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one chapter, which fails at index 2 and counts how often it ran."""
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    lines = (
        "from smugbook.notebooks import key_numbers\n"
        "with open('ran', 'a') as file:\n    file.write(f'{index}\\n')\n"
        "assert index != 2, 'no index 2'\nkey_numbers.record('twice', 2 * index)"
    )
    parameters = "index: int = 0  # any, >= 0\n"
    demo(tmp_path / "book" / "01_demo.ipynb", lines, parameters=parameters)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(ROOT), str(ROOT / "book"))))
    monkeypatch.setattr(
        "smugbook.pages.standalone.build_pages", lambda root, output, pages, **k: output
    )
    return tmp_path


def test_a_sweep_keeps_what_succeeded_and_runs_nothing_twice(project, capsys):
    command = ["sweep", "demo", "-j", "2", "-p", "index"]
    assert cli.main([*command, "1,2"]) == 1
    assert "1 of 2 combinations failed" in capsys.readouterr().err
    csv = project / "build" / "sweeps" / "01_demo" / "table.csv"
    table = pd.read_csv(csv).set_index("combination")
    assert table["twice"]["index=1"] == 2
    assert "no index 2" in table["error"]["index=2"]
    assert cli.main([*command, "1,3"]) == 0
    assert pd.read_csv(csv)["twice"].to_list() == [2, 6]
    assert sorted((project / "ran").read_text().split()) == ["1", "2", "3"]


def test_no_notebook_of_other_code_counts_and_none_that_was_damaged(project):
    path, planned = project / "book" / "01_demo.ipynb", {"index=1": {"index": 1}}
    done = sweep.run_sweep(project, path, planned, code="a", n_jobs=1)
    assert sweep.ERROR not in sweep.gather(done, planned)
    other = sweep.Sweep(path, done.folder, "b")
    assert sweep.gather(other, planned)[sweep.ERROR].notna().all()
    with open(done.notebook("index=1"), "a") as file:
        file.write("damage")
    assert sweep.gather(done, planned)[sweep.ERROR].notna().all()
    sweep.run_sweep(project, path, planned, code="a", n_jobs=1)
    assert sweep.ERROR not in sweep.gather(done, planned)


def test_a_second_sweep_of_a_chapter_says_that_the_first_is_running(project, capsys, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0)
    with files.locked(project / "build" / "sweeps" / "01_demo" / ".sweep.lock"):
        assert cli.main(["sweep", "demo", "-p", "index", "1"]) == 2
    assert capsys.readouterr().err.startswith("error: a sweep of demo is running already")


def test_values_that_write_alike_are_told_apart(tmp_path):
    path = demo(tmp_path / "a.ipynb", parameters="v: list[str] = []\nw: str = 'x'\n")
    pairs = [("v", '["a+b"]'), ("v", '["a", "b"]'), ("v", "[]"), ("v", '[""]')]
    planned = combinations.product(path, combinations.alternatives(path, pairs))
    assert [one["v"] for one in planned.values()] == [["a+b"], ["a", "b"], [], [""]]
    assert "v=a+b" in planned
    alike = combinations.alternatives(path, [("w", "Tv,tv")])
    with pytest.raises(ValueError, match="two combinations would both be named w=tv"):
        combinations.product(path, alike)


def test_a_sweep_is_listed_before_pandas_loads(project):
    script = (
        "import sys; from smugbook.cli import main; code = main(sys.argv[1:]);"
        "loaded = {'torch', 'pandas', 'snakemake'} & set(sys.modules);"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    words = ["sweep", "demo", "-p", "index", "1,2", "--dry-run"]
    done = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "index=1\nindex=2\n"), done.stderr


def test_chapters_are_listed_with_their_titles(tmp_path):
    write(tmp_path / "book" / "13_table1.ipynb", prose("text\n\n# Table 1\n"))
    write(tmp_path / "book" / "intro.ipynb", prose("no heading"))
    assert contents.contents(tmp_path) == "table1  Table 1\nintro   intro"
