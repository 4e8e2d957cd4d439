"""The forward operator ``A = M F S`` of multi-coil Cartesian MRI."""

from smuglib.operators.fourier import fft2c, fftc, ifft2c, ifftc
from smuglib.operators.sense import SenseOperator

__all__ = ["SenseOperator", "fft2c", "fftc", "ifft2c", "ifftc"]
