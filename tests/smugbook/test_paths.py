"""Names and places of files in the project."""

from __future__ import annotations

from smugbook import paths


def test_without_a_project_the_start_stands_for_its_root(tmp_path):
    assert paths.project_root(tmp_path / "nowhere") == tmp_path / "nowhere"
