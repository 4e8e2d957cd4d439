"""What users hand in by mistake: values of every type, and tensors that nearly fit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

Maker = Callable[[], Any]

EVERYWHERE: dict[str, Maker] = {
    "None": lambda: None,
    "True": lambda: True,
    "'x'": lambda: "x",
    "''": lambda: "",
    "b'x'": lambda: b"x",
    "-1": lambda: -1,
    "0": lambda: 0,
    "2**70": lambda: 2**70,
    "10**400": lambda: 10**400,
    "inf": lambda: float("inf"),
    "nan": lambda: float("nan"),
    "1e-320": lambda: 1e-320,
    "1e300": lambda: 1e300,
    "1j": lambda: 1j,
    "[]": list,
    "[None]": lambda: [None],
    "{}": dict,
    "object()": object,
    "int": lambda: int,
    "lambda: None": lambda: lambda: None,
    "np.int64(-1)": lambda: np.int64(-1),
    "np.array('x')": lambda: np.array("x"),
    "np.zeros((2, 3))": lambda: np.zeros((2, 3)),
    "np.zeros(0, object)": lambda: np.zeros(0, object),
    "tensor(nan)": lambda: torch.tensor(torch.nan),
    "empty tensor": lambda: torch.empty(0),
    "complex tensor of one axis": lambda: torch.ones(3) + 0j,
    "meta scalar": lambda: torch.zeros((), device="meta"),
    "nn.Identity()": nn.Identity,
    "torch.Generator": torch.Generator,
    "empty DataFrame": pd.DataFrame,
    "folder": lambda: Path.cwd(),
    "missing file": lambda: Path("missing") / "file.h5",
}
"""Values that stand in for any argument."""

NEARLY: dict[str, Callable[[Tensor], Tensor]] = {
    "NaN": lambda x: x * torch.nan,
    "infinite": lambda x: x * torch.inf,
    "real part": lambda x: x.real,
    "int": lambda x: x.real.int(),
    "boolean": lambda x: x.bool(),
    "float64": lambda x: x.real.double(),
    "complex128": lambda x: x.to(torch.complex128),
    "complex32": lambda x: x.to(torch.complex32),
    "half": lambda x: x.real.half(),
    "empty batch": lambda x: x[:0],
    "no batch axis": lambda x: x[0],
    "one axis more": lambda x: x[None],
    "batch of two": lambda x: torch.cat([x, x]),
    "narrower": lambda x: x[..., :-1],
    "empty last axis": lambda x: x[..., :0],
    "transposed": lambda x: x.movedim(0, -1),
    "on meta": lambda x: x.to("meta"),
    "zeros": torch.zeros_like,
    "huge": lambda x: x * 1e15,
    "sparse": lambda x: x.to_sparse(),
    "array": lambda x: x.numpy(),  # type: ignore[dict-item, return-value]
}
"""Tensors in place of one that fits."""


def substitutes(value: object) -> dict[str, Maker]:
    """Return what to put in place of an argument, by how a report calls it."""
    found = dict(EVERYWHERE)
    if isinstance(value, Tensor) and value.ndim:
        # Not called here: half of them are expensive, and few are drawn.
        found |= {f"{name} of it": _maker(change, value) for name, change in NEARLY.items()}
    return found


def _maker(change: Callable[[Tensor], Tensor], value: Tensor) -> Maker:
    return lambda: change(value.detach())
