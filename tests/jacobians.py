"""Points and networks whose Jacobians are known."""

import torch

from tests import unrolled
from tests.scans import measurement

TIGHT = {"tol": 1e-9, "max_iter": 200}


class Scaled(torch.nn.Module):
    """A linear denoiser: the network's gain along each eigenvector of A^H A is known."""

    def __init__(self, slope=0.8):
        super().__init__()
        self.slope = slope

    def forward(self, x):
        return self.slope * x


def problem(batch=1, domain="image", size=8):
    """Return a point of a domain and the operator, in double precision."""
    y, A, _ = measurement(batch=batch, size=size, dtype=torch.complex128)
    return (A.adjoint(y) if domain == "image" else y), A


def toy(placement="none"):
    return unrolled.network(placement)
