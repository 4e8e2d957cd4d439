"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from smuglib import files
from tests.damage import damaged


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


def test_a_full_disk_is_told_with_the_file_that_it_had_no_room_for(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    files.write_text(path, '{"old": 1}')

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{re.escape(str(path))}'"):
        files.write_text(path, '{"new": 1}')
    assert files.read_json(path) == {"old": 1}
    with pytest.raises(OSError, match="^told in other words$"), files.replacing(path):
        raise OSError("told in other words")


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


def test_content_reaches_the_disk_before_its_name_and_the_name_before_the_end(
    tmp_path, monkeypatch
):
    events = []
    replace = os.replace

    def named(handle):
        events.append(("sync", os.path.realpath(f"/proc/self/fd/{handle}")))

    def renamed(old, new):
        events.append(("rename", str(new)))
        replace(old, new)

    monkeypatch.setattr(os, "fsync", named)
    monkeypatch.setattr(os, "replace", renamed)
    with files.replacing(tmp_path / "a") as temporary:
        temporary.write_text("new")
    assert events == [
        ("sync", str(temporary)), ("rename", str(tmp_path / "a")), ("sync", str(tmp_path)),
    ]  # fmt: skip


def test_a_disk_that_fails_to_sync_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_text("old")

    def fails(handle):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="disk full"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_one_thread_at_a_time_is_let_in(tmp_path):
    inside = []

    def enter(number):
        with files.locked(tmp_path / "new" / ".lock"):
            inside.append(number)
            time.sleep(0.005)
            return len(inside), inside.pop()

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(enter, range(12))) == [(1, number) for number in range(12)]


def test_a_lock_is_freed_by_an_error_and_waited_for_with_a_warning(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.01)
    with pytest.raises(Failure), files.locked(tmp_path / ".lock"):
        raise Failure
    held, free = threading.Event(), threading.Event()

    def hold():
        with files.locked(tmp_path / ".lock"):
            held.set()
            free.wait(10)

    with ThreadPoolExecutor(1) as pool:
        pool.submit(hold)
        held.wait(10)
        threading.Timer(0.1, free.set).start()
        with pytest.warns(UserWarning, match=f"waiting for another process that .* {tmp_path}"):
            hold()


# --- seals ----------------------------------------------------------------------------------------


def test_a_seal_is_the_hash_of_all_else():
    content = files.sealed(f"a {files.SEAL} b".encode())
    assert files.is_whole(content) is True
    assert hashlib.sha256(f"a {files.SEAL} b".encode()).hexdigest().encode() in content
    assert files.is_whole(b"a b") is None
    assert files.is_whole(f"a {files.SEAL} b".encode()) is False


def test_no_damage_of_sealed_json_is_read_as_another_value(tmp_path):
    value, path = {"name": "é", "numbers": [12.5, 1e-9], "none": None}, tmp_path / "a.json"
    whole, found = files.sealed_json(value), []
    for content in damaged(whole):
        path.write_bytes(content)
        try:
            assert files.read_json(path) == value
        except files.UnreadableFileError as error:
            found.append(error.path)
    assert len(found) > 300 and set(found) == {path}
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    assert files.read_json(path) == value


@pytest.mark.parametrize("content", [b"", b"[1]", b"nul", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_of_named_values_is_refused(tmp_path, content):
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(files.UnreadableFileError, match=r"a\.json cannot be read: it is no"):
        files.read_json(tmp_path / "a.json")


def test_json_is_sorted_and_ends_with_a_newline():
    text = files.sealed_json({"b": 1, "a": [2.5, None]}).decode()
    assert text.endswith("}\n")
    assert text.index('"a"') < text.index('"b"')
    assert json.loads(text) == {"b": 1, "a": [2.5, None], "seal": json.loads(text)["seal"]}


def test_no_two_numbers_are_written_alike():
    assert (files.numeral(0.10), files.numeral(0.05000001)) == ("0.1", "0.05000001")


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


def test_what_killed_writers_of_a_file_left_is_swept_when_it_is_old_and_ours(tmp_path):
    target, code = tmp_path / "[a].csv", "0123456789abcdef" * 2
    others = (f".a.{code}.csv", f".[a].{code}.json", f"[a].{code}.csv", ".[a].csv")
    names = (f".[a].{code}.csv", *others)
    fresh = tmp_path / f".[a].{code[::-1]}.csv"
    for name in (*names, fresh.name):
        (tmp_path / name).touch()
    for name in names:
        os.utime(tmp_path / name, (0, 0))
    files.write_text(target, "new")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*others, fresh.name, target.name}


HOLD = """
import sys, time
from smuglib import files
with files.locked(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_lock_refuses_others_and_is_free_when_its_holder_was_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0)
    lock = tmp_path / ".lock"
    command = [sys.executable, "-c", HOLD, lock]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline()
        with (
            pytest.raises(ValueError, match="^this is running already"),
            files.locked(lock, "this"),
        ):
            pass
        child.kill()
    for _ in range(2):
        with files.locked(lock, "this"):
            assert lock.exists()
    assert lock.exists(), (
        "whoever removes it lets two in: one waits for the old file, one makes a new"
    )
