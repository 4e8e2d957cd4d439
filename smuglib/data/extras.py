"""Packages that only some data need: imported when used, named by their extra when missing."""

from __future__ import annotations

import importlib
from typing import Any


def require(module: str, *, extra: str) -> Any:  # noqa: ANN401
    """Import a module of an optional package.

    Parameters
    ----------
    module
        Dotted name of the module.
    extra
        The extra of smuglib that installs it.

    Returns
    -------
    Any
        The module.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"fastMRI volumes need the package {module.split('.')[0]!r}, which could not be "
            f"imported ({error}); install it with: pip install 'smuglib[{extra}]'"
        ) from error
