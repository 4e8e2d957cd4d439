"""The file of one scan: whole, or noticed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smuglib.data import cache, simulator
from smuglib.data.simulator import simulate
from tests.helpers import few_examples
from tests.scans import bits

PROTOCOL = simulator.Protocol(height=48, width=40, n_coils=2)
KEY = "0" * 64


@pytest.fixture(scope="module")
def whole():
    """A scan and its file."""
    scan = simulate(PROTOCOL, "test", 2)
    return scan, cache.packed(scan, KEY)


@given(in_header=st.booleans(), position=st.integers(0, 10**9), flip=st.integers(1, 255))
@settings(parent=few_examples, max_examples=60)
def test_a_changed_byte_is_noticed(whole, in_header, position, flip):
    scan, content = whole
    damaged = bytearray(content)
    damaged[position % (600 if in_header else len(content))] ^= flip
    found = cache.unpacked(bytes(damaged), KEY, "test", 2)
    assert found is None or bits(found) == bits(scan)


@given(st.integers(0, 10**9))
@few_examples
def test_a_truncated_file_is_noticed(whole, length):
    content = whole[1]
    assert cache.unpacked(content[: length % len(content)], KEY, "test", 2) is None


@given(st.binary(max_size=200))
@few_examples
def test_a_foreign_file_is_noticed(content):
    assert cache.unpacked(content, KEY, "test", 2) is None


def test_a_file_of_another_key_is_noticed(whole):
    scan, content = whole
    assert bits(cache.unpacked(content, KEY, "test", 2)) == bits(scan)
    assert cache.unpacked(content, "1" * 64, "test", 2) is None
