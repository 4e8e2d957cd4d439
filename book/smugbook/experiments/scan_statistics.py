"""Statistics of scans, simulated and real, at pixels of 1.64 mm.

    python -m smugbook.experiments.scan_statistics volumes:FOLDER fastmri:FOLDER -o statistics.csv

measures real scans, whose numbers the book ships.
"""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from smuglib import data, provenance
from smuglib.analysis.image_statistics import image_statistics, noise_level
from smuglib.data import volumes
from smuglib.data.fastmri.volume import Volume
from smuglib.data.regions import brain_region, head_region
from smuglib.evaluation import records
from smuglib.operators import fft2c, ifft2c

PIXEL = 1.64
"""Side of a pixel in mm, for which the targets of the statistics are stated."""

VIEW = 230.0
"""Field of view in mm that files of k-space are taken to have; their headers may not say."""

SIZE = round(VIEW / PIXEL)

STATISTICS = {
    "exponent": ("exponent of the radial spectrum", 2.1, 2.9),
    "fine_energy": ("energy at 0.15–0.3 cycles/mm", 0.007, 0.04),
    "total_variation": ("TV per unit intensity", 0.22, 0.41),
    "outside_energy": ("energy outside of the brain", 0.05, 0.40),
    "noise": ("noise σ / median brain", 0.008, 0.015),
    "phase_residual": ("phase residual (rad)", 0.15, 0.24),
    "maximum": ("maximum / median brain", 2.0, 4.0),
    "snr": ("SNR: median brain / noise σ", math.nan, math.nan),
    "noise_share": ("noise as a share of ‖y‖", math.nan, math.nan),
}
"""Names in words, and the ranges of real scans that simulated heads are held to."""

SIMULATED = {"phantom": (128, 128, 210 / 128), "head": (146, 146, 240 / 146)}
"""Height, width and pixel in mm at which simulated scans are measured."""

CITATIONS = {
    "volumes": "Z. Lesjak et al., Neuroinformatics 14:403 (2016), CC BY, from the repository "
    "muschellij2/open_ms_data, longitudinal/raw",
    "fastmri": "F. Knoll et al., Proc. ISMRM 19:2554 (2011), t2brainRawdata.mat of the repository "
    "IMTtugraz/AGILE",
}
"""Where the scans come from whose numbers are shipped."""


@dataclass(frozen=True)
class ScanStatistic(records.Record):
    """A statistic of the slices of one kind of scan: 5th percentile, median and 95th."""

    RESULTS: ClassVar[tuple[str, ...]] = ("low", "median", "high")

    source: str
    statistic: str
    n_slices: int
    n_subjects: int
    low: float
    median: float
    high: float


class Measured(NamedTuple):
    """What was measured of one slice: its subject, and values by the statistic's name."""

    subject: int
    values: dict[str, float]


def statistics_of(scan: data.Scan, pixel: float, *, is_stripped: bool = False) -> Measured:
    """Measure a full scan; the noise's share of ‖y‖ is that at a sampling rate of one quarter."""
    image = scan.target[0]
    magnitude = image.abs().double().numpy()
    # Of a brain without a skull, all that is bright is brain.
    head = head_region(magnitude, 0.1) if is_stripped else head_region(magnitude)
    brain = head if is_stripped else brain_region(magnitude, head, pixel)
    found = image_statistics(image, pixel, brain, head)._asdict()
    sigma = noise_level(ifft2c(scan.kspace)[0], head)
    level = float(np.median(magnitude[brain]))
    mask = data.Protocol(height=32, width=image.shape[-1]).mask()
    sampled = (scan.kspace * mask).norm().item()
    n_sampled = int(mask.sum()) * scan.kspace[0, ..., 0].numel()
    noise = sigma * math.sqrt(2 * n_sampled)
    extra = {"noise": sigma / level, "snr": level / sigma, "noise_share": noise / sampled}
    return Measured(int(scan.subject), {**found, **extra})


def simulated_statistics(kind: str, n_slices: int, *, split: str = "test") -> list[ScanStatistic]:
    """Measure the first slices of a simulated source, ``"phantom"`` or ``"head"``."""
    height, width, pixel = SIMULATED[kind]
    dataset = {"phantom": data.BrainDataset, "head": data.HeadDataset}[kind]
    scans = dataset(split, n_slices, height=height, width=width, sampling_rate=1.0, cache_bytes=0)
    is_stripped = kind == "phantom"
    found = (statistics_of(scan, pixel, is_stripped=is_stripped) for scan in scans)  # type: ignore[attr-defined]
    return summarize_statistics(kind, found)


def summarize_statistics(source: str, slices: Iterable[Measured]) -> list[ScanStatistic]:
    """Return a row for each statistic that slices have."""
    slices = list(slices)
    counts = len(slices), len({one.subject for one in slices})
    rows = []
    for name in STATISTICS:
        values = [one.values[name] for one in slices if name in one.values]
        if values and not np.isnan(values).any():
            low, median, high = np.percentile(values, (5, 50, 95))
            rows.append(
                ScanStatistic(source, name, *counts, float(low), float(median), float(high))
            )
    return rows


def volume_statistics(folder: Path | str) -> Iterator[ScanStatistic]:
    """Measure the magnitude images in a folder of NIfTI volumes, by contrast."""
    groups: dict[str, list[Measured]] = {}
    for file in volumes.volume_files(folder):
        stem = Path(file.path).name.partition(".")[0]
        values, spacing = volumes.canonical(file)
        for plane in volumes.planes_of(file):
            grid = (SIZE, SIZE), PIXEL, plane.center
            image = volumes.on_grid(values[plane.number], spacing[1:], *grid).abs()
            found = image_statistics(image, PIXEL)._asdict()
            del found["phase_residual"]
            groups.setdefault(stem.rpartition("_")[2], []).append(Measured(file.subject, found))
    for contrast, slices in sorted(groups.items()):
        yield from summarize_statistics(f"{contrast} images", slices)


def kspace_statistics(folder: Path | str) -> Iterator[ScanStatistic]:
    """Measure the central slices of fully sampled fastMRI volumes, by number of coils."""
    groups: dict[str, list[Measured]] = {}
    for path in sorted(Path(folder).glob("*.h5")):
        volume = Volume.open(path)
        side = min(volume.shape[2:])
        options: dict[str, Any] = {"sampling_rate": 1.0, "height": side, "width": side}
        scan = data.load_slice(volume, volume.shape[0] // 2, **options)
        contrast = re.search(r"T1|T2|FLAIR|PD", path.name.upper())
        name = (
            f"k-space of {contrast[0] if contrast else 'unknown contrast'}, {volume.shape[1]} coils"
        )
        groups.setdefault(name, []).append(statistics_of(_coarse(scan), VIEW / SIZE))
    for name, slices in sorted(groups.items()):
        yield from summarize_statistics(name, slices)


def _coarse(scan: data.Scan) -> data.Scan:
    """Return a full scan with its resolution lowered to pixels of `PIXEL`."""

    def cut(kspace: Tensor) -> Tensor:
        height, width = kspace.shape[-2:]
        rows, columns = (n // 2 - SIZE // 2 for n in (height, width))
        return kspace[..., rows : rows + SIZE, columns : columns + SIZE]

    # The maps are smooth: what is cut off them is none of their own.
    maps = ifft2c(cut(fft2c(scan.maps))) * (SIZE / scan.maps.shape[-1])
    maps = maps / maps.abs().square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)
    mask = torch.ones(1, 1, 1, SIZE, dtype=torch.bool, device="cpu")
    target, kspace = ifft2c(cut(fft2c(scan.target))), cut(scan.kspace)
    return data.Scan(kspace, maps, mask, target, scan.scale, scan.subject, 0, scan.split)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure folders of real scans and write the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+", help="volumes:FOLDER or fastmri:FOLDER")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args(arguments)
    rows, kinds = list[ScanStatistic](), []
    for source in options.sources:
        kind, _, folder = source.partition(":")
        rows += {"volumes": volume_statistics, "fastmri": kspace_statistics}[kind](folder)
        kinds.append(kind)
    cited = {kind: CITATIONS[kind] for kind in kinds}
    made = provenance.describe(torch.device("cpu"))
    records.write(
        options.output, rows, ScanStatistic, {**made, "pixel_mm": PIXEL, "sources": cited}
    )


if __name__ == "__main__":
    main()
