"""Denoisers: residual convolutional networks on the two real channels of a complex image.

Each network maps complex images ``[..., height, width]`` to the same shape. Real channels exist
only inside the call; images of any size are padded by reflection to what the network's strides
need, and cropped back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from smuglib import checks
from smuglib.models.architectures import BODIES
from smuglib.models.precision import autocast

CPU_PIXEL_BYTES = 5 * 2**14 * 4
"""Bytes of one channel of the images that a CPU puts through the network at once."""


class Denoiser(nn.Module):
    """Residual denoiser ``D(x) = x + R(x)`` around a real body ``R``: :eq:`eq-denoise` of the book.

    Parameters
    ----------
    body, stride
        Network from ``[n, 2, height, width]`` to the same shape, real, padded to multiples of this.
    architecture
        The arguments of `make` that build this network: stored with its weights.

    Examples
    --------
    >>> double = Denoiser(nn.Identity(), stride=1, architecture={"name": "identity"})
    >>> double(torch.full((1, 4, 4), 1 + 2j))[0, 0, 0].item()
    (2+4j)
    """

    def __init__(self, body: nn.Module, *, stride: int, architecture: dict[str, str | int]) -> None:
        super().__init__()
        self.body = checks.instance("body", body, nn.Module)
        self.stride = checks.integer("stride", stride)
        self.architecture = checks.instance("architecture", architecture, dict)
        self.accelerate()

    def accelerate(
        self, *, precision: str = "float32", compiled: bool = False, graphs: bool = False
    ) -> "Denoiser":
        """Choose how the convolutions are computed, and return this network.

        Parameters
        ----------
        precision
            ``"float32"``, or ``"bfloat16"`` for autocast convolutions: about half the time on a
            CPU that has such instructions, at the cost of a few thousandths of a dB.
        compiled
            Let `torch.compile` fuse the layers, which needs a C++ compiler on a CPU.
        graphs
            Launch the kernels of a call as one CUDA graph: the same numbers, and memory that is
            kept. Elsewhere than on a CUDA device it changes nothing. Not with ``compiled``.
        """
        self.precision = checks.one_of("precision", precision, ("float32", "bfloat16"))
        self.compiled = checks.boolean("compiled", compiled)
        self.graphs = checks.boolean("graphs", graphs)
        if compiled and graphs:
            raise ValueError("graphs must be False where compiled is True, got True")
        self._run: Callable[[Tensor], Tensor] | None = None
        if compiled:
            self._run = torch.compile(self.body.__call__)
        if graphs:
            from smuglib.models.graphs import Replays  # deferred: the core does without

            self._run = Replays(self.body)
        return self

    def __getstate__(self) -> dict[str, object]:
        # What is compiled or recorded is bound to these weights: a copy makes its own.
        return {**self.__dict__, "_run": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        super().__setstate__(state)
        self.accelerate(precision=self.precision, compiled=self.compiled, graphs=self.graphs)

    def forward(self, x: Tensor) -> Tensor:
        """Denoise complex images, ``[..., height, width]``, in units of the scan's scale."""
        checks.complex_tensor("x", x)
        weight = next(self.parameters(), None)
        if weight is not None and weight.dtype != x.real.dtype:
            raise TypeError(f"x must be as precise as the weights, {weight.dtype}, got {x.dtype}")
        if x.ndim < 2 or min(x.shape[-2:]) <= self.stride // 2:
            raise ValueError(
                f"x must have shape [..., height, width] with both above {self.stride // 2}, "
                f"got {tuple(x.shape)}"
            )
        height, width = x.shape[-2:]
        images = x.reshape(-1, height, width).resolve_conj()
        channels = torch.view_as_real(images).permute(0, 3, 1, 2)
        padding = (0, -width % self.stride, 0, -height % self.stride)
        padded = functional.pad(channels, padding, mode="reflect") if any(padding) else channels
        # Convolutions run fastest on channels-last memory, and that is the memory order of a
        # complex image: packing costs no copy.
        residual = self._residual(padded.contiguous(memory_format=torch.channels_last))
        residual = residual[..., :height, :width].permute(0, 2, 3, 1).to(x.real.dtype).contiguous()
        return x + torch.view_as_complex(residual).reshape(x.shape)

    def _residual(self, packed: Tensor) -> Tensor:
        """Run the body, on a CPU so many images at a time that features stay in the cache."""
        run = self._run or self.body
        with autocast(self.precision, packed.device.type):
            bytes_a_number = 2 if torch.is_autocast_enabled("cpu") else packed.element_size()
            n_images = CPU_PIXEL_BYTES // (bytes_a_number * packed.shape[-2:].numel()) or 1
            if packed.is_cuda or len(packed) <= n_images:
                return run(packed)
            return torch.cat([run(piece) for piece in packed.split(n_images)])


@contextmanager
def arithmetic(net: nn.Module, precision: str) -> Iterator[None]:
    """Compute the convolutions of a network's denoisers in bfloat16 while the context lasts.

    Any other ``precision`` leaves the denoisers as they are.
    """
    before = [(part, part.precision) for part in net.modules() if isinstance(part, Denoiser)]
    try:
        for denoiser, own in before:
            denoiser.precision = "bfloat16" if precision == "bfloat16" else own
        yield
    finally:
        for denoiser, own in before:
            denoiser.precision = own


def make(name: str = "didn", *, channels: int = 32, blocks: int = 2) -> Denoiser:
    """Build a denoiser, on the CPU, in float32; `seeded` gives it weights of a seeded draw.

    Parameters
    ----------
    name
        ``"didn"`` (Yu, Park and Jeong, CVPR Workshops 2019; the poster's denoiser), ``"unet"``
        (Ronneberger, Fischer and Brox, MICCAI 2015) or ``"dncnn"`` (Zhang et al., IEEE TIP 2017).
    channels, blocks
        Feature channels at the finest level, and down-up blocks (DIDN), poolings (U-Net) or
        convolutions between the first and the last (DnCNN).

    Examples
    --------
    >>> x = torch.zeros(2, 20, 24, dtype=torch.complex64)
    >>> [tuple(make(name, channels=4, blocks=1)(x).shape) for name in BODIES]
    [(2, 20, 24), (2, 20, 24), (2, 20, 24)]
    """
    checks.one_of("name", name, BODIES)
    channels = checks.integer("channels", channels)
    blocks = checks.integer("blocks", blocks)
    body, stride = BODIES[name]
    architecture: dict[str, str | int] = {"name": name, "channels": channels, "blocks": blocks}
    network = Denoiser(body(channels, blocks), stride=stride(blocks), architecture=architecture)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def seeded(architecture: dict[str, str | int], seed: int) -> Denoiser:
    """Build a denoiser from the arguments of `make`, its weights a function of ``seed`` alone.

    Examples
    --------
    >>> sum(p.numel() for p in seeded({"name": "didn", "channels": 8, "blocks": 1}, 0).parameters())
    29313
    """
    checks.instance("architecture", architecture, dict)
    seed = checks.integer("seed", seed, minimum=0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make(**architecture)  # type: ignore[arg-type]
