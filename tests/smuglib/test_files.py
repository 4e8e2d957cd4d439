"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from smuglib import files


class Failure(Exception):
    """Stands for a full disk or a killed cell."""


def fail_half_way(path):
    with files.replacing(path) as temporary:
        temporary.write_text("half")
        raise Failure


def test_the_new_file_takes_the_place_of_the_old(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    files.write_text(path, "old")
    files.write_text(path, "µ new")
    assert path.read_text(encoding="utf-8") == "µ new"
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(Failure):
        fail_half_way(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_threads_may_write_one_file_at_once(tmp_path):
    path = tmp_path / "a.txt"
    texts = [str(number) * 100_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: files.write_text(path, text), texts))
    assert path.read_text() in texts
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_first_write_leaves_nothing(tmp_path):
    with pytest.raises(Failure):
        fail_half_way(tmp_path / "a.txt")
    assert list(tmp_path.iterdir()) == []


def test_the_temporary_file_is_a_hidden_sibling_with_the_same_suffix(tmp_path):
    with files.replacing(tmp_path / "a.csv") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.suffix == ".csv"
        assert temporary.name.startswith(".")
        temporary.touch()


def test_json_is_sorted_and_ends_with_a_newline(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, {"b": 1, "a": [2.5, None]})
    text = path.read_text()
    assert text.endswith("}\n")
    assert text.index('"a"') < text.index('"b"')
    assert json.loads(text) == {"b": 1, "a": [2.5, None]}


def test_a_value_that_json_cannot_hold_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.json"
    files.write_json(path, 1)
    with pytest.raises(TypeError):
        files.write_json(path, {1, 2})
    assert json.loads(path.read_text()) == 1


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_without_a_project_the_start_stands_for_its_root(tmp_path):
    assert files.project_root(tmp_path / "nowhere") == tmp_path / "nowhere"
