"""The notebook wrapper and its command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from smugbook import cli
from smugbook.notebooks import contents, run
from smugbook.notebooks.parameters import read_cell
from tests.notebook_files import code, demo, printed, prose, write

ROOT = Path(__file__).parents[3]


@pytest.fixture
def no_kernel(monkeypatch):
    """Fail if anything is executed."""

    def execute(*args, **kwargs):
        raise AssertionError("a kernel would have been started")

    monkeypatch.setattr(run, "_execute", execute)


def test_parameters_are_read_with_type_default_and_comment(tmp_path):
    found = run.parameters(demo(tmp_path / "a.ipynb"))
    assert list(found) == ["profile", "epsilon", "n_steps", "methods", "verbose"]
    assert found["epsilon"].default == 1 / 255
    assert found["epsilon"].comment == "image units, >= 0"
    types = [parameter.type_name for parameter in found.values()]
    assert types == ["str", "float", "int or None", "list[str]", "bool"]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("", "at least one"),
        ("x = 1\nimport torch", "line 2 must read 'name = literal'"),
        ("x = y = 1", "line 1"),
        ("x, y = 1, 2", "line 1"),
        ("x = open('a')", "not a literal"),
        ("x = 1 / 0", "not a literal"),
        ("x = 'a' * 2", "not a number"),
        ("x: complex = 1", "must be of type"),
        ("x = None", "must be of type"),
        ("x: int = 0.5", "x must be int, got 0.5"),
        ("x: int | str = 1", "must be of type"),
        ("x = [1, 'a']", "must be list"),
        ("x = 1 +", "line 1 is not Python"),
    ],
)
def test_a_cell_that_is_not_plain_literals_is_refused(cell, message):
    with pytest.raises(ValueError, match=message):
        read_cell(cell)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("epsilon", "1e-05", 1e-05),
        ("epsilon", "2/255", 2 / 255),
        ("epsilon", "0", 0.0),
        ("n_steps", "4", 4),
        ("n_steps", "none", None),
        ("verbose", "true", True),
        ("verbose", "False", False),
        ("methods", "smug", ["smug"]),
        ("methods", "modl, smug_v0", ["modl", "smug_v0"]),
        ("methods", "['rs_e2e']", ["rs_e2e"]),
        ("profile", "default", "default"),
    ],
)
def test_text_of_the_command_line_is_parsed_to_the_type(tmp_path, name, text, value):
    parsed = run.parameters(demo(tmp_path / "a.ipynb"))[name].parsed(text)
    assert parsed == value
    assert type(parsed) is type(value)


BAD_VALUES = [
    ("epsilon", "abc", "epsilon must be float"),
    ("epsilon", "nan", "epsilon must be float"),
    ("epsilon", "1e999", "epsilon must be float"),
    ("epsilon", "1/0", "epsilon must be float"),
    ("epsilon", "true", "epsilon must be float"),
    ("epsilon", "-0.1", "epsilon must be >= 0"),
    ("n_steps", "2.0", "n_steps must be int or None"),
    ("n_steps", "0", "n_steps must be an integer >= 1"),
    ("verbose", "1", "verbose must be bool"),
    ("methods", "smug,foo", "methods must be one of"),
    ("profile", "huge", "profile must be one of 'smoke', 'default', 'head', 'paper', got 'huge'"),
    ("epsilom", "0.1", "unknown parameter 'epsilom' of a.ipynb: did you mean 'epsilon'?"),
]


@pytest.mark.parametrize(("name", "text", "message"), BAD_VALUES)
@pytest.mark.usefixtures("no_kernel")
def test_the_command_line_refuses_a_bad_value(tmp_path, capsys, name, text, message):
    output = tmp_path / "out.ipynb"
    path = demo(tmp_path / "a.ipynb")
    assert cli.main(["notebook", str(path), "-o", str(output), "-p", name, text]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epsilon": "0.1"}, "epsilon must be float"),
        ({"epsilon": float("inf")}, "epsilon must be float"),
        ({"verbose": 1}, "verbose must be bool"),
        ({"n_steps": True}, "n_steps must be int or None"),
        ({"methods": "smug"}, "methods must be list"),
        ({"profile": None}, "profile must be str"),
        ({"other": 1}, "unknown parameter 'other'"),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_run_refuses_wrong_types(tmp_path, values, message):
    with pytest.raises(ValueError, match=message):
        run.run_notebook(demo(tmp_path / "a.ipynb"), tmp_path / "out.ipynb", values)


def test_impossible_together_is_refused_through_the_profile(tmp_path):
    cell = 'profile = "smoke"  # name\nstrip_height = 32  # rows\n'
    path = demo(tmp_path / "a.ipynb", parameters=cell)
    with pytest.raises(ValueError, match="strip_height must be <= height"):
        run.check_values(path, {"strip_height": 96})


def test_only_changed_values_are_passed_on(tmp_path):
    path = demo(tmp_path / "a.ipynb")
    assert run.check_values(path, {"profile": "smoke", "epsilon": 0, "n_steps": 3}) == {
        "epsilon": 0.0,
        "n_steps": 3,
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "does not exist"),
        ("not json", "not a Jupyter notebook"),
        ('{"cells": []}', "not a Jupyter notebook"),
        ('{"nbformat": 3, "cells": []}', "not a Jupyter notebook"),
        ("[1]", "not a Jupyter notebook"),
        (
            '{"nbformat": 4, "metadata": {}, "cells": []}',
            "one code cell tagged 'parameters', got 0",
        ),
    ],
)
@pytest.mark.usefixtures("no_kernel")
def test_what_is_not_a_parameterized_notebook_is_refused(tmp_path, capsys, content, message):
    path = tmp_path / "a.ipynb"
    if content is not None:
        path.write_text(content)
    assert cli.main(["notebook", str(path), "-o", str(tmp_path / "out.ipynb")]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.usefixtures("no_kernel")
def test_two_parameters_cells_are_refused(tmp_path):
    cells = [code("a = 1", "parameters"), code("b = 1", "parameters")]
    with pytest.raises(ValueError, match="got 2"):
        run.run_notebook(write(tmp_path / "a.ipynb", *cells), tmp_path / "out.ipynb")


@pytest.mark.usefixtures("no_kernel")
@pytest.mark.parametrize("output", ["a.ipynb", "out.html"])
def test_an_unfit_output_is_refused(tmp_path, output):
    path = demo(tmp_path / "a.ipynb")
    with pytest.raises(ValueError, match="another file ending in .ipynb"):
        run.run_notebook(path, tmp_path / output)


def test_parameters_reach_the_notebook(tmp_path):
    path = demo(tmp_path / "a.ipynb", "print(profile, epsilon, n_steps, methods, verbose)")
    values = {"epsilon": 1e-05, "methods": ["smug"], "verbose": True}
    output = run.run_notebook(path, tmp_path / "deep" / "out.ipynb", values, progress=False)
    assert printed(output) == "smoke 1e-05 None ['smug'] True\n"
    assert [path.name for path in output.parent.iterdir()] == ["out.ipynb"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise ValueError('of this kind')", "ValueError: of this kind"),
        ("import os; os._exit(1)", "DeadKernelError"),
    ],
)
def test_a_failing_notebook_leaves_no_output(tmp_path, monkeypatch, capsys, source, reason):
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "scratch").mkdir()
    path = demo(tmp_path / "a.ipynb", source)
    output = tmp_path / "out" / "a.ipynb"
    assert cli.main(["notebook", str(path), "-o", str(output), "--quiet"]) == 1
    error = capsys.readouterr().err
    assert reason in error
    assert [path.name for path in output.parent.iterdir()] == [".a.ipynb.lock"]
    assert Path(error.split("The failed notebook is ")[1].strip()).is_file()


def test_a_missing_kernel_is_named(tmp_path):
    path = demo(tmp_path / "a.ipynb")
    with pytest.raises(run.NotebookError, match="no-such-kernel"):
        run.run_notebook(path, tmp_path / "out.ipynb", kernel="no-such-kernel", progress=False)


def test_list_prints_the_parameters(tmp_path, capsys):
    path = demo(tmp_path / "a.ipynb")
    assert cli.main(["notebook", str(path), "--list"]) == 0
    title, _, head, *lines = capsys.readouterr().out.splitlines()
    assert title == "Demo" and head.split()[:3] == ["parameter", "type", "default"]
    assert re.split(" {2,}", lines[1]) == ["epsilon", "float", "1 / 255", "image units, >= 0"]
    assert lines[1].index("image") == lines[0].index("smoke, default") == head.index("meaning")


@pytest.mark.usefixtures("no_kernel")
def test_a_name_given_twice_is_refused(tmp_path, capsys):
    words = ["-p", "epsilon", "0.1", "-p", "epsilon", "0.2"]
    path = str(demo(tmp_path / "a.ipynb"))
    assert cli.main(["notebook", path, "-o", str(tmp_path / "o.ipynb"), *words]) == 2
    assert "given twice" in capsys.readouterr().err


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with one chapter, entered from its book folder."""
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    demo(tmp_path / "book" / "13_table1.ipynb", "import os; print(os.getcwd())")
    monkeypatch.chdir(tmp_path / "book")
    return tmp_path


def test_chapters_are_found_by_name(project, capsys):
    assert cli.main(["chapter", "--list"]) == 0
    assert capsys.readouterr().out == "table1  Demo\n"
    assert cli.main(["chapter", "table1", "--list"]) == 0
    assert cli.main(["chapter", "13_table1", "--list"]) == 0
    assert cli.main(["chapter", "table2"]) == 2
    assert "chapter must be one of table1, got 'table2'" in capsys.readouterr().err


def test_outside_of_a_clone_the_command_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for words in (["chapter", "table1"], ["chapter", "--list"], ["sweep", "table1"]):
        assert cli.main(words) == 2
        assert "there is no book here" in capsys.readouterr().err


def test_a_terminal_without_greek_letters_gets_escapes(project):
    command = [sys.executable, "-m", "smugbook", "chapter", "--list"]
    write(project / "book" / "02_b.ipynb", prose("# ε"))
    own = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    own["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "book")))
    done = subprocess.run(command, capture_output=True, text=True, env=own)
    assert done.returncode == 0 and "b       \\u03b5" in done.stdout, done.stderr


def test_a_chapter_runs_at_the_root_of_the_project(project):
    assert cli.main(["chapter", "table1", "--quiet", "--no-page", "-p", "epsilon", "0.008"]) == 0
    assert printed(project / "build" / "chapters" / "13_table1.ipynb") == f"{project}\n"


@pytest.mark.parametrize(("name", "text", "message"), BAD_VALUES)
def test_a_bad_value_is_refused_before_torch_loads(tmp_path, name, text, message):
    path = demo(tmp_path / "a.ipynb")
    words = ["notebook", str(path), "-o", str(tmp_path / "o.ipynb"), "-p", name, text]
    script = (
        "import sys; from smugbook.cli import main; code = main(sys.argv[1:]);"
        "loaded = {'torch', 'papermill', 'jupyter_client'} & set(sys.modules);"
        "sys.exit(f'loaded {loaded}' if loaded else code)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "book")))}
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2, done.stderr
    assert message in done.stderr


RANGED = [
    ("tau, > 0", 0, 1e-9, "v must be > 0, got 0"),
    ("counts, >= 2: even", 1, 2, "v must be >= 2, got 1"),
    ("counts, ≥ 2: even", 1, 2, "v must be ≥ 2, got 1"),
    ("> -1 and not 0", -1, -0.5, "v must be > -1, got -1"),
    ("fraction, in (0, 1]", 0, 1, r"v must lie in \(0, 1\], got 0"),
    ("fraction, in (0, 1]", 1.5, 0.5, r"v must lie in \(0, 1\], got 1.5"),
    ("in [0.5, 2) of it", 2, 0.5, r"v must lie in \[0.5, 2\), got 2"),
]


@pytest.mark.parametrize(("comment", "bad", "good", "message"), RANGED)
def test_a_range_is_the_one_that_the_comment_says(comment, bad, good, message):
    (one,) = read_cell(f"v: float = 1.0  # {comment}").values()
    (many,) = read_cell(f"v: list[float] = []  # {comment}").values()
    assert one.checked(good) == good and many.checked([good]) == [good]
    for parameter, value in ((one, bad), (many, [good, bad])):
        with pytest.raises(ValueError, match=message):
            parameter.checked(value)


@pytest.mark.parametrize("comment", ["a -> b", "0 to 1", "x>0", "in ms", "at most 3"])
def test_a_comment_without_a_range_allows_any_number(comment):
    (parameter,) = read_cell(f"v: float = 1.0  # {comment}").values()
    assert parameter.checked(-1.0) == -1.0


def test_prose_cells_tagged_parameters_do_not_count(tmp_path):
    tagged = {**prose("# x"), "metadata": {"tags": ["parameters"]}}
    path = write(tmp_path / "a.ipynb", tagged, code("a = 1", "parameters"))
    assert list(run.parameters(path)) == ["a"]


@pytest.mark.parametrize(
    "trouble", ["Kernel didn't respond in 60 seconds", "Kernel died before replying to kernel_info"]
)
def test_a_kernel_that_does_not_start_is_started_again(tmp_path, monkeypatch, trouble):
    path, output = demo(tmp_path / "demo.ipynb"), tmp_path / "out.ipynb"
    starts = []

    def hangs_once(source, executed, **options):
        starts.append(source)
        if len(starts) == 1:
            raise RuntimeError(trouble)
        shutil.copyfile(source, executed)

    monkeypatch.setattr("papermill.execute_notebook", hangs_once)
    assert run.run_notebook(path, output) == output and output.is_file()
    assert len(starts) == 2


def test_a_kernel_that_never_starts_is_an_error(tmp_path, monkeypatch):
    def hangs(*arguments, **options):
        raise RuntimeError("Kernel didn't respond in 60 seconds")

    monkeypatch.setattr("papermill.execute_notebook", hangs)
    with pytest.raises(run.NotebookError, match="didn't respond"):
        run.run_notebook(demo(tmp_path / "demo.ipynb"), tmp_path / "out.ipynb")
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize("path", contents.by_name(ROOT).values(), ids=lambda path: path.stem)
def test_papermill_s_own_parser_is_not_led_astray_by_a_comment(path):
    cell = next(
        c for c in run.read_notebook(path)["cells"] if "parameters" in c["metadata"].get("tags", [])
    )
    assert not [line for line in run.source(cell).splitlines() if "=" in line.partition("  # ")[2]]
