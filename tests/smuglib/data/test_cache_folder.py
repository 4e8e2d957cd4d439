"""A folder of files within a budget, whatever other processes do to it."""

from __future__ import annotations

import os

from hypothesis import given
from hypothesis import strategies as st

from smuglib.data.cache import BoundedFolder
from tests.helpers import few_examples


def stored(place):
    return [path for path in place.rglob("*") if path.is_file()]


def age(path, hours):
    used = path.stat().st_mtime - 3600 * hours
    os.utime(path, (used, used))


def filled(path, max_bytes, names):
    """A folder of files of 100 bytes, the first one used longest ago, all of them yesterday."""
    folder = BoundedFolder(path, 10**6)
    for number, name in enumerate(names):
        folder.write(name, bytes(100))
        age(path / name, 48 - number)
    return BoundedFolder(path, max_bytes)


def test_the_file_used_least_recently_is_removed_first(tmp_path):
    folder = filled(tmp_path, 420, ["a", "b", "c/d", "e"])
    assert folder.read("a") == bytes(100)
    folder.write("f", bytes(100))
    assert {path.name for path in stored(tmp_path)} == {"a", "d", "e", "f"}


def test_what_was_used_within_the_hour_stays_and_the_new_file_is_not_kept(tmp_path):
    folder = filled(tmp_path, 220, ["a", "b"])
    for name in ("a", "b"):
        folder.read(name)
    folder.write("c", bytes(100))
    assert {path.name for path in stored(tmp_path)} == {"a", "b"}
    assert folder.read("c") is None


def test_a_file_larger_than_the_budget_is_not_kept_and_displaces_nothing(tmp_path):
    folder = filled(tmp_path, 250, ["a", "b"])
    folder.write("c", bytes(300))
    assert {path.name for path in stored(tmp_path)} == {"a", "b"}


def test_a_full_folder_is_not_looked_through_for_every_file(tmp_path, monkeypatch):
    folder = filled(tmp_path, 250, ["a", "b"])
    for name in ("a", "b"):
        folder.read(name)
    looks = []
    files = folder._files
    monkeypatch.setattr(folder, "_files", lambda: looks.append(1) or files())
    for number in range(5):
        folder.write(str(number), bytes(100))
    assert len(looks) == 1


def test_what_killed_writers_left_is_removed_too(tmp_path):
    folder = filled(tmp_path, 420, [".left.123", "b", "c", "d"])
    folder.write("e", bytes(100))
    assert {path.name for path in stored(tmp_path)} == {"b", "c", "d", "e"}


def test_a_file_that_another_process_removes_meanwhile_is_no_error(tmp_path, monkeypatch):
    folder = filled(tmp_path, 220, ["a", "b"])
    files = folder._files()
    (tmp_path / "a").unlink()
    monkeypatch.setattr(folder, "_files", lambda: files)
    folder.write("c", bytes(100))
    assert folder.read("c") == bytes(100)


@given(
    budget=st.integers(1, 2000),
    sizes=st.lists(st.integers(1, 400), max_size=30),
    n_folders=st.integers(1, 3),
)
@few_examples
def test_the_budget_holds(tmp_path_factory, budget, sizes, n_folders):
    path = tmp_path_factory.mktemp("folder")
    folders = [BoundedFolder(path, budget) for _ in range(n_folders)]
    for number, size in enumerate(sizes):
        folder = folders[number % n_folders]
        folder.write(str(number), bytes(size))
        if (path / str(number)).exists():
            age(path / str(number), 2)
        total = sum(file.stat().st_size for file in stored(path))
        # What other processes granted themselves before is the fraction that may come on top.
        assert total <= budget * (1 if n_folders == 1 else 1.5)
