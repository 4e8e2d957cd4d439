"""Damaged copies of a file's content: one byte changed, or the end cut off."""

from __future__ import annotations

import random
from collections.abc import Iterator


def damaged(content: bytes, n_changes: int = 300, n_cuts: int = 30) -> Iterator[bytes]:
    """Yield copies of a file's content, half of the changes in its first part: its header."""
    draws = random.Random(len(content))
    for number in range(n_changes):
        copy = bytearray(content)
        copy[draws.randrange(min(len(copy), 2000) if number % 2 else len(copy))] ^= draws.randrange(
            1, 256
        )
        yield bytes(copy)
    for _ in range(n_cuts):
        yield content[: draws.randrange(len(content))]
