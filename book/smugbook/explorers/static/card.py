"""The picture that stands for the book where a link to it is shown: what an attack does."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from smugbook.explorers.static.grid import Explorer
from smugbook.explorers.static.sprites import Sheet
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smuglib.files import replacing

SIZE = (1200, 630)
"""Width and height in pixels, as services that show links expect them."""

_DOTS = 100

_BEHIND, _TEXT = "#14181c", "#ffffff"

_TITLE = "SMUG: robust MRI reconstruction\nby smoothed unrolling"


def draw(explorer: Explorer, *, sampling_rate: float = 0.25, epsilon: float = 1 / 255) -> Figure:
    """Draw the target, MoDL without and with the attack, and SMUG with it, and their PSNR."""
    grid = explorer.grid
    rate, strength = grid.nearest(sampling_rate, epsilon)
    attack = grid.states.index(("adaptive_image", grid.epsilons[strength]))
    figure = Figure(figsize=(SIZE[0] / _DOTS, SIZE[1] / _DOTS), dpi=_DOTS, facecolor=_BEHIND)
    figure.text(0.04, 0.93, _TITLE, color=_TEXT, fontsize=30, fontweight="bold", va="top")
    note = (
        f"An executable paper. The same scan each time: {100 * grid.sampling_rates[rate]:g} % of "
        f"k-space, attacked with ε = {255 * grid.epsilons[strength]:g}/255."
    )
    figure.text(0.04, 0.07, note, color=_TEXT, fontsize=16, va="center")
    axes = figure.subplots(1, 4, gridspec_kw={"left": 0.04, "right": 0.96, "wspace": 0.06})
    _panel(axes[0], explorer.sheets["target"], "target", "")
    for ax, (method, state) in zip(
        axes[1:], (("modl", 0), ("modl", attack), ("smug", attack)), strict=True
    ):
        row = explorer.row(method, rate, state)
        title = f"{METHOD_LABELS[method]}, {SCENARIO_LABELS[grid.states[state][0]]}"
        image = explorer.cell(method, "image", rate, state)
        _panel(ax, image, title, f"{row['psnr']:.1f} dB")
    return figure


def _panel(ax: Axes, image: Sheet, title: str, note: str) -> None:
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(title, color=_TEXT, fontsize=15)
    ax.set_axis_off()
    ax.text(0.5, -0.1, note, color=_TEXT, fontsize=18, ha="center", transform=ax.transAxes)


def write_card(explorer: Explorer, path: Path | str) -> None:
    """Write the picture as a PNG file, whole or not at all."""
    with replacing(path) as temporary:
        draw(explorer).savefig(temporary, format="png", facecolor=_BEHIND)
