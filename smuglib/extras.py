"""Optional packages: imported where they are used, and named with their extra when missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, *, extra: str, what: str) -> Any:  # noqa: ANN401
    """Import a module of an optional package.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        The extra of smuglib that installs it.
    what
        What needs it, in the plural: the subject of the error's sentence.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.

    Examples
    --------
    >>> require("math", extra="data", what="scans").sqrt(4)
    2.0
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} need the package {module.split('.')[0]!r}, which could not be "
            f"imported ({error}); install it with: pip install 'smuglib[{extra}]'"
        ) from error
