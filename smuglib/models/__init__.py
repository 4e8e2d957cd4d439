"""Denoisers, the unrolled network around them, baselines, and trained weights."""

from smuglib.methods import METHODS
from smuglib.models.baselines import TotalVariation, ZeroFilled
from smuglib.models.denoisers import Denoiser
from smuglib.models.reconstruction import Reconstruction
from smuglib.models.unrolled import Trace, UnrolledNetwork
from smuglib.models.weights import load, load_network, save_network

__all__ = ["Denoiser", "METHODS", "Reconstruction", "TotalVariation", "Trace", "UnrolledNetwork"]
__all__ += ["ZeroFilled", "load", "load_network", "save_network"]
