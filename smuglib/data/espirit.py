"""Coil maps from the fully sampled centre of k-space, by ESPIRiT.

Uecker et al., "ESPIRiT - an eigenvalue approach to autocalibrating parallel MRI", Magnetic
Resonance in Medicine 71, 2014. The calibration is sigpy's.
"""

import hashlib
import warnings
from dataclasses import astuple, dataclass
from pathlib import Path

import torch
from safetensors import torch as safetensors
from torch import Tensor

from smuglib import checks, files
from smuglib.checks import require

KERNEL_WIDTHS = (6, 5)
"""The first for which the calibration square is wide enough is the default."""


@dataclass(frozen=True)
class Espirit:
    """Settings of ESPIRiT; `estimate` computes the maps.

    Parameters
    ----------
    calibration_width, kernel_width
        Sides of the calibration square, which is smaller where the ACS band is narrower, and of
        the kernels, in k-space samples. By default the kernels are 6 wide, or 5 where the square
        is too small for that: 8 % of 128 columns are 10.
    threshold
        Singular values of the calibration matrix below this fraction of the largest are noise.
    crop
        Maps are zero where the largest eigenvalue is below this: outside of the object.
    """

    calibration_width: int = 24
    kernel_width: int | None = None
    threshold: float = 0.02
    crop: float = 0.95

    def __post_init__(self) -> None:
        kernel = checks.optional(checks.integer, "kernel_width", self.kernel_width, minimum=2)
        checks.replace_fields(self, kernel_width=kernel)
        checks.replace_fields(
            self,
            calibration_width=checks.integer(
                "calibration_width", self.calibration_width, minimum=self.minimum_width
            ),
            threshold=checks.fraction("threshold", self.threshold),
            crop=checks.fraction("crop", self.crop, allow_zero=True),
        )
        if self.threshold == 1:
            raise ValueError("threshold must be < 1: no kernel would be left")

    @property
    def minimum_width(self) -> int:
        """The narrowest calibration square; fewer kernel positions do not show the coils."""
        return 2 * (self.kernel_width or min(KERNEL_WIDTHS))

    def estimate(self, kspace: Tensor, folder: Path | str | None = None) -> Tensor:
        """Estimate coil maps, ``[1, coil, height, width]``, complex64, from k-space of that shape.

        Only a complete square of it around the zero frequency is used. The root sum of squares of
        the maps is 1 on their support, and they are zero elsewhere. Their free common phase makes
        the strongest virtual coil of the calibration data (its first principal component) real and
        positive: a single coil's phase, the usual choice, is undefined where that coil is blind.
        Maps are kept in ``folder``, named after the calibration data and the settings.
        """
        checks.finite("kspace", checks.complex_tensor("kspace", kspace, n_axes=(4,)))
        folder = checks.optional(checks.path, "folder", folder)
        if folder is not None and folder.is_file():
            raise ValueError(f"folder must be a folder, got the file {folder}")
        calibration = self._calibration(kspace)
        if folder is None:
            return self._computed(kspace, calibration)
        identity = repr((astuple(self), tuple(kspace.shape))).encode()
        name = hashlib.sha256(identity + calibration.numpy().tobytes()).hexdigest()[:32]
        path = folder / f"{name}.safetensors"
        content = path.read_bytes() if path.is_file() else None
        if content is None or not files.is_whole(content):
            if content is not None:
                warnings.warn(f"{path} is damaged: it is computed again", stacklevel=2)
            maps = self._computed(kspace, calibration).contiguous()
            seal = {"seal": files.SEAL}
            content = files.sealed(safetensors.save({"maps": maps}, metadata=seal))
            files.write_bytes(path, content)
        return safetensors.load(content)["maps"]

    def _calibration(self, kspace: Tensor) -> Tensor:
        """Cut the square around the zero frequency, ``[coil, side, side]``."""
        height, width = kspace.shape[-2:]
        side = min(self.calibration_width, centre_square(kspace[0].abs().sum(0) > 0))
        if side < self.minimum_width:
            kernel = self.kernel_width or min(KERNEL_WIDTHS)
            raise ValueError(
                f"the fully sampled centre of kspace is {side} samples wide, but ESPIRiT with "
                f"kernel_width {kernel} needs at least {self.minimum_width}: raise "
                "center_fraction, or lower kernel_width"
            )
        top, left = height // 2 - side // 2, width // 2 - side // 2
        return kspace[0, :, top : top + side, left : left + side].to(torch.complex64).contiguous()

    def _computed(self, kspace: Tensor, calibration: Tensor) -> Tensor:
        app = require("sigpy.mri.app", extra="fastmri", what="coil maps by ESPIRiT")
        # sigpy divides by the phase of the first coil: the strongest one is never silent.
        side = calibration.shape[-1]
        order = calibration.abs().square().sum((1, 2)).argsort(descending=True)
        estimated = app.EspiritCalib(
            kspace[0, order].to(torch.complex64).numpy(),
            calib_width=side,
            kernel_width=self.kernel_width or max(w for w in KERNEL_WIDTHS if 2 * w <= side),
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
