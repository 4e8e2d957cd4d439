"""Argument checks: one clear error that names the argument, its value and what is allowed.

Every check returns what it accepts, as a plain number, a boolean mask and so on: assign it. What
has the wrong value raises ValueError; a generator, tensor or object of the wrong type, TypeError.
Numbers may come from NumPy or torch, as scalars or without axes.
"""

from __future__ import annotations

import importlib
import inspect
import numbers
import operator
import os
import reprlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

# torch takes seconds to load, and the command line refuses a wrong number within one.
if TYPE_CHECKING:
    import torch
    from torch import Tensor

T = TypeVar("T")

LARGEST = 2**63 - 1
"""What torch and NumPy can count to."""

LEAST_REAL, LARGEST_REAL = 2.0**-126, (2 - 2.0**-23) * 2.0**127
"""What single precision, in which most is computed, does not round to zero or to infinity."""


def _plain(value: object) -> Any:  # noqa: ANN401
    """Return the Python scalar of a NumPy or torch scalar or of an array without axes."""
    with suppress(RuntimeError):  # a tensor on torch's device "meta" has no value
        if getattr(value, "shape", None) == () and hasattr(value, "item"):
            return value.item()
    return value


def real_number(name: str, value: object) -> float:
    """Return ``value`` as a float; refuse booleans, strings, NaN and infinities."""
    number = _plain(value)
    is_real = isinstance(number, numbers.Real) and not isinstance(number, bool)
    if not (is_real and abs(number) <= LARGEST_REAL):
        raise ValueError(f"{name} must be a finite real number, got {shown(value)}")
    return float(number)


def positive(name: str, value: object) -> float:
    """Return ``value`` as a float; refuse anything that is not finite and > 0."""
    number = real_number(name, value)
    if number < LEAST_REAL:
        least = "> 0" if number <= 0 else f">= {LEAST_REAL:.2g}"
        raise ValueError(f"{name} must be {least}, got {value!r}")
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
    if not (LEAST_REAL <= number <= 1 or (allow_zero and number == 0)):
        interval = "[0, 1]" if allow_zero else "(0, 1]"
        raise ValueError(f"{name} must lie in {interval}, got {value!r}")
    return number


def integer(name: str, value: object, *, minimum: int = 1) -> int:
    """Return ``value`` as an int of at least ``minimum``, and one that torch can count to."""
    found, number = minimum - 1, _plain(value)
    if not isinstance(number, bool):
        with suppress(TypeError):
            found = operator.index(number)
    if not minimum <= found <= LARGEST:
        bound = f">= {minimum}" if found < minimum else "< 2**63"
        raise ValueError(f"{name} must be an integer {bound}, got {shown(value)}")
    return found


def boolean(name: str, value: object) -> bool:
    """Return ``value``; refuse anything but True and False: the string ``"false"`` is true."""
    flag = _plain(value)
    if not isinstance(flag, bool):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return flag


def optional(check: Callable[..., T], name: str, value: object, **options: Any) -> T | None:  # noqa: ANN401
    """Return None for None, and otherwise what ``check`` makes of ``value``."""
    return None if value is None else check(name, value, **options)


def replace_fields(record: object, **checked: object) -> None:
    """Put what the checks returned in place of the fields of a frozen dataclass."""
    for name, value in checked.items():
        object.__setattr__(record, name, value)


def instance(name: str, value: object, kind: type[T]) -> T:
    """Return ``value``; refuse anything but an instance of ``kind``."""
    if not isinstance(value, kind):
        owner = "torch." if kind.__module__ in ("torch", "torch._C") else ""
        known = owner + kind.__name__
        article = "an" if known[0] in "AEIOUaeiou" else "a"
        raise TypeError(f"{name} must be {article} {known}, got {type(value).__name__}")
    return value


def function(name: str, value: T, n_arguments: int = 0) -> T:
    """Return ``value``; refuse what cannot be called with so many positional arguments."""
    if not callable(value) or isinstance(value, type):
        raise TypeError(f"{name} must be a function, got {shown(value)}")
    try:
        # A module takes anything, and hands it to its forward pass.
        inspect.signature(getattr(value, "forward", value)).bind_partial(*range(n_arguments))
    except TypeError as error:
        raise TypeError(f"{name} must take {n_arguments} arguments: {error}") from error
    except ValueError:  # a function in C that does not tell what it takes
        pass
    return value


def members(name: str, value: Any, kind: type = object) -> tuple[Any, ...]:  # noqa: ANN401
    """Return the members of an iterable; refuse a string, a mapping, and another kind of member."""
    found = None
    with suppress(TypeError):
        if not isinstance(value, str | bytes | Mapping):
            found = tuple(value)
    if found is None:
        raise TypeError(f"{name} must be a sequence, got {shown(value)}")
    for index, member in enumerate(found):
        instance(f"{name}[{index}]", member, kind)
    return found


def path(name: str, value: object, *, is_new: bool = False) -> Path:
    """Return ``value`` as a path; refuse other types, and a folder for a file that ``is_new``."""
    if not isinstance(value, str | os.PathLike) or not str(value):
        raise TypeError(f"{name} must be a path, got {shown(value)}")
    found = Path(value)
    if is_new and found.is_dir():
        raise ValueError(f"{name} must be a file, got the folder {value}")
    return found


def shown(value: object) -> str:
    """Return how a message shows a value: short, whatever its size."""
    shape = getattr(value, "shape", None)
    if shape is not None and hasattr(value, "dtype") and shape != ():
        return f"{type(value).__name__} of shape {tuple(shape)} and dtype {value.dtype}"
    return repr(value) if isinstance(value, str | float) else reprlib.repr(value)


def one_of(name: str, value: object, allowed: Iterable[str]) -> str:
    """Return ``value``; refuse anything not listed in ``allowed``."""
    names = tuple(allowed)
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, names))}, got {shown(value)}")
    return value


def generator(name: str, value: object) -> torch.Generator:
    """Return ``value``; refuse anything but a generator: torch takes None for the global one."""
    import torch

    return instance(name, value, torch.Generator)


def tensor(name: str, value: object, *, n_axes: tuple[int, ...] = ()) -> Tensor:
    """Return ``value``; refuse anything but a tensor with values and an allowed number of axes."""
    import torch

    found = instance(name, value, torch.Tensor)
    if found.is_meta or found.layout != torch.strided:
        got = "a tensor on the device 'meta'" if found.is_meta else f"the layout {found.layout}"
        raise ValueError(f"{name} must be dense and hold values, got {got}")
    if n_axes and found.ndim not in n_axes:
        allowed = " or ".join(map(str, n_axes))
        raise ValueError(f"{name} must have {allowed} axes, got shape {tuple(found.shape)}")
    if not found.numel():
        raise ValueError(f"{name} must not be empty, got shape {tuple(found.shape)}")
    return found


def complex_tensor(name: str, value: object, *, n_axes: tuple[int, ...] = ()) -> Tensor:
    """Return ``value``; refuse anything but a complex tensor with an allowed number of axes."""
    found = tensor(name, value, n_axes=n_axes)
    if not found.is_complex() or found.dtype.itemsize < 8:
        raise TypeError(f"{name} must be complex (complex64 or complex128), got {found.dtype}")
    return found


def real_tensor(name: str, value: object, *, n_axes: tuple[int, ...] = ()) -> Tensor:
    """Return ``value``; refuse anything but a floating-point tensor."""
    found = tensor(name, value, n_axes=n_axes)
    if not found.is_floating_point():
        raise TypeError(f"{name} must be real (floating point), got {found.dtype}")
    return found


def mask(name: str, value: object) -> Tensor:
    """Return a boolean tensor; zeros and ones of any real type are taken for one."""
    found = tensor(name, value)
    odd = found[(found != 0) & (found != 1)]
    if found.is_complex() or odd.numel():
        got = f"{found.dtype} with {odd[:3].tolist()}"
        raise ValueError(f"{name} must be boolean, or hold nothing but 0 and 1, got {got}")
    return found.bool()


def finite(name: str, value: Tensor) -> Tensor:
    """Return ``value``; refuse a tensor with a NaN or an infinity."""
    if not value.isfinite().all():
        found = f"{value.isnan().sum()} NaN and {value.isinf().sum()} infinite"
        raise ValueError(f"{name} must be finite, got {found} of {value.numel()} values")
    return value


def same_shape(name: str, value: Tensor, other_name: str, other: Tensor) -> Tensor:
    """Return ``value``; refuse a shape that differs from that of ``other``."""
    got, wanted = tuple(value.shape), tuple(other.shape)
    if got != wanted:
        raise ValueError(f"{name} must have the shape of {other_name}, {wanted}, got {got}")
    return value


def same_dtype(name: str, value: Tensor, other_name: str, other: Tensor) -> Tensor:
    """Return ``value``; refuse a dtype that differs from that of ``other``."""
    if value.dtype != other.dtype:
        raise TypeError(f"{name} must be {other.dtype} as {other_name}, got {value.dtype}")
    return value


def device(name: str, value: object) -> torch.device:
    """Return the device named ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``, if it is there."""
    import torch

    if isinstance(value, str) and value == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    chosen = None
    with suppress(RuntimeError, TypeError, ValueError):
        chosen = torch.device(value)  # type: ignore[call-overload]
    if chosen is None or chosen.type not in ("cpu", "cuda"):
        raise ValueError(f"{name} must be 'auto', 'cpu', 'cuda' or 'cuda:N', got {shown(value)}")
    if chosen.type == "cuda" and (chosen.index or 0) >= (there := torch.cuda.device_count()):
        raise ValueError(f"{name} is {value!r}, but this machine has {there} CUDA devices")
    return chosen


def require(module: str, *, extra: str, what: str) -> Any:  # noqa: ANN401
    """Import a module that ``what``, a noun in the plural, need, or say which extra installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{what} need the package {module.split('.')[0]!r}, which could not be imported "
            f"({error}); install it with: pip install 'smuglib[{extra}]'"
        ) from error
