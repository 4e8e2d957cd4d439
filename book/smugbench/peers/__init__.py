"""The peers: other open implementations of the same works."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

import torch
from torch import Tensor

from smugbench.cases import TARGET_RESIDUAL, TOLERANCES, System
from smugbench.implementation import Implementation, Setup
from smugbench.timing import Work

Builders = Mapping[str, Callable[[], Work]]


@dataclass(frozen=True)
class Peer:
    """What a peer offers: builders of its solvers and networks, by name.

    ``is_python`` says whether it runs in this process, and ``devices`` where comparing is fair.
    """

    version: str
    solves: Callable[[System], Builders]
    networks: Callable[[Setup], dict[str, Implementation]] | None = None
    is_python: bool = True
    devices: tuple[str, ...] = ("cpu",)


class MissingPeerError(ImportError):
    """A peer that is not installed."""


INSTALL = {
    "deepinv": "pip install deepinv==0.5.0 (make bench does it)",
    "sigpy": "pip install sigpy==0.1.27 (make bench does it)",
    "bart": "install the Debian package bart",
}
"""Names of the peers, and how to get each."""


def find_peers(device: torch.device) -> tuple[dict[str, Peer], list[str]]:
    """Load the peers that are installed."""
    found, left_out = {}, []
    for name, install in INSTALL.items():
        try:
            peer: Peer = import_module(f"{__name__}.{name}_peer").PEER
        except ImportError as error:
            reason = "not installed" if _is_absent(error, name) else f"cannot be imported: {error}"
            left_out.append(f"{name}: {reason}, left out; {install}")
            continue
        if device.type in peer.devices:
            found[name] = peer
        else:
            left_out.append(f"{name}: compared on {' and '.join(peer.devices)} only, left out")
    return found, left_out


def _is_absent(error: ImportError, name: str) -> bool:
    return isinstance(error, MissingPeerError) or error.name == name


def find_tolerance(system: System, solve: Callable[[float], Tensor]) -> tuple[float, float]:
    """Find the loosest tolerance with which an iterative solver reaches `TARGET_RESIDUAL`."""
    for tolerance in TOLERANCES:
        residual = system.residual(solve(tolerance))
        if residual <= TARGET_RESIDUAL:
            return tolerance, residual
    raise RuntimeError(f"a solver stays at a relative residual of {residual:.1e}")
