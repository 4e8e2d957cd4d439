"""sigpy: its SENSE operator with its conjugate gradients, one image after the other."""

from functools import partial

import numpy as np
import sigpy.mri
import torch
from numpy.typing import NDArray
from torch import Tensor

from smugbench.cases import System
from smugbench.peers import Builders, Peer, find_tolerance
from smugbench.timing import Work

MAX_ITER = 100


def sigpy_solves(system: System) -> Builders:
    """Return the builder of sigpy's solver; its Fourier transform is centred and unitary."""
    return {"sigpy CG": partial(_work, system)}


def _work(system: System) -> Work:
    A = system.operator
    maps = A.maps[0].numpy()
    mask = A.mask[0, 0].expand(maps.shape[1:]).numpy().astype(np.float32)
    sense = sigpy.mri.linop.Sense(maps, weights=mask)
    normal = sense.H * sense + sigpy.linop.Identity(maps.shape[1:])
    pairs = list(zip(system.rhs[0].numpy(), system.denoised[0].numpy(), strict=True))

    def solve(tolerance: float) -> list[NDArray[np.complex64]]:
        return [_conjugate_gradients(normal, rhs, start, tolerance) for rhs, start in pairs]

    def solution(tolerance: float) -> Tensor:
        return torch.from_numpy(np.stack(solve(tolerance)))[None]

    tolerance, residual = find_tolerance(system, solution)
    return Work(lambda: solve(tolerance), accuracy=residual)


def _conjugate_gradients(
    normal: sigpy.linop.Linop,
    rhs: NDArray[np.complex64],
    start: NDArray[np.complex64],
    tolerance: float,
) -> NDArray[np.complex64]:
    x = start.copy()
    # sigpy's tolerance is absolute.
    absolute = tolerance * float(np.linalg.norm(rhs))
    algorithm = sigpy.alg.ConjugateGradient(normal, rhs, x, max_iter=MAX_ITER, tol=absolute)
    while not algorithm.done():
        algorithm.update()
    return x


PEER = Peer(sigpy.__version__, sigpy_solves)
