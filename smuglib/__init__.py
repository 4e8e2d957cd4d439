"""smuglib: robust MRI reconstruction by smoothed unrolling (SMUG), reproducible end to end."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from smuglib import attacks, data, metrics, sampling
    from smuglib.consistency import DataConsistency
    from smuglib.models import UnrolledNetwork, load
    from smuglib.operators import SenseOperator
    from smuglib.smoothing import Smoothing

__all__ = ["DataConsistency", "SenseOperator", "Smoothing", "UnrolledNetwork", "load"]
__all__ += ["attacks", "data", "metrics", "sampling"]

_HOMES = {
    "DataConsistency": "consistency",
    "SenseOperator": "operators",
    "Smoothing": "smoothing",
    "UnrolledNetwork": "models",
    "load": "models",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first asked for.

    torch takes seconds to load, and the command line must refuse a misspelt parameter at once.
    """
    if name not in __all__:
        raise AttributeError(f"module 'smuglib' has no attribute {name!r}")
    home = import_module(f"smuglib.{_HOMES.get(name, name)}")
    return getattr(home, name) if name in _HOMES else home
