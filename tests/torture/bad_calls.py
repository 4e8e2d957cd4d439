"""Bad calls: one argument of a valid call is replaced by what does not belong there.

A call survives if it succeeds with finite results (or with what the argument itself was not), or
if our own code refuses it in words that name the argument. Everything else is lost: an error from
deep inside torch or Python, a call that hangs, or one that takes the machine's memory.
"""

from __future__ import annotations

import math
import os
import random
import re
import signal
import tempfile
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from importlib.util import find_spec
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor, nn

import smuglib
from smuglib.models import UnrolledNetwork, save_network
from smuglib.operators import ifft2c
from tests.torture.calls import calls, parts
from tests.torture.outcome import Outcome
from tests.torture.zoo import Maker, substitutes
from tests.volume_files import write_patients

SECONDS, BYTES = 10.0, 2**30
"""The most that one call may take."""


class TooLongError(BaseException):
    """No ``except Exception`` of the library turns it into a refusal."""


REFUSALS = (ValueError, TypeError, FileNotFoundError, ImportError, IndexError, RuntimeError)
"""Errors by which the library refuses; `UnreadableFileError` is a ValueError."""

OURS = str(Path(smuglib.__file__).parent) + os.sep


def run(seed: int, n: int | None = None) -> list[Outcome]:
    """Make ``n`` bad calls, or all of them, in the order that the seed gives."""
    attempts = [
        (name, argument, substitute, make)
        for name, (function, given) in calls().items()
        for argument, value in arguments(function, given).items()
        for substitute, make in substitutes(value).items()
    ]
    random.Random(seed).shuffle(attempts)
    with workplace():
        return [attempt(*chosen) for chosen in attempts[:n]]


def arguments(function: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return all arguments that a callable takes by name, with what the valid call gives."""
    callee = function.forward if isinstance(function, nn.Module) else function
    names = {
        name: parameter.default
        for name, parameter in signature(callee).parameters.items()
        if parameter.kind not in (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    }
    return names | given


def attempt(name: str, argument: str, substitute: str, make: Maker) -> Outcome:
    """Make one bad call and judge how it ends."""
    function, given = calls()[name]
    case = f"{name}({argument}={substitute})"
    try:
        bad = make()
    except (RuntimeError, TypeError) as error:
        return Outcome("bad call", case, "survived", f"no such value: {error}")
    start = time.monotonic()
    try:
        with limits():
            result = called(function, {**given, argument: bad})
    except REFUSALS as error:
        verdict, detail = judged(error, argument, bad)
    except (Exception, TooLongError) as error:
        verdict, detail = "lost", f"{type(error).__name__}: {error}"
    else:
        sound = is_finite(result) or not is_finite(bad)
        verdict, detail = ("survived", "accepted") if sound else ("lost", "result is not finite")
    if time.monotonic() - start > SECONDS:
        verdict, detail = "lost", f"took {time.monotonic() - start:.0f} s"
    return Outcome("bad call", case, verdict, detail)  # type: ignore[arg-type]


def called(function: Any, given: dict[str, Any]) -> Any:
    """Call a function, with what it takes by position first."""
    callee = function.forward if isinstance(function, nn.Module) else function
    kinds = signature(callee).parameters
    by_position = [
        given.pop(name)
        for name in list(kinds)
        if kinds[name].kind is Parameter.POSITIONAL_ONLY and name in given
    ]
    return function(*by_position, **given)


def judged(error: Exception, argument: str, bad: object) -> tuple[str, str]:
    """Return whether it is our own code that refused, in words that name the argument."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error}"
    # What fails in C shows the line that called it: ours is a refusal only if it raises.
    if not last.filename.startswith(OURS) or not (last.line or "").startswith("raise "):
        return "lost", f"{text} ({last.filename}:{last.lineno})"
    # A gradient that vanishes is a finding about the method, and documented.
    if isinstance(error, RuntimeError):
        return "survived", text
    names_it = re.search(rf"\b{re.escape(argument)}\b", str(error))
    names_file = isinstance(bad, str | Path) and str(bad) in str(error)
    return ("survived", text) if names_it or names_file else ("lost", f"{argument} unnamed: {text}")


def is_finite(value: object) -> bool:
    """Return whether all numbers in a result are finite."""
    if isinstance(value, Tensor):
        return value.is_meta or bool(value.to_dense().isfinite().all())
    if isinstance(value, np.ndarray):
        return value.dtype.kind not in "fc" or bool(np.isfinite(value).all())
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, pd.DataFrame):
        return all(
            is_finite(value[name].to_numpy()) for name in value if name not in ("low", "high")
        )
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    if is_dataclass(value) and not isinstance(value, type):
        return all(is_finite(getattr(value, field.name)) for field in fields(value))
    return True


@contextmanager
def workplace() -> Iterator[None]:
    """Work in a folder of its own that holds the files of the valid calls."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.chdir(folder)
        try:
            save_network("net.safetensors", UnrolledNetwork(parts().denoiser))
            np.save("scan.npy", parts().y[0].numpy())
            _write_volume(Path("volumes"))
            if find_spec("nibabel") is not None:
                write_patients(Path("images"), 3)
            yield
        finally:
            os.chdir(before)


def _write_volume(folder: Path) -> None:
    """Write a fastMRI volume of one slice, if the package that does is there."""
    folder.mkdir()
    if find_spec("h5py") is None:
        return
    import h5py

    size = "<encodedSpace><matrixSize><x>32</x><y>32</y></matrixSize></encodedSpace>"
    with h5py.File(folder / "one.h5", "w") as file:
        file["kspace"] = ifft2c(parts().maps * parts().target[:, None]).numpy()
        file["ismrmrd_header"] = f"<header><encoding>{size}</encoding></header>"
        file.attrs["patient_id"] = "p1"


@contextmanager
def limits() -> Iterator[None]:
    """Interrupt what takes too long, and refuse memory beyond what a small call may take.

    They need Linux and the main thread; elsewhere only the clock is read afterwards.
    """
    statm = Path("/proc/self/statm")
    if not statm.is_file() or threading.current_thread() is not threading.main_thread():
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(statm.read_text().split()[0]) * resource.getpagesize()
    handler = signal.signal(signal.SIGALRM, _too_long)
    resource.setrlimit(resource.RLIMIT_AS, (held + BYTES, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, handler)


def _too_long(*_: object) -> None:
    raise TooLongError(f"took more than {SECONDS:g} s")
