"""The short form of `tests.torture.damage`."""

from __future__ import annotations

from tests.torture import damage


def test_a_damaged_file_is_read_whole_or_refused_by_its_name():
    outcomes = damage.run(seed=0, n=1050)
    assert [one for one in outcomes if one.verdict == "lost"] == []
