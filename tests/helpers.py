"""Shared evidence: seeded tensors, small scans, and matrices built independently of the library."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from hypothesis import settings
from torch import Tensor, nn

from smuglib.operators import SenseOperator
from smuglib.random import complex_normal, generator

# Those of the profile that is loaded; see tests/conftest.py.
few_examples = settings()


def draw(*shape: int, key: int | str = 0, dtype: torch.dtype = torch.complex128) -> Tensor:
    """Seeded complex Gaussian tensor with unit variance on each part."""
    return complex_normal(shape, 1.0, generator(0, "test", key), torch.empty(0, dtype=dtype))


def line_mask(*columns: str) -> Tensor:
    """1-D masks, one a scan, from strings of 0 and 1."""
    return torch.tensor([[c == "1" for c in scan] for scan in columns])[:, None, None]


def plane_mask(height: int, width: int) -> Tensor:
    """2-D mask that samples about half of k-space, with no structure along either axis."""
    return (draw(height, width, key="mask").real > 0)[None, None]


def sense(
    mask: Tensor,
    *,
    batch: int = 1,
    n_coils: int = 3,
    height: int = 5,
    key: int | str = "maps",
    dtype: torch.dtype = torch.complex128,
) -> SenseOperator:
    """Operator with seeded random maps, normalized to ``sum_c |S_c|^2 = 1``."""
    maps = draw(batch, n_coils, height, mask.shape[-1], key=key, dtype=dtype)
    return SenseOperator(maps / maps.abs().square().sum(1, keepdim=True).sqrt(), mask)


def dft_matrix(n: int) -> np.ndarray:
    """Centred orthonormal DFT, from its definition."""
    index = np.arange(n) - n // 2
    return np.exp(-2j * np.pi * np.outer(index, index) / n) / np.sqrt(n)


def sense_matrix(A: SenseOperator, scan: int = 0) -> np.ndarray:
    """``A`` of one scan, from ``A = M (F_height kron F_width) diag(S_c)``: no transform is run."""
    _, height, width = A.image_shape
    transform = np.kron(dft_matrix(height), dft_matrix(width))
    mask = A.mask.expand(A.image_shape[0], 1, height, width)[scan].numpy().reshape(-1, 1)
    coils = A.maps[scan].numpy().reshape(A.n_coils, 1, -1)
    return np.concatenate([mask * transform * coil for coil in coils])


def normal_matrix(A: SenseOperator, scan: int = 0) -> np.ndarray:
    """``A^H A`` of one scan."""
    dense = sense_matrix(A, scan)
    return dense.conj().T @ dense


def dense_solution(A: SenseOperator, z: Tensor, d: Tensor, lam: float) -> Tensor:
    """``(A^H A + lam I)^{-1} (z + lam d)`` by ``numpy.linalg.solve``; z and d have one shape."""
    solutions = []
    for scan, rhs in enumerate((z + lam * d).numpy()):
        matrix = normal_matrix(A, scan) + lam * np.eye(rhs.shape[-2] * rhs.shape[-1])
        columns = rhs.reshape(-1, matrix.shape[0]).T
        solutions.append(np.linalg.solve(matrix, columns).T.reshape(rhs.shape))
    return torch.from_numpy(np.stack(solutions))


def columns_of(linear: Callable[[Tensor], Tensor], *shape: int) -> np.ndarray:
    """Matrix of a linear map of images ``[1, height, width]``, one unit image after another."""
    units = torch.eye(shape[-2] * shape[-1], dtype=torch.complex128).reshape(-1, *shape)
    return np.stack([linear(unit).numpy().ravel() for unit in units], axis=1)


def relative_difference(value: Tensor, reference: Tensor) -> float:
    """``||value - reference|| / ||reference||``."""
    return ((value - reference).norm() / reference.norm()).item()


def assert_adjoint(
    forward: Callable[[Tensor], Tensor],
    adjoint: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    tolerance: float = 1e-12,
) -> None:
    """Check ``<A x, y> = <x, A^H y>``, relative to ``||A x|| ||y||``."""
    image = forward(x)
    assert image.shape == y.shape
    left = torch.vdot(y.flatten(), image.flatten())
    right = torch.vdot(adjoint(y).flatten(), x.flatten())
    assert abs(left - right) <= tolerance * (image.norm() * y.norm())


class ToyDenoiser(nn.Module):
    """A smooth, nonlinear map of complex images with two parameters, in any precision."""

    def __init__(self) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(0.8, dtype=torch.float64))
        self.blur = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

    def forward(self, x: Tensor) -> Tensor:
        """Shrink large values and mix each with its neighbours."""
        shrunk = self.gain * x / (1 + x.abs().square())
        return shrunk + self.blur * torch.roll(shrunk, (1, 1), (-2, -1))


def noise_by_hand(seed: int, sigma: float, *shapes: tuple[int, ...]) -> list[Tensor]:
    """The noise that one generator gives, draw after draw, written out in real numbers."""
    rng = generator(seed)
    parts = [torch.randn(*shape, 2, dtype=torch.float64, generator=rng) for shape in shapes]
    return [torch.complex(sigma * part[..., 0], sigma * part[..., 1]) for part in parts]
