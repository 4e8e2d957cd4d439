"""Denoisers: residual convolutional networks on the two real channels of a complex image.

Each network maps complex images ``[..., height, width]`` to the same shape. Real channels exist
only inside the call; images of any size are padded by reflection to what the network's strides
need, and cropped back.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from smuglib import checks
from smuglib.layers import Conv2d, SlopedReLU
from smuglib.precision import autocast

CPU_PIXEL_BYTES = 5 * 2**14 * 4
"""Bytes of one channel of the images that a CPU puts through the network at once."""


class Denoiser(nn.Module):
    """Residual denoiser ``D(x) = x + R(x)`` around a real-valued body ``R``.

    Parameters
    ----------
    body
        Network from ``[n, 2, height, width]`` to the same shape, real.
    stride
        Height and width are padded to multiples of this.
    architecture
        The arguments of `make` that build this network: stored with its weights.
    """

    def __init__(self, body: nn.Module, *, stride: int, architecture: dict[str, str | int]) -> None:
        super().__init__()
        self.body = body
        self.stride = stride
        self.architecture = architecture
        self.precision = "float32"
        self._run: Callable[[Tensor], Tensor] | None = None

    def accelerate(self, *, precision: str = "float32", compiled: bool = False) -> Denoiser:
        """Choose how the convolutions are computed; by default as plainly as torch can.

        Parameters
        ----------
        precision
            ``"float32"``, or ``"bfloat16"`` for autocast convolutions: about half the time on a
            CPU that has such instructions, at the cost of a few thousandths of a dB.
        compiled
            Let `torch.compile` fuse the layers, at the first call of each shape. Needs a C++
            compiler on a CPU.

        Returns
        -------
        Denoiser
            This network.

        Raises
        ------
        ValueError
            If the precision is unknown or ``compiled`` not a boolean.
        """
        self.precision = checks.one_of("precision", precision, ("float32", "bfloat16"))
        checks.boolean("compiled", compiled)
        self._run = torch.compile(self.body.__call__) if compiled else None
        return self

    def forward(self, x: Tensor) -> Tensor:
        """Denoise.

        Parameters
        ----------
        x
            Complex images, ``[..., height, width]``, in units of the scan's scale.

        Returns
        -------
        Tensor
            Complex images of the same shape.

        Raises
        ------
        TypeError
            If ``x`` is not complex.
        ValueError
            If ``x`` has fewer than two axes, or is smaller than half a stride.
        """
        if not x.is_complex():
            raise TypeError(f"x must be complex (complex64 or complex128), got {x.dtype}")
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
            if packed.is_cuda:
                return run(packed)
            bytes_a_number = 2 if torch.is_autocast_enabled("cpu") else packed.element_size()
            pixels = CPU_PIXEL_BYTES // bytes_a_number
            n_images = max(1, pixels // (packed.shape[-2] * packed.shape[-1]))
            if len(packed) <= n_images:
                return run(packed)
            return torch.cat([run(piece) for piece in packed.split(n_images)])


def make(name: str = "didn", *, channels: int = 32, blocks: int = 2) -> Denoiser:
    """Build a denoiser with torch's default initialization.

    Initial weights are drawn from torch's global generator: build inside
    ``torch.random.fork_rng`` for a seeded draw, as `seeded` does.

    Parameters
    ----------
    name
        ``"didn"`` (Yu, Park and Jeong, CVPR Workshops 2019; the poster's denoiser), ``"unet"``
        (Ronneberger, Fischer and Brox, MICCAI 2015) or ``"dncnn"`` (Zhang et al., IEEE TIP 2017).
    channels
        Feature channels at the finest level.
    blocks
        DIDN: number of down-up blocks. U-Net: number of poolings. DnCNN: number of
        convolutions between the first and the last.

    Returns
    -------
    Denoiser
        The network, on the CPU, in float32.

    Raises
    ------
    ValueError
        If the name is unknown or a size is not a positive integer.
    """
    checks.one_of("denoiser", name, BODIES)
    checks.integer("channels", channels)
    checks.integer("blocks", blocks)
    body, stride = BODIES[name]
    architecture: dict[str, str | int] = {"name": name, "channels": channels, "blocks": blocks}
    network = Denoiser(body(channels, blocks), stride=stride(blocks), architecture=architecture)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def seeded(architecture: dict[str, str | int], seed: int) -> Denoiser:
    """Build a denoiser whose initial weights are a function of ``seed`` alone.

    Parameters
    ----------
    architecture
        Arguments of `make`.
    seed
        Any integer >= 0.

    Returns
    -------
    Denoiser
        The network; torch's global generator is left as it was.
    """
    checks.integer("seed", seed, minimum=0)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return make(**architecture)  # type: ignore[arg-type]


def _conv(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> Conv2d:
    return Conv2d(inputs, outputs, size, stride=stride, padding=size // 2)


def _conv_prelu(inputs: int, outputs: int, size: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(_conv(inputs, outputs, size, stride), SlopedReLU())


class _Residual(nn.Module):
    """Convolutions with PReLU around a shortcut."""

    def __init__(self, channels: int, layers: int = 2) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(_conv_prelu(channels, channels) for _ in range(layers)))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Upsample(nn.Module):
    """Sub-pixel upsampling by 2: a 1 x 1 convolution, then channels become space."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.expand = _conv(inputs, 4 * outputs, size=1)

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.expand(x), 2)


class _DownUpBlock(nn.Module):
    """DIDN's down-up block: two scales down, two scales up, with skips and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        fine, middle, coarse = channels, 2 * channels, 4 * channels
        self.fine_in, self.middle_in = _Residual(fine), _Residual(middle, layers=1)
        self.down_middle = _conv_prelu(fine, middle, stride=2)
        self.down_coarse = _conv_prelu(middle, coarse, stride=2)
        self.coarse = _Residual(coarse, layers=1)
        self.up_middle, self.up_fine = _Upsample(coarse, middle), _Upsample(middle, fine)
        self.merge_middle = _conv(2 * middle, middle, size=1)
        self.merge_fine = _conv(2 * fine, fine, size=1)
        self.middle_out, self.fine_out = _Residual(middle, layers=1), _Residual(fine)
        self.last = _conv(fine, fine)

    def forward(self, x: Tensor) -> Tensor:
        fine = self.fine_in(x)
        middle = self.middle_in(self.down_middle(fine))
        up = self.up_middle(self.coarse(self.down_coarse(middle)))
        middle = self.middle_out(self.merge_middle(torch.cat((up, middle), 1)))
        fine = self.fine_out(self.merge_fine(torch.cat((self.up_fine(middle), fine), 1)))
        return x + self.last(fine)


class _DIDN(nn.Module):
    """Deep iterative down-up network: the finest features live at half resolution."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.head = nn.Sequential(
            _conv_prelu(2, channels), _conv_prelu(channels, channels, stride=2)
        )
        self.blocks = nn.ModuleList(_DownUpBlock(channels) for _ in range(blocks))
        self.reconstruct = nn.Sequential(_Residual(channels), _conv_prelu(channels, channels))
        self.gather = _conv_prelu(blocks * channels, channels, size=1)
        self.tail = nn.Sequential(
            _conv(channels, channels), _Upsample(channels, channels // 2 or 1)
        )
        self.out = _conv(channels // 2 or 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        features, collected = self.head(x), []
        for block in self.blocks:
            features = block(features)
            collected.append(self.reconstruct(features))
        return self.out(self.tail(self.gather(torch.cat(collected, 1))))


class _UNet(nn.Module):
    """U-Net with strided convolutions down, sub-pixel convolutions up and residual blocks."""

    def __init__(self, channels: int, poolings: int) -> None:
        super().__init__()
        widths = [channels * 2**level for level in range(poolings + 1)]
        steps = list(pairwise(widths))
        self.head = _conv_prelu(2, channels)
        self.encoders = nn.ModuleList(_Residual(width) for width in widths)
        self.downs = nn.ModuleList(_conv_prelu(fine, coarse, stride=2) for fine, coarse in steps)
        self.ups = nn.ModuleList(_Upsample(coarse, fine) for fine, coarse in steps)
        self.merges = nn.ModuleList(_conv(2 * fine, fine, size=1) for fine, _ in steps)
        self.decoders = nn.ModuleList(_Residual(fine) for fine, _ in steps)
        self.out = _conv(channels, 2)

    def forward(self, x: Tensor) -> Tensor:
        x, skips = self.encoders[0](self.head(x)), []
        for down, encoder in zip(self.downs, self.encoders[1:], strict=True):
            skips.append(x)
            x = encoder(down(x))
        for level in reversed(range(len(skips))):
            x = torch.cat((self.ups[level](x), skips[level]), 1)
            x = self.decoders[level](self.merges[level](x))
        return self.out(x)


def _dncnn(channels: int, layers: int) -> nn.Sequential:
    # No batch normalization: a sample's result must not depend on its batch.
    inner = [_conv_prelu(channels, channels) for _ in range(layers)]
    return nn.Sequential(_conv_prelu(2, channels), *inner, _conv(channels, 2))


BODIES = {
    "didn": (_DIDN, lambda blocks: 8),
    "unet": (_UNet, lambda poolings: 2**poolings),
    "dncnn": (_dncnn, lambda layers: 1),
}
