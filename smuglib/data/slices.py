"""What all data sets of scans share: slices of a split, read when first asked for."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from torch.utils.data import Dataset

from smuglib import checks
from smuglib.data.cache import in_memory
from smuglib.data.scan import Scan
from smuglib.data.splits import GROUPS, Location


class Slices(Dataset[Scan], ABC):
    """Slices of a split by their index there, each a batch of one, kept in memory.

    Parameters
    ----------
    read
        What reads a slice from its index.
    cache_bytes
        The most memory that scans may take, 0 to keep none. The one used least recently goes first.
    """

    def __init__(
        self, split: str, n_slices: int, read: Callable[[int], Scan], cache_bytes: int
    ) -> None:
        self.split = checks.one_of("split", split, GROUPS)
        self.n_slices = checks.integer("n_slices", n_slices)
        self._scan = in_memory(read, cache_bytes)

    def __len__(self) -> int:
        """Return the number of slices."""
        return self.n_slices

    def __getitem__(self, index: int) -> Scan:
        """Return one scan, a batch of one."""
        if not 0 <= index < self.n_slices:
            raise IndexError(f"index must lie in [0, {self.n_slices}), got {index}")
        return self._scan(index)

    @abstractmethod
    def locate(self, index: int) -> Location:
        """Return the subject and the plane that a slice shows, which is not read for that."""
