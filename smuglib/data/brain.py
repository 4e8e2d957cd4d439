"""The embedded data sets: simulated multi-coil scans of synthetic brains and of whole heads."""

from typing import Any

from smuglib import checks
from smuglib.data.cache import cached
from smuglib.data.scan import Scan
from smuglib.data.simulator import HeadProtocol, Protocol
from smuglib.data.slices import Slices
from smuglib.data.splits import GROUPS, Location


def brain(
    split: str = "test",
    index: int = 0,
    sampling_rate: float = 0.25,
    *,
    n_slices: int | None = None,
    **protocol: Any,  # noqa: ANN401
) -> Scan:
    """Simulate the scan of one slice of a synthetic brain: ``y = M F S x + noise``.

    The same arguments give the same scan, bit for bit; the next time it is read from the disk (see
    `smuglib.data.cache`). The subject, its coils and its noise do not depend on the sampling rate,
    and the masks of a lower rate are nested in those of a higher. It is a batch of one, k-space
    and target divided by ``max |A^H y|``.

    Parameters
    ----------
    split
        ``"train"``, ``"val"`` or ``"test"``: no subject and no template plane is in two of them.
    sampling_rate, **protocol
        Fields of `smuglib.data.simulator.Protocol`.
    n_slices
        Size of the split, where it has one: a larger index is then refused.

    Examples
    --------
    >>> scan = brain("test", 0, height=32, width=32, n_coils=2)
    >>> tuple(scan.kspace.shape), scan.operator.adjoint(scan.kspace).abs().max().round().item()
    ((1, 2, 32, 32), 1.0)
    """
    return scan_of(Protocol(sampling_rate, **protocol), split, index, n_slices)


def scan_of(protocol: Protocol, split: str, index: int, n_slices: int | None = None) -> Scan:
    """Read or simulate a slice of a split, of ``n_slices`` where it has a size."""
    checks.one_of("split", split, GROUPS)
    index = checks.integer("index", index, minimum=0)
    if n_slices is not None and index >= checks.integer("n_slices", n_slices):
        raise ValueError(f"index must be < n_slices = {n_slices}, got {index}")
    return cached(protocol, split, index)


def head(
    split: str = "test",
    index: int = 0,
    sampling_rate: float = 0.25,
    *,
    n_slices: int | None = None,
    **protocol: Any,  # noqa: ANN401
) -> Scan:
    """Simulate the scan of one slice of a head: `brain` with the fields of a `HeadProtocol`."""
    return scan_of(HeadProtocol(sampling_rate, **protocol), split, index, n_slices)


class BrainDataset(Slices):
    """The first slices of a split, simulated when first asked for; see `brain`.

    Scans stay in memory (2.2 MB each at 128 x 128 and 8 coils); beyond ``cache_bytes`` in all, the
    one used least recently goes first, and none stays with 0.

    Examples
    --------
    >>> scans = BrainDataset("val", 4, height=32, width=32, n_coils=2)
    >>> len(scans), scans[3].slice_index
    (4, 3)
    """

    protocol_type: type[Protocol] = Protocol

    def __init__(
        self,
        split: str,
        n_slices: int,
        *,
        cache_bytes: int = 2 * 2**30,
        **protocol: Any,  # noqa: ANN401
    ) -> None:
        self.protocol = self.protocol_type(**protocol)
        super().__init__(split, n_slices, self._read, cache_bytes)

    def locate(self, index: int) -> Location:
        """Return the subject and the template's plane of a slice."""
        return self.protocol.locate(self.split, index)

    def _read(self, index: int) -> Scan:
        return cached(self.protocol, self.split, index)


class HeadDataset(BrainDataset):
    """The first heads of a split, simulated when first asked for: see `BrainDataset`."""

    protocol_type = HeadProtocol
