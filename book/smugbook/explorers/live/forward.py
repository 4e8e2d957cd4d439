"""The forward-model explorer: what a mask and coils measure, and what is lost."""

from typing import Any

from smugbook import profiles
from smugbook.explorers.live import pictures
from smugbook.explorers.live.explorer import LiveExplorer, choice, count, decimal, slider
from smugbook.explorers.live.forward_engine import (
    RESOLVED,
    ForwardEngine,
    ForwardRequest,
    ForwardResult,
)
from smugbook.words.numbers import percent
from smuglib.sampling import DENSITIES

DECADES = 4
"""Powers of ten between black and white in k-space."""


class ForwardExplorer(LiveExplorer[ForwardRequest, ForwardResult]):
    """Sliders for the mask, and a chooser for the coil."""

    def __init__(self, engine: ForwardEngine, start: ForwardRequest) -> None:
        profile = engine.profile
        super().__init__(
            engine,
            start,
            {
                "sampling_rate": slider("columns (%)", 1, 100, 100 * start.sampling_rate, step=1),
                "center_fraction": slider(
                    "centre (%)", 0, 100, 100 * start.center_fraction, step=1
                ),
                "density": choice("density of the rest", DENSITIES, start.density),
                "mask_seed": count("seed of the mask", 0, 20, start.mask_seed),
                "coil": count("coil", 0, profile.n_coils - 1, start.coil),
                "index": count("test slice", 0, profile.n_test - 1, start.index),
            },
        )

    def request(self) -> ForwardRequest:
        """Return what the controls ask for."""
        values: dict[str, Any] = {name: control.value for name, control in self.controls.items()}
        for name in ("sampling_rate", "center_fraction"):
            values[name] = decimal(values[name]) / 100
        return ForwardRequest(**values)

    def drawn(self, result: ForwardResult) -> str:
        """Return the images and curves of a result."""
        coil = f"coil {result.request.coil}"
        peak = result.target.abs().max().item()
        loudest = result.kspace_full.abs().max().item()
        images = [
            ("target", pictures.grey_pixels(result.target, peak), ""),
            (f"sensitivity of {coil}", pictures.grey_pixels(result.coil_map, 1.0), "white: 1"),
            (f"{coil} sees", pictures.grey_pixels(result.coil_image, peak), ""),
            (
                "its k-space, complete",
                pictures.log_pixels(result.kspace_full, loudest, DECADES),
                "log magnitude",
            ),
            (
                "mask",
                pictures.mask_pixels(result.mask, len(result.target)),
                f"{int(result.mask.sum())} of {len(result.mask)} columns",
            ),
            (
                "its k-space, measured",
                pictures.log_pixels(result.kspace, loudest, DECADES),
                "log magnitude, with noise",
            ),
            (
                "zero-filled, all coils",
                pictures.grey_pixels(result.zero_filled, peak),
                f"PSNR {result.psnr:.2f} dB\nSSIM {result.ssim:.3f}",
            ),
        ]
        panels = [pictures.panel(t, pixels, alt=t, note=note) for t, pixels, note in images]
        scales = pictures.row(
            pictures.scale("magnitude 0", f"{peak:.2f} = max |t|"),
            pictures.scale(f"k-space 1e-{DECADES}", "1, relative to the largest"),
        )
        return pictures.row(*panels) + scales + pictures.row(_spread(result), _eigenvalues(result))

    def described(self, result: ForwardResult) -> str:
        """Return the settings of a result, and how long it took."""
        request = result.request
        columns, centre = percent(request.sampling_rate), percent(request.center_fraction)
        return (
            f"{columns} of the columns, {centre} in the centre, {request.density} density; "
            f"computed in {result.seconds:.2f} s"
        )

    def awaited(self, result: ForwardResult) -> str:
        """Return what a preview is."""
        return "eigenvalues follow …"


def forward(*, profile: str = "default", **start: Any) -> ForwardExplorer:  # noqa: ANN401
    """Make the forward-model explorer."""
    settings = profiles.get(profile)
    start.setdefault("sampling_rate", settings.sampling_rate)
    start.setdefault("center_fraction", settings.center_fraction)
    return ForwardExplorer(ForwardEngine(settings), ForwardRequest(**start))


def _spread(result: ForwardResult) -> str:
    width = len(result.mask)
    return pictures.curves(
        "point-spread function, relative to its centre",
        range(-(width // 2), width - width // 2),
        {
            "one uniform coil": result.spread_one,
            "all coils together, central pixel": result.spread_all,
        },
        decades=2,
        x_label="distance along the phase encoding (pixels)",
        alt="point-spread function of one coil and of all coils against distance",
    )


def _eigenvalues(result: ForwardResult) -> str:
    found = result.eigenvalues
    if found is None:
        return "<p>Eigenvalues of A<sup>H</sup>A: …</p>"
    resolved = found.smallest >= RESOLVED
    smallest = f"{found.smallest:.2g}" if resolved else f"below {RESOLVED:g}"
    condition = f"{found.largest / max(found.smallest, RESOLVED):.2g}"
    return (
        "<p>Eigenvalues of A<sup>H</sup>A<br>"
        f"largest: {found.largest:.3f}<br>smallest: {smallest}<br>"
        f"condition number: {'' if resolved else 'above '}{condition}<br>"
        f"below 0.01: {percent(found.weak)} of the directions</p>"
    )
