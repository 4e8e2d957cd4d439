"""Values kept in memory up to a number of bytes: those used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from smuglib import checks

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; those that were not used for longest are dropped to stay within a budget.

    Parameters
    ----------
    max_bytes
        Budget for all values together, in bytes, >= 0. A value that exceeds it alone is not kept.
    size
        Returns the number of bytes of a value.

    Raises
    ------
    ValueError
        If ``max_bytes`` is out of range.
    """

    def __init__(self, max_bytes: int, size: Callable[[Value], int]) -> None:
        self.max_bytes = checks.integer("max_bytes", max_bytes, minimum=0)
        self.n_bytes = 0
        self._size = size
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        """Return the number of values kept."""
        return len(self._values)

    def get(self, key: Hashable, make: Callable[[], Value]) -> Value:
        """Return the value of a key, made if it is not kept.

        Parameters
        ----------
        key
            Any hashable key.
        make
            Returns the value; called only if needed.

        Returns
        -------
        Value
            The very object that was made for this key, while it is kept.
        """
        if key in self._values:
            self._values.move_to_end(key)
            return self._values[key]
        value = make()
        n_bytes = self._size(value)
        if n_bytes <= self.max_bytes:
            self._values[key] = value
            self.n_bytes += n_bytes
        while self.n_bytes > self.max_bytes:
            self.n_bytes -= self._size(self._values.popitem(last=False)[1])
        return value
