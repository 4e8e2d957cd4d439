"""What may be emptied, and what may not."""

from __future__ import annotations

import pytest

from smugbook import cli
from smugbook.pages import folders
from tests.notebook_files import demo


def test_a_folder_is_emptied_only_if_it_was_made_here(tmp_path):
    made = folders.renew(tmp_path / "made" / "html")
    (made / "old").mkdir()
    (made / "old" / "a").write_text("a")
    folders.renew(made)
    assert [path.name for path in made.iterdir()] == [folders.MARK]
    (tmp_path / "empty").mkdir()
    folders.renew(tmp_path / "empty")


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_others_made_is_refused_and_stays(tmp_path, kind):
    own = tmp_path / "own"
    own.mkdir()
    (own / "thesis").write_text("years")
    taken = {"folder": own, "file": own / "thesis", "link": tmp_path / "link"}[kind]
    if kind == "link":
        taken.symlink_to(own)
    for use in (folders.check_folder, folders.renew):
        with pytest.raises(ValueError, match="was not made by this program"):
            use(taken)
    assert (own / "thesis").read_text() == "years"


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "_toc.yml").write_text("format: jb-book\nroot: intro\n")
    demo(tmp_path / "book" / "01_a.ipynb")
    demo(tmp_path / "book" / "02_b.ipynb")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.run, "run_notebook", lambda *a, **k: pytest.fail("it was executed"))
    return tmp_path


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("thesis.ipynb", "thesis/html exists, and was not made by this program"),
        ("book/02_b.ipynb", "exists and is no executed notebook"),
        ("notes.ipynb", "is not a Jupyter notebook"),
        ("taken.ipynb", "exists and is no executed notebook"),
        ("file/a.ipynb", "file"),
        ("/proc/none/a.ipynb", "/proc"),
    ],
)
def test_an_output_is_refused_before_anything_runs(project, capsys, output, message):
    (project / "thesis" / "html").mkdir(parents=True)
    (project / "thesis" / "html" / "a").write_text("years")
    (project / "notes.ipynb").write_text("mine")
    (project / "taken.ipynb").mkdir()
    (project / "file").write_text("mine")
    before = sorted(path for path in project.rglob("*"))
    assert cli.main(["chapter", "a", "-o", output]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert sorted(path for path in project.rglob("*")) == before
