"""Trained weights: safetensors files that carry their own architecture and settings."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import torch as safetensors
from torch import Tensor

from smuglib import checks, files
from smuglib.files import UnreadableFileError, reading
from smuglib.methods import METHODS, SIGMAS
from smuglib.models import denoisers
from smuglib.models.architectures import shapes_alone
from smuglib.models.denoisers import Denoiser
from smuglib.models.unrolled import UnrolledNetwork
from smuglib.smoothing import Smoothing

SHIPPED = Path(__file__).parents[1] / "shipped"
"""Folder of the weights and records that come with the library, one folder per profile."""


def packed(tensors: Mapping[str, Tensor], header: Mapping[str, Any]) -> bytes:
    """Return the content of a safetensors file with tensors, a JSON header and a seal."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    # In one entry: safetensors writes several in a random order.
    text = json.dumps({**header, "seal": files.SEAL}, sort_keys=True)
    return files.sealed(safetensors.save(contiguous, metadata={"smuglib": text}))


def read_tensors(
    path: Path | str, *, verify: bool = True
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of tensors and a header that `packed` made.

    ``verify`` refuses a file without a seal, unless it is of the shipped weights, which are older:
    their model card has their hashes.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no weights file {path}")
    with reading(path, "a file of weights"):
        content = path.read_bytes()
    whole = files.is_whole(content)
    if whole is False:
        raise UnreadableFileError(path, files.DAMAGED)
    if verify and not whole and not _is_shipped(content):
        trusted = "smuglib.models.weights.read_tensors(path, verify=False) reads what you trust"
        raise UnreadableFileError(path, f"it has no seal: it is damaged, or not ours ({trusted})")
    with reading(path, "a safetensors file of ours"):
        tensors = safetensors.load(content)
        # What comes first is the length of the file's JSON header, in 8 bytes.
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        header = dict(json.loads(metadata["smuglib"]))
    return tensors, {name: value for name, value in header.items() if name != "seal"}


def _is_shipped(content: bytes) -> bool:
    """Return whether a model card of shipped weights names the hash of a file's content."""
    digest = hashlib.sha256(content).hexdigest()
    cards = SHIPPED.glob("*/README.md")
    return any(f"`{digest[:12]}`" in card.read_text(encoding="utf-8") for card in cards)


def save_network(
    path: Path | str,
    network: UnrolledNetwork,
    *,
    dtype: torch.dtype | None = None,
    **header: Any,  # noqa: ANN401
) -> None:
    """Write the weights of a network around a `Denoiser`, with all that is needed to rebuild it.

    ``dtype`` is the precision in the file, the network's own unless given: float16 halves the
    file, and networks of this book differ by less than 0.001 dB. ``header`` is more to keep:
    method, profile, number of updates.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(Path(folder) / "mine.safetensors", load("modl"), method="modl")
    ...     load_network(Path(folder) / "mine.safetensors")[1]["method"]
    'modl'
    """
    path = checks.path("path", path, is_new=True)
    checks.instance("network", network, UnrolledNetwork)
    denoiser = checks.instance("network.denoiser", network.denoiser, Denoiser)
    if dtype is not None and not checks.instance("dtype", dtype, torch.dtype).is_floating_point:
        raise ValueError(f"dtype must be a real floating type, got {dtype}")
    tensors = {name: value.to(dtype) for name, value in denoiser.state_dict().items()}
    settings = {
        "architecture": denoiser.architecture,
        "n_steps": network.n_steps,
        "lam": network.lam,
        "smoothing": asdict(network.smoothing),
    }
    files.write_bytes(path, packed(tensors, {**header, **settings}))


def load_network(path: Path | str) -> tuple[UnrolledNetwork, dict[str, Any]]:
    """Rebuild a network that `save_network` wrote, in evaluation mode; return its header, too.

    Examples
    --------
    >>> net, header = load_network(SHIPPED / "default" / "weights" / file_name("smug", 0.05))
    >>> net.smoothing.placement
    'denoiser'
    """
    tensors, header = read_tensors(checks.path("path", path))
    if "architecture" not in header:
        raise UnreadableFileError(path, "it holds no network: its header names no architecture")
    with reading(path, "a network's weights"):
        _check_size(header["architecture"], tensors, path)
        denoiser = denoisers.seeded(header["architecture"], seed=0)
        load_denoiser_state(denoiser, tensors, source=path)
        network = UnrolledNetwork(
            denoiser,
            n_steps=header["n_steps"],
            lam=header["lam"],
            smoothing=Smoothing(**header["smoothing"]),
        )
    return network.eval(), header


def _check_size(
    architecture: dict[str, Any], tensors: dict[str, Tensor], source: Path | str
) -> None:
    """Refuse an architecture that a header claims and its tensors do not fill, before it is built.

    On the device ``meta`` numbers take no memory, but modules do.
    """
    entries = sum(tensor.numel() for tensor in tensors.values())
    for name, value in architecture.items():
        limit = len(tensors) if name == "blocks" else entries
        if not isinstance(value, str) and not 0 < value <= limit:
            raise ValueError(f"its header claims {name} = {value}, its tensors have room for less")
    with shapes_alone():
        one, two = (
            len(denoisers.make(**{**architecture, "blocks": n}).state_dict()) for n in (1, 2)
        )
        if one + (architecture["blocks"] - 1) * (two - one) > len(tensors) + one:
            raise ValueError(f"its {len(tensors)} tensors are too few for the blocks it claims")
        claimed = denoisers.make(**architecture)
    _check_shapes(claimed, tensors, source)


def load_denoiser_state(
    denoiser: Denoiser, tensors: dict[str, Tensor], *, source: Path | str
) -> None:
    """Copy weights into a denoiser; ``source`` says in an error where they come from."""
    _check_shapes(denoiser, tensors, source)
    denoiser.load_state_dict(tensors)


def _check_shapes(denoiser: Denoiser, tensors: dict[str, Tensor], source: Path | str) -> None:
    expected, found = (
        {name: tuple(value.shape) for name, value in held.items()}
        for held in (denoiser.state_dict(), tensors)
    )
    different = {name for name, _ in expected.items() ^ found.items()}
    if different:
        name = min(different)
        raise ValueError(
            f"{source} holds weights of another architecture than {denoiser.architecture}: {name!r}"
            f" has shape {found.get(name)} in the file and {expected.get(name)} in the network "
            f"({len(different)} tensors differ)"
        )


def file_name(method: str, sigma: float) -> str:
    """Return the file name of a trained network, such as ``smug_s0.05.safetensors``."""
    return f"{method}_s{files.numeral(sigma)}.safetensors"


def load(name: str, *, sigma: float = 0.05, profile: str = "default") -> UnrolledNetwork:
    """Load shipped weights: a trained network, on the CPU, in evaluation mode.

    ``name`` is ``"modl"``, ``"rs_e2e"``, ``"smug_v0"`` or ``"smug"``; ``sigma`` the noise of
    pre-training and smoothing, 0.05 or the poster's 0.01; ``profile`` the folder of the weights.

    Examples
    --------
    >>> load("smug").smoothing.placement
    'denoiser'
    """
    checks.one_of("name", name, METHODS)
    checks.instance("profile", profile, str)
    if checks.real_number("sigma", sigma) not in SIGMAS:
        raise ValueError(f"sigma must be one of {SIGMAS}, got {sigma!r}")
    return load_network(SHIPPED / profile / "weights" / file_name(name, sigma))[0]
