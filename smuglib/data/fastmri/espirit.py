"""Coil maps from the fully sampled centre of k-space, by ESPIRiT.

Uecker et al., "ESPIRiT - an eigenvalue approach to autocalibrating parallel MRI", Magnetic
Resonance in Medicine 71, 2014. The calibration is sigpy's.
"""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from smuglib import checks
from smuglib.checks import require
from smuglib.files import UnreadableFileError, reading, replacing


@dataclass(frozen=True)
class Espirit:
    """Settings of ESPIRiT; `estimate` computes the maps.

    Parameters
    ----------
    calibration_width, kernel_width
        Sides of the calibration square, which is smaller where the ACS band is narrower, and of
        the kernels, in k-space samples.
    threshold
        Singular values of the calibration matrix below this fraction of the largest are noise.
    crop
        Maps are zero where the largest eigenvalue is below this: outside of the object.
    """

    calibration_width: int = 24
    kernel_width: int = 6
    threshold: float = 0.02
    crop: float = 0.95

    def __post_init__(self) -> None:
        """Check every value."""
        checks.integer("kernel_width", self.kernel_width, minimum=2)
        checks.integer(
            "calibration_width", self.calibration_width, minimum=minimum_width(self.kernel_width)
        )
        checks.fraction("threshold", self.threshold)
        if self.threshold == 1:
            raise ValueError("threshold must be < 1: no kernel would be left")
        checks.fraction("crop", self.crop, allow_zero=True)

    def estimate(self, kspace: Tensor, folder: Path | str | None = None) -> Tensor:
        """Estimate coil maps, ``[1, coil, height, width]``, complex64, from k-space of that shape.

        Only a complete square of it around the zero frequency is used. The root sum of squares of
        the maps is 1 on their support, and they are zero elsewhere. Their common phase is free: it
        is fixed so that the strongest virtual coil of the calibration data (its first principal
        component) is real and positive. A single coil's phase, the usual choice, is undefined where
        that coil is blind. Maps are kept in ``folder``, under a name derived from the calibration
        data and the settings.
        """
        checks.complex_tensor("kspace", kspace, n_axes=(4,))
        calibration = self._calibration(kspace)
        if folder is None:
            return self._computed(kspace, calibration)
        identity = repr((astuple(self), tuple(kspace.shape))).encode()
        name = hashlib.sha256(identity + calibration.numpy().tobytes()).hexdigest()[:32]
        path = Path(folder) / f"{name}.safetensors"
        with suppress(UnreadableFileError, FileNotFoundError), reading(path, "coil maps"):
            return load_file(path)["maps"].reshape(kspace.shape)
        maps = self._computed(kspace, calibration).contiguous()
        with replacing(path) as temporary:
            save_file({"maps": maps}, temporary)
        return maps

    def _calibration(self, kspace: Tensor) -> Tensor:
        """Cut the square around the zero frequency, ``[coil, side, side]``."""
        height, width = kspace.shape[-2:]
        side = min(self.calibration_width, centre_square(kspace[0].abs().sum(0) > 0))
        if side < minimum_width(self.kernel_width):
            raise ValueError(
                f"the fully sampled centre is {side} samples wide, but ESPIRiT with kernel_width "
                f"{self.kernel_width} needs at least {minimum_width(self.kernel_width)}: raise "
                "center_fraction, or lower kernel_width"
            )
        top, left = height // 2 - side // 2, width // 2 - side // 2
        return kspace[0, :, top : top + side, left : left + side].to(torch.complex64).contiguous()

    def _computed(self, kspace: Tensor, calibration: Tensor) -> Tensor:
        app = require("sigpy.mri.app", extra="fastmri", what="coil maps by ESPIRiT")
        # sigpy divides by the phase of the first coil: the strongest one is never silent.
        order = calibration.abs().square().sum((1, 2)).argsort(descending=True)
        estimated = app.EspiritCalib(
            kspace[0, order].to(torch.complex64).numpy(),
            calib_width=calibration.shape[-1],
            kernel_width=self.kernel_width,
            thresh=self.threshold,
            crop=self.crop,
            show_pbar=False,
        ).run()
        maps = torch.from_numpy(estimated)[order.argsort()]
        norm = maps.abs().square().sum(0).sqrt()
        if not norm.any():
            raise ValueError(f"ESPIRiT found no pixel above crop = {self.crop}: lower it")
        virtual_coil = torch.linalg.svd(calibration.flatten(1), full_matrices=False)[0][:, 0]
        phase = torch.einsum("c,chw->hw", virtual_coil.conj(), maps).sgn()
        return (maps * phase.conj() / norm.where(norm > 0, 1.0))[None]


def minimum_width(kernel_width: int) -> int:
    """Return the narrowest calibration square: fewer kernel positions do not show the coils."""
    return 2 * kernel_width


def centre_square(sampled: Tensor) -> int:
    """Return the side of the largest complete square around the zero frequency, or 0.

    ``sampled`` marks the sampled positions, boolean, ``[height, width]``.
    """
    row, column = (n // 2 for n in sampled.shape)
    for side in range(min(sampled.shape), 0, -1):
        top, left = row - side // 2, column - side // 2
        if sampled[top : top + side, left : left + side].all():
            return side
    return 0
