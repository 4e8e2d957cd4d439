"""``smuglib reconstruct``: files of k-space to files of images, slice by slice.

A finished slice is kept beside the output until the whole volume is: a run that was stopped goes
on where it was. The output, HDF5, has the dataset ``reconstruction``, ``[slice, height, width]``,
magnitudes in the input's own units and of its reference's size, which is what fastMRI's evaluator
reads, and where it was asked for ``uncertainty``, the spread over noise samples.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import Tensor, nn

from smuglib import checks, files
from smuglib.analysis import uncertainty
from smuglib.checks import require
from smuglib.consistency.step import DataConsistency
from smuglib.data.fastmri.volume import reading_hdf5
from smuglib.data.kspace import KSpaceFile
from smuglib.data.scan import Scan
from smuglib.methods import METHODS
from smuglib.models.baselines import TotalVariation, ZeroFilled
from smuglib.models.reconstruction import bind, smoothing_of
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.models.weights import load, load_network
from smuglib.random import generator

NAMES = (*METHODS, "tv", "zero_filled")

MARK = "smuglib"
"""Attribute of an output that says what it was made of, and how."""


@dataclass(frozen=True)
class Settings:
    """How scans are reconstructed: the command line's options.

    Parameters
    ----------
    method, sigma
        A name of `NAMES` and the noise of its training, or a file of weights (.safetensors).
    lam
        Weight λ of data consistency; the method's own by default.
    sampling_rate, center_fraction
        Undersample complete scans to this rate, with such a fully sampled centre.
    uncertainty
        Number of noise samples whose spread is wanted.
    device, seed
        Where it is computed; the seed of the drawn mask and of all noise.
    """

    method: str = "smug"
    sigma: float = 0.05
    lam: float | None = None
    sampling_rate: float | None = None
    center_fraction: float = 0.08
    uncertainty: int | None = None
    device: str = "auto"
    seed: int = 0


def load_method(settings: Settings) -> nn.Module:
    """Load a method by its name or file, on the device of the settings."""
    name = settings.method
    if name.endswith(".safetensors"):
        net: nn.Module = load_network(name)[0]
    elif checks.one_of("method", name, NAMES) in METHODS:
        net = load(name, sigma=settings.sigma)
    else:
        net = TotalVariation() if name == "tv" else ZeroFilled()
    if settings.uncertainty is not None:
        checks.integer("uncertainty", settings.uncertainty, minimum=2)
        if not smoothing_of(net).is_active:
            raise ValueError(f"uncertainty needs a smoothed method, got {name!r}")
    return net.to(checks.device("device", settings.device))


def operator_for(net: nn.Module, scan: Scan, lam: float | None) -> Any:  # noqa: ANN401
    """Return what a method is called with on a scan: its operator, or a step of another λ."""
    if lam is None or not hasattr(net, "consistency_step"):
        return scan.operator
    return DataConsistency(scan.operator, lam)


def read_scan(file: KSpaceFile, index: int, settings: Settings) -> Scan:
    """Read a slice as a scan, on the device and with the mask of the settings."""
    rate, center = settings.sampling_rate, settings.center_fraction
    scan = file.scan(index, sampling_rate=rate, center_fraction=center, mask_seed=settings.seed)
    return scan.to(settings.device)


@torch.no_grad()
def reconstruct_slice(
    net: nn.Module, scan: Scan, settings: Settings, size: tuple[int, int] | None = None
) -> dict[str, Tensor]:
    """Reconstruct a scan: magnitudes in its own units, ``[height, width]``, of at most a size.

    They are named ``reconstruction`` and, if the settings ask for it, ``uncertainty``.
    """
    z, A = scan.operator.adjoint(scan.kspace), operator_for(net, scan, settings.lam)
    noise = generator(settings.seed, "smoothing", int(scan.slice_index), device=z.device)
    if isinstance(net, UnrolledNetwork) and settings.uncertainty is not None:
        pair = uncertainty.reconstruct(net, z, A, generator=noise, n_samples=settings.uncertainty)
        found = dict(zip(("reconstruction", "uncertainty"), pair, strict=True))
    else:
        found = {"reconstruction": bind(net, A)(z, noise)}
    # The central part, or all that there is.
    spans = []
    for have, want in zip(z.shape[-2:], size or z.shape[-2:], strict=True):
        first = have // 2 - min(have, want) // 2
        spans.append(slice(first, first + want))
    images = {name: (scan.scale * x[0].abs())[spans[0], spans[1]] for name, x in found.items()}
    return {name: x.contiguous().cpu() for name, x in images.items()}


def reconstruct_file(
    file: KSpaceFile,
    output: Path | str,
    net: nn.Module,
    settings: Settings,
    *,
    png: bool = False,
    force: bool = False,
) -> bool:
    """Reconstruct all slices of a file; return False if that is done already.

    ``png`` adds a picture of every slice, and ``force`` overwrites what is not ours.
    """
    output = checks.path("output", output, is_new=True)
    mark = mark_of(file, net, settings)
    if is_finished(output, mark, force=force):
        return False
    tqdm = require("tqdm.auto", extra="evaluation", what="progress bars").tqdm
    parts = Parts(output, mark)
    with files.locked(parts.folder / "lock", f"the reconstruction of {output}"):
        for index in tqdm(range(len(file)), desc=file.path.name, disable=None):
            if parts.read(index) is None:
                scan = read_scan(file, index, settings)
                parts.write(index, reconstruct_slice(net, scan, settings, file.size))
        with new_hdf5(output, mark) as volume:
            for index in range(len(file)):
                images = parts.read(index) or {}
                for name, image in images.items():
                    shape = (len(file), *image.shape)
                    volume.require_dataset(name, shape, "f4")[index] = image.numpy()
                if png:
                    picture = output.with_name(f"{output.stem}_{index:03}.png")
                    files.write_bytes(picture, preview(images["reconstruction"]))
    shutil.rmtree(parts.folder)
    return True


def mark_of(file: KSpaceFile, net: nn.Module, settings: Settings, **more: object) -> str:
    """Return what an output is made of, as JSON: the input, the weights and the settings."""
    state, weights = file.path.stat(), hashlib.sha256()
    for tensor in net.state_dict().values():
        weights.update(tensor.cpu().numpy().tobytes())
    source = [file.path.name, state.st_size, state.st_mtime_ns, weights.hexdigest()]
    return json.dumps({"source": source, **asdict(settings), **more}, sort_keys=True)


def is_finished(output: Path, mark: str, *, force: bool) -> bool:
    """Return whether an output is there already; refuse to overwrite another file."""
    found = None
    with suppress(files.UnreadableFileError, FileNotFoundError), reading_hdf5(output) as file:
        found = file.attrs.get(MARK)
    if output.exists() and found != mark and not force:
        whose = "no output of smuglib" if found is None else "made of another input or by others"
        raise ValueError(f"{output} is {whose}: name another output, or give --force")
    return found == mark


class Parts:
    """Finished slices of an unfinished output, each in a sealed file of its own."""

    def __init__(self, output: Path, mark: str) -> None:
        self.folder = output.with_name(f".{output.name}.parts")
        self._key = hashlib.sha256(mark.encode()).hexdigest()[:16]

    def _path(self, index: int) -> Path:
        return self.folder / f"{self._key}_{index}.safetensors"

    def read(self, index: int) -> Mapping[str, Tensor] | None:
        """Return the images of a slice; None if it is not finished, or its file is damaged."""
        path = self._path(index)
        content = path.read_bytes() if path.is_file() else b""
        return safetensors.load(content) if files.is_whole(content) else None

    def write(self, index: int, images: dict[str, Tensor]) -> None:
        """Keep the images of a slice."""
        content = safetensors.save(images, metadata={"seal": files.SEAL})
        files.write_bytes(self._path(index), files.sealed(content))


@contextmanager
def new_hdf5(output: Path, mark: str) -> Iterator[Any]:
    """Open an HDF5 file that takes its place when the block ends well, with its mark."""
    h5py = require("h5py", extra="fastmri", what="HDF5 files")
    with files.replacing(output) as temporary, h5py.File(temporary, "w") as file:
        file.attrs[MARK] = mark
        yield file


def preview(image: Tensor) -> bytes:
    """Return a picture of an image, PNG; its brightest thousandth is white."""
    pictures = require("PIL.Image", extra="book", what="previews")
    white = image.flatten().quantile(0.999).clamp_min(torch.finfo(image.dtype).tiny)
    levels = (image / white).clamp(0, 1).mul(255).round().to(torch.uint8)
    buffer = io.BytesIO()
    pictures.fromarray(levels.numpy()).save(buffer, format="PNG")
    return buffer.getvalue()
