"""Hashes of code that the pipeline's rules depend on."""

from __future__ import annotations

import hashlib

import pytest

from smugbook.notebooks import run
from smugbook.results import sources
from tests.notebook_files import code, prose, write


@pytest.fixture
def packages(tmp_path):
    """A library, ``top`` imports ``low`` and ``data.brain``; a workshop that imports ``low``."""
    folder = tmp_path / "smuglib"
    (folder / "data").mkdir(parents=True)
    (tmp_path / "smugbook").mkdir()
    files = {
        "__init__.py": "from smuglib import top, plots\n",
        "top.py": "import smuglib.data.brain\n\ndef f():\n    from smuglib import low\n",
        "low.py": "import os\n",
        "plots.py": "from smuglib.top import f\n",
        "data/__init__.py": "",
        "data/brain.py": "from smuglib.low import os\n",
        "../smugbook/__init__.py": "",
        "../smugbook/study.py": "from smuglib.low import os\n",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    return {"smuglib": folder, "smugbook": tmp_path / "smugbook"}


@pytest.mark.parametrize(
    ("edited", "changes"),
    [
        ("top.py", True),
        ("low.py", True),
        ("data/brain.py", True),
        ("data/__init__.py", True),
        ("plots.py", False),
        ("__init__.py", False),
    ],
)
def test_a_module_depends_on_what_it_imports_and_nothing_else(packages, edited, changes):
    before = sources.library_hash("smuglib.top", packages=packages)
    whole = sources.library_hash(packages=packages)
    path = packages["smuglib"] / edited
    path.write_text(path.read_text() + "x = 1\n")
    assert (sources.library_hash("smuglib.top", packages=packages) != before) == changes
    assert sources.library_hash(packages=packages) not in (before, whole)


def test_a_module_of_the_workshop_depends_on_the_library(packages):
    before = sources.library_hash("smugbook.study", packages=packages)
    for edited, changes in (("plots.py", False), ("low.py", True)):
        path = packages["smuglib"] / edited
        path.write_text(path.read_text() + "x = 1\n")
        assert (sources.library_hash("smugbook.study", packages=packages) != before) == changes


def test_an_unknown_module_is_refused(packages):
    for name in ("nothing", "smuglib.nothing", "os.path"):
        with pytest.raises(ValueError, match=f"no module '{name}'"):
            sources.library_hash(name, packages=packages)


def test_trainings_do_not_depend_on_plots_or_notebook_tools():
    trainings = "smugbook.experiments.trainings"
    before = sources.library_hash(trainings)
    used = ("smuglib.training", "smuglib.data", "smuglib.losses")
    assert before == sources.library_hash(trainings, *used)
    assert before != sources.library_hash(trainings, "smugbook.cli")
    assert before != sources.library_hash(trainings, "smugbook.figures.lines")


def test_a_notebook_counts_by_its_code(tmp_path):
    first = write(tmp_path / "a.ipynb", prose("text"), code("x = 1"))
    mended = write(tmp_path / "b.ipynb", prose("better text"), code("x = 1", "hide-input"))
    changed = write(tmp_path / "c.ipynb", prose("text"), code("x = 2"))
    assert run.code_hash(first) == run.code_hash(mended)
    assert run.code_hash(first) != run.code_hash(changed)


def test_a_folder_counts_by_names_and_contents(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a").write_text("1")
    before = sources.folder_hash(folder)
    (folder / "a").rename(folder / "b")
    renamed = sources.folder_hash(folder)
    (folder / "b").write_text("2")
    assert len({before, renamed, sources.folder_hash(folder)}) == 3


def test_a_manifest_lists_hashes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_text("1")
    sources.write_manifest("deep/manifest", ["a"])
    assert (
        tmp_path / "deep" / "manifest"
    ).read_text() == f"{hashlib.sha256(b'1').hexdigest()}  a\n"
    with pytest.raises(FileNotFoundError):
        sources.write_manifest("other", ["missing"])
    assert not (tmp_path / "other").exists()


def test_code_has_one_hash_whatever_its_newlines_are(tmp_path):
    for name, newline in (("unix", "\n"), ("windows", "\r\n")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.py").write_text("x = 1\ny = 2\n", encoding="utf-8", newline=newline)
    found = {sources.library_hash(packages={"p": tmp_path / name}) for name in ("unix", "windows")}
    assert (
        len(found) == 1
        and len({sources.folder_hash(tmp_path / n) for n in ("unix", "windows")}) == 1
    )
