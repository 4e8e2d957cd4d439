"""Argument checks: one clear error that names the argument, its value and what is allowed.

Every check returns the value it was given, so that it can stand in an assignment. What has the
wrong value raises ValueError; a generator or complex tensor of the wrong type, TypeError.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

# torch takes seconds to load, and the command line refuses a wrong number within one.
if TYPE_CHECKING:
    import torch
    from torch import Tensor


def real_number(name: str, value: object) -> float:
    """Return ``value`` as a float; refuse booleans, strings, NaN and infinities."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite real number, got {value!r}")
    return float(value)


def positive(name: str, value: object) -> float:
    """Return ``value`` as a float; refuse anything that is not finite and > 0."""
    number = real_number(name, value)
    if number <= 0:
        raise ValueError(f"{name} must be > 0, got {value!r}")
    return number


def non_negative(name: str, value: object) -> float:
    """Return ``value`` as a float; refuse anything that is not finite and >= 0."""
    number = real_number(name, value)
    if number < 0:
        raise ValueError(f"{name} must be >= 0, got {value!r}")
    return number


def fraction(name: str, value: object, *, allow_zero: bool = False) -> float:
    """Return ``value`` as a float in (0, 1], or in [0, 1] with ``allow_zero``."""
    number = real_number(name, value)
    if not (0 < number <= 1 or (allow_zero and number == 0)):
        interval = "[0, 1]" if allow_zero else "(0, 1]"
        raise ValueError(f"{name} must lie in {interval}, got {value!r}")
    return number


def integer(name: str, value: object, *, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        raise ValueError(f"{name} must be an integer >= {minimum}, got {value!r}")
    return value


def boolean(name: str, value: object) -> bool:
    """Return ``value``; refuse anything but True and False: the string ``"false"`` is true."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {value!r}")
    return value


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return ``value``; refuse anything not listed in ``allowed``."""
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, names))}, got {value!r}")
    return value


def generator(name: str, value: object) -> torch.Generator:
    """Return ``value``; refuse anything but a generator: torch takes None for the global one."""
    import torch

    if not isinstance(value, torch.Generator):
        raise TypeError(f"{name} must be a torch.Generator, got {type(value).__name__}")
    return value


def complex_tensor(name: str, value: object, *, n_axes: tuple[int, ...]) -> Tensor:
    """Return ``value``; refuse anything but a complex tensor with an allowed number of axes."""
    from torch import Tensor

    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be a complex torch.Tensor, got {type(value).__name__}")
    if not value.is_complex():
        raise TypeError(f"{name} must be complex (complex64 or complex128), got {value.dtype}")
    if value.ndim not in n_axes:
        allowed = " or ".join(map(str, n_axes))
        raise ValueError(f"{name} must have {allowed} axes, got shape {tuple(value.shape)}")
    return value


def same_shape(name: str, value: Tensor, other_name: str, other: Tensor) -> Tensor:
    """Return ``value``; refuse a shape that differs from that of ``other``."""
    if value.shape != other.shape:
        raise ValueError(
            f"{name} must have the shape of {other_name}, {tuple(other.shape)}, "
            f"got {tuple(value.shape)}"
        )
    return value


def device(name: str, value: object) -> torch.device:
    """Return the device named ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``, if it is there."""
    import torch

    if value == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(value)  # type: ignore[call-overload]
    except (RuntimeError, TypeError):
        chosen = None
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"{name} must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {value!r}")
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"{name} is {value!r}, but this machine has {torch.cuda.device_count()} CUDA devices"
        )
    return chosen


def require(module: str, *, extra: str, what: str) -> Any:  # noqa: ANN401
    """Import a module of an optional package, or say which extra installs it.

    ``what`` needs it, in the plural: the subject of the error's sentence.

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
