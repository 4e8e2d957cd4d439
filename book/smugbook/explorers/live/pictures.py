"""Pictures of an explorer's answers, as HTML that needs no other file: bytes from arrays.

matplotlib draws figures of the book; a slider wants its picture in milliseconds, from a thread
beside others. Images are PNG files inside the page, lines are SVG in the colour of the text.
"""

import base64
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from PIL import Image
from torch import Tensor

from smugbook.words.markup import in_html

Pixels = np.ndarray[Any, np.dtype[np.uint8]]

PANEL = "12em"
"""Width of an image."""

AS_IT_IS = 'class="dark-light"'
"""Keeps the book's dark theme from dimming an image, whose levels mean something."""

_COLOURS: Pixels = np.round(matplotlib.colormaps["inferno"](np.arange(256))[:, :3] * 255).astype(
    np.uint8
)


def grey_pixels(values: Tensor, peak: float) -> Pixels:
    """Return magnitudes as grey levels."""
    levels: Pixels = (values.abs() / peak * 255).round().clamp(0, 255).byte().numpy()
    return levels


def error_pixels(values: Tensor, limit: float) -> Pixels:
    """Return magnitudes in the colours of `smugbook.figures.images.show_error`."""
    return _COLOURS[grey_pixels(values, limit)]


def log_pixels(kspace: Tensor, peak: float, decades: float = 4.0) -> Pixels:
    """Return the logarithm of magnitudes as grey levels."""
    relative = (kspace.abs() / peak).clamp_min(10.0**-decades)
    return grey_pixels((relative.log10() / decades + 1).clamp(0, 1), 1.0)


def mask_pixels(mask: Tensor, height: int) -> Pixels:
    """Return a mask of columns as it lies in k-space, sampled columns white."""
    return grey_pixels(mask.float().expand(height, -1), 1.0)


def magnification(largest: float, peak: float) -> int:
    """Return the largest of 1, 2, 5, 10, ... that keeps a magnitude within the grey scale."""
    room = max(peak / largest, 1.0)
    power = 10 ** math.floor(math.log10(room))
    return max(factor * power for factor in (1, 2, 5) if factor * power <= room)


def panel(title: str, pixels: Pixels, *, alt: str, note: str = "") -> str:
    """Return an image with its title and a note, as HTML."""
    image = (
        f'<img {AS_IT_IS} src="{_png(pixels)}" alt="{in_html(alt)}" '
        f'style="display:block;width:{PANEL};image-rendering:pixelated">'
    )
    return _figure(title, image, note)


def scale(low: str, high: str, *, colour: bool = False) -> str:
    """Return a labelled colour bar, as HTML."""
    levels = np.arange(256, dtype=np.uint8)[None]
    source = _png(_COLOURS[levels] if colour else levels)
    bar = f'<img {AS_IT_IS} src="{source}" alt="scale of levels" '
    bar += 'style="width:6em;height:.8em;margin:0 .5em;vertical-align:middle">'
    return f"<span>{in_html(low)}{bar}{in_html(high)}</span>"


def row(*parts: str) -> str:
    """Return parts side by side, in as many lines as the page's width asks for."""
    style = "display:flex;flex-wrap:wrap;gap:.8em;align-items:flex-start"
    style += ";margin:.5em 0;line-height:1.4"
    return f'<div style="{style}">{"".join(parts)}</div>'


def curves(
    title: str,
    x: Sequence[float],
    lines: Mapping[str, Tensor],
    *,
    decades: float,
    x_label: str,
    alt: str,
) -> str:
    """Return lines over a logarithmic axis that ends at 1, as HTML."""
    strokes = ('stroke-width="1" stroke-dasharray="3 2"', 'stroke-width="1.8"')
    drawn = []
    for number, (name, values) in enumerate(lines.items()):
        heights = 10 - 40 * values.clamp_min(10.0**-decades).log10()
        points = " ".join(
            f"{40 + 300 * (at - x[0]) / (x[-1] - x[0]):.1f},{height:.1f}"
            for at, height in zip(x, heights.tolist(), strict=True)
        )
        line = f'fill="none" stroke="currentColor" {strokes[number]}'
        drawn.append(f'<polyline points="{points}" {line}/>')
        key = 10 + 40 * decades + 42 + 14 * number
        drawn.append(f'<path d="M40 {key - 4}h24" {line}/>{_text(70, key, name)}')
    return _figure(title, _axes("".join(drawn), x, decades, x_label, alt), "")


def _axes(drawn: str, x: Sequence[float], decades: float, x_label: str, alt: str) -> str:
    bottom = 10 + 40 * decades
    ticks = [
        f'<path d="M36 {10 + 40 * k}h304" stroke="currentColor" opacity=".25"/>'
        + _text(32, 14 + 40 * k, f"1e-{k}" if k else "1", "end")
        for k in range(int(decades) + 1)
    ]
    labels = [_text(40, bottom + 13, f"{x[0]:g}"), _text(340, bottom + 13, f"{x[-1]:g}", "end")]
    labels.append(_text(190, bottom + 13, x_label, "middle"))
    return (
        f'<svg viewBox="0 0 350 {bottom + 62}" role="img" aria-label="{in_html(alt)}" '
        f'style="width:26em;max-width:100%">{"".join(ticks)}{"".join(labels)}{drawn}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x}" y="{y}" font-size="10" fill="currentColor" text-anchor="{anchor}">'
        f"{in_html(text)}</text>"
    )


def _figure(title: str, content: str, note: str) -> str:
    # No <figure>: a page's theme has its own margins and colours for those.
    below = f'<div style="white-space:pre-line">{in_html(note)}</div>'
    return f"<div><div><b>{in_html(title)}</b></div>{content}{below}</div>"


def _png(pixels: Pixels) -> str:
    """Return pixels as a PNG file in a ``data:`` address."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
