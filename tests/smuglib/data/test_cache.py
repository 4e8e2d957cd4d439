"""Scans on the disk: the same bits as simulated ones, whatever happens to the files."""

from __future__ import annotations

import multiprocessing
import os
from dataclasses import replace

import pytest
import torch

from smugbook.results.sources import PACKAGES, _files, _imports
from smuglib import data
from smuglib.data import cache, simulator
from smuglib.data.simulator import simulate
from tests.scans import bits

PACKAGE = PACKAGES["smuglib"]
LIBRARY = {"smuglib": PACKAGE}

SMALL = {"height": 48, "width": 40, "n_coils": 2}
PROTOCOL = simulator.Protocol(**SMALL)
KEY = "0" * 64


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty cache that is switched on."""
    monkeypatch.setenv("SMUGLIB_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def no_simulator(monkeypatch):
    """Call it to break the simulator: whatever works afterwards was read."""
    return lambda: monkeypatch.setattr(cache, "simulate", lambda *_: pytest.fail("simulated"))


def stored(place):
    return [path for path in place.rglob("*") if path.is_file()]


# --- what is read is what was simulated -----------------------------------------------------------


@pytest.mark.parametrize(
    "protocol", [{}, {"sampling_rate": 1.0}, {"noise": 0.0}, {"n_coils": 1, "width": 33}]
)
def test_the_bits_read_are_the_bits_simulated(place, no_simulator, protocol):
    fields = {**SMALL, **protocol}
    expected = bits(simulate(simulator.Protocol(**fields), "val", 1))
    assert bits(data.brain("val", 1, **fields)) == expected
    no_simulator()
    assert bits(data.brain("val", 1, **fields)) == expected
    assert bits(data.BrainDataset("val", 2, cache_bytes=0, **fields)[1]) == expected


def test_a_file_holds_the_sampled_columns_alone(place):
    scan = data.brain(**SMALL)
    (path,) = stored(place)
    tensors = (scan.maps, scan.target, scan.kspace[..., scan.mask.flatten()])
    assert path.stat().st_size < sum(tensor.nbytes for tensor in tensors) + 2000


def test_what_a_caller_does_to_a_scan_stays_with_the_caller(place):
    expected = bits(data.brain(**SMALL))
    data.brain(**SMALL).kspace.zero_()
    data.brain(**SMALL).maps.zero_()
    assert bits(data.brain(**SMALL)) == expected


def shifted(tensor):
    """Return the same values at an address that no allocator would choose."""
    room = torch.empty(tensor.numel() + 64, dtype=tensor.dtype)
    first = next(i for i in range(64) if (room.data_ptr() + i * tensor.element_size()) % 64)
    return room[first : first + tensor.numel()].reshape(tensor.shape).copy_(tensor)


def test_tensors_read_lie_in_memory_as_any_other(place, monkeypatch):
    load = cache.safetensors.load
    read = lambda content: {name: shifted(t) for name, t in load(content).items()}  # noqa: E731
    expected = bits(data.brain(**SMALL))
    monkeypatch.setattr(cache.safetensors, "load", read)
    scan = data.brain(**SMALL)
    assert bits(scan) == expected
    for tensor in (scan.kspace, scan.maps, scan.mask, scan.target):
        assert tensor.data_ptr() % 64 == 0
        assert tensor.untyped_storage().nbytes() == tensor.nbytes


# --- keys -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"sampling_rate": 0.5},
        {"height": 49},
        {"width": 41},
        {"n_coils": 3},
        {"noise": 0.0020000000000000005},
        {"center_fraction": 0.1},
        {"seed": 1},
        {"mask_seed": 1},
        {"density": "uniform"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_field_of_the_protocol_changes_the_key(change):
    assert cache.key(replace(PROTOCOL, **change), "test", 0) != cache.key(PROTOCOL, "test", 0)


def test_slice_source_versions_and_layout_change_the_key(monkeypatch):
    keys = [cache.key(PROTOCOL, "test", 0)]
    assert keys == [cache.key(simulator.Protocol(**SMALL), "test", 0)]
    keys += [cache.key(PROTOCOL, "val", 0), cache.key(PROTOCOL, "test", 1)]
    other = {**cache._versions(), "scipy": "0"}
    changes = (
        (cache, "SOURCE", KEY),
        (cache, "FORMAT", 0),
        (cache, "_versions", lambda: other),
    )
    for owner, name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, value)
            keys.append(cache.key(PROTOCOL, "test", 0))
    assert len(set(keys)) == 6


UNREAD = ("data/cache", "data/slices", "files")
"""Where scans are kept and how files are opened: no bit of a scan depends on them."""

READING = ["smuglib.data.volumes", "smuglib.data.fastmri.acquisition"]


@pytest.mark.parametrize(
    ("first", "known"),
    [
        (["smuglib.data.simulator"], cache.SIMULATOR),
        (READING, {*cache.SIMULATOR, *cache.READERS, *UNREAD}),
    ],
)
def test_the_source_hash_covers_all_that_makes_a_scan(first, known):
    found, waiting = set(), [*first]
    while waiting:
        # A package's __init__ imports more than the simulator needs, and computes nothing.
        *_, path = _files(waiting.pop(), LIBRARY).values()
        if path.name != "__init__.py" and path not in found:
            found.add(path)
            waiting += [name for name in _imports(path) if _files(name, LIBRARY)]
    names = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in found}
    assert names == set(known)


@pytest.mark.parametrize("module", cache.SIMULATOR)
def test_an_edit_of_any_module_changes_the_source_hash(tmp_path, monkeypatch, module):
    for name in cache.SIMULATOR:
        copy = tmp_path / f"{name}.py"
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes((PACKAGE / f"{name}.py").read_bytes())
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "data" / "cache.py"))
    assert cache._source_hash() == cache.SOURCE
    edited = tmp_path / f"{module}.py"
    edited.write_text(edited.read_text() + "\n")
    assert cache._source_hash() != cache.SOURCE


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-1],
        lambda content: content[:-1] + bytes([content[-1] ^ 1]),
        lambda content: b"",
    ],
    ids=["truncated", "changed", "empty"],
)
def test_a_damaged_file_is_made_again(place, no_simulator, damage):
    expected = bits(data.brain(**SMALL))
    (path,) = stored(place)
    content = path.read_bytes()
    path.write_bytes(damage(content))
    with pytest.warns(UserWarning, match=f"{path} is damaged: it is simulated again"):
        assert bits(data.brain(**SMALL)) == expected
    assert path.read_bytes() == content
    no_simulator()
    assert bits(data.brain(**SMALL)) == expected


# --- processes ------------------------------------------------------------------------------------


def build(barrier, answers, n_slices):
    """Simulate the same slices at the same time as another process."""
    found = []
    for index in range(n_slices):
        barrier.wait(60)
        found.append(bits(data.brain("train", index, **SMALL)))
    answers.put(found)


def test_two_processes_may_build_the_same_scans_at_once(place, no_simulator):
    context = multiprocessing.get_context("spawn")
    barrier, answers = context.Barrier(2), context.Queue()
    builders = [context.Process(target=build, args=(barrier, answers, 6)) for _ in range(2)]
    for builder in builders:
        builder.start()
    first, second = answers.get(timeout=120), answers.get(timeout=120)
    for builder in builders:
        builder.join(60)
    assert [builder.exitcode for builder in builders] == [0, 0]
    assert first == second == [bits(simulate(PROTOCOL, "train", i)) for i in range(6)]
    assert len(stored(place)) == 6
    no_simulator()
    assert [bits(data.brain("train", i, **SMALL)) for i in range(6)] == first


# --- settings -------------------------------------------------------------------------------------


def test_off_is_off(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("SMUGLIB_CACHE", "off")
    data.brain(**SMALL)
    assert cache.configured() is None and not stored(tmp_path)


def test_without_a_setting_the_user_s_own_cache_is_used(monkeypatch, tmp_path):
    monkeypatch.delenv("SMUGLIB_CACHE")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.configured().path == tmp_path / ".cache" / "smuglib" / "scans"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert cache.configured().path == tmp_path / "x" / "smuglib" / "scans"
    monkeypatch.setenv("SMUGLIB_CACHE", "~/mine")
    assert cache.configured().path == tmp_path / "mine" / "scans"
    assert cache.configured().max_bytes == 4 * 2**30
    monkeypatch.setenv("SMUGLIB_CACHE_GIB", "0.5")
    assert cache.configured().max_bytes == 2**29


def test_the_test_suite_leaves_the_user_s_cache_alone():
    assert os.environ["SMUGLIB_CACHE"] == "off"


@pytest.mark.parametrize("budget", ["0", "-1", "nan", "inf", "4 GB", ""])
def test_an_impossible_budget_is_named(place, monkeypatch, budget):
    monkeypatch.setenv("SMUGLIB_CACHE_GIB", budget)
    with pytest.raises(ValueError, match=f"SMUGLIB_CACHE_GIB must be .*, got '{budget}'"):
        data.brain(**SMALL)


def test_a_folder_that_cannot_be_written_is_named_once_and_harms_nothing(tmp_path, monkeypatch):
    # A file in the folder's place: permissions would not stop an administrator.
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SMUGLIB_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="SMUGLIB_CACHE"):
        scan = data.brain("test", 2, **SMALL)
    assert bits(scan) == bits(simulate(PROTOCOL, "test", 2))
    # A second warning would be an error.
    data.brain("test", 1, **SMALL)


def test_a_full_disk_is_named_once_and_leaves_nothing(place, monkeypatch):
    def full(source, target):
        raise OSError(28, "No space left on device")

    expected = bits(data.brain("test", 0, **SMALL))
    monkeypatch.setattr(os, "replace", full)
    with pytest.warns(UserWarning, match="No space left on device"):
        data.brain("test", 1, **SMALL)
    # A second warning would be an error.
    data.brain("test", 2, **SMALL)
    assert len(stored(place)) == 1
    assert bits(data.brain("test", 0, **SMALL)) == expected


def test_a_scan_that_was_removed_is_simulated_again(place):
    expected = bits(data.brain(**SMALL))
    (path,) = stored(place)
    path.unlink()
    assert bits(data.brain(**SMALL)) == expected
    assert stored(place) == [path]
