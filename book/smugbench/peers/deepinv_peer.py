"""deepinv: its multi-coil MRI operator with its conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from smugbench.cases import System
from smugbench.peers import Builders, Peer, find_tolerance
from smugbench.peers.deepinv_networks import networks
from smugbench.peers.deepinv_physics import (
    as_channels,
    as_complex,
    conjugate_gradient,
    physics,
    version,
)
from smugbench.timing import Work

MAX_ITER = 100


def deepinv_solves(system: System) -> Builders:
    """Return the builders of deepinv's solvers: all images at once, and one after the other."""
    return {
        "deepinv CG, batched": partial(_work, system, _batched),
        "deepinv CG, looped": partial(_work, system, _looped),
    }


Solve = Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, float], Tensor]


def _work(system: System, solve: Solve) -> Work:
    A = physics(system.operator, tol=1e-6)
    batch, samples = system.denoised.shape[:2]
    if batch != 1:
        raise ValueError(f"deepinv is compared on one scan, got {batch}")
    rhs, start = as_channels(system.rhs[0]), as_channels(system.denoised[0])

    def normal(x: Tensor) -> Tensor:
        return A.A_adjoint_A(x) + x

    def solution(tolerance: float) -> Tensor:
        return as_complex(solve(normal, rhs, start, tolerance)).reshape(1, samples, *rhs.shape[-2:])

    tolerance, residual = find_tolerance(system, solution)
    return Work(lambda: solve(normal, rhs, start, tolerance), accuracy=residual)


def _batched(
    normal: Callable[[Tensor], Tensor], rhs: Tensor, start: Tensor, tolerance: float
) -> Tensor:
    return conjugate_gradient(normal, rhs, init=start, tol=tolerance, max_iter=MAX_ITER)


def _looped(
    normal: Callable[[Tensor], Tensor], rhs: Tensor, start: Tensor, tolerance: float
) -> Tensor:
    pairs = zip(rhs.split(1), start.split(1), strict=True)
    return torch.cat([_batched(normal, one, first, tolerance) for one, first in pairs])


PEER = Peer(version, deepinv_solves, networks, devices=("cpu", "cuda"))
