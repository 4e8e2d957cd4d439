"""The static explorer as HTML: plain controls over the images and numbers of a grid.

The markup shows its first state by itself; ``book/_static/explorer.js`` moves it on, and reveals
the controls. Numbers are written once, here, so that page and records cannot differ.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smugbook.explorers.static import sprites
from smugbook.explorers.static.grid import KINDS, VIEWS, Explorer
from smugbook.notebooks.run import IMAGES
from smugbook.paths import project_root
from smugbook.words.labels import METHOD_LABELS, SCENARIO_LABELS
from smugbook.words.markup import in_html
from smuglib import checks, files

if TYPE_CHECKING:
    from IPython.display import HTML

FOLDER = "_static/explorer"
"""Where pages find images, relative to their own folder."""

_KIND_LABELS = {"image": "Reconstruction", "error": "Error map"}


def show(explorer: Explorer, path: Path | str, **first: Any) -> HTML:  # noqa: ANN401
    """Return what a cell shows of the explorer that was read from ``path``, see `to_html`.

    Its metadata tell those who make a page of it which images to copy.
    """
    # Present wherever notebooks run, and not needed to import this module.
    from IPython.display import HTML

    root, found = project_root(), Path(path).resolve()
    folder = found.parent.relative_to(root) if found.is_relative_to(root) else found.parent
    # Two explorers on the pages of a sweep have images of the same names.
    place = f"{FOLDER}/{files.sha256(found)[:8]}"
    metadata = {IMAGES: {place: folder.as_posix()}}
    return HTML(to_html(explorer, folder=place, **first), metadata=metadata)


def to_html(
    explorer: Explorer, *, method: str, view: str, epsilon: int, rate: int, folder: str = FOLDER
) -> str:
    """Lay the explorer out as an HTML fragment; numbers and labels stand in it as JSON.

    ``method``, ``view`` and the positions of the sliders are what is shown first; ``folder`` is the
    address of the images, relative to the page.
    """
    grid = explorer.grid
    checks.one_of("method", method, grid.methods)
    checks.one_of("view", view, VIEWS)
    for name, value, size in (
        ("epsilon", epsilon, len(grid.epsilons) + 1),
        ("rate", rate, len(grid.sampling_rates)),
    ):
        if checks.integer(name, value, minimum=0) >= size:
            raise ValueError(f"{name} must be < {size}, got {value}")
    strength = 0.0 if view == "clean" or epsilon == 0 else grid.epsilons[epsilon - 1]
    column = grid.states.index(("clean" if strength == 0 else view, strength))
    data = content(explorer, folder)
    first = {"method": method, "view": view, "epsilon": epsilon, "rate": rate}
    psnr, ssim = data["scores"][method][rate][column]
    state = data["views"]["clean" if strength == 0 else view]
    state += f", ε = {data['epsilons'][epsilon]}" if strength else ""
    shown = f"{data['methods'][method]}, {data['rates'][rate]}, {state}: "
    shown += f"PSNR {psnr} dB, SSIM {ssim}"
    parts = [
        '<div class="explorer">',
        f'<script type="application/json">{json.dumps(data)}</script>',
        _form(data, first),
        _panels(explorer, data, method, rate, column, shown),
        _table(data, method, rate, column),
        "</div>",
    ]
    return "\n".join(parts)


def content(explorer: Explorer, folder: str = FOLDER) -> dict[str, Any]:
    """Return labels, addresses and numbers, as the script reads them.

    Labels are by name or by a slider's position, scores by method, rate and column of a sheet.
    """
    grid = explorer.grid
    return {
        "methods": {name: METHOD_LABELS[name] for name in grid.methods},
        "views": {name: SCENARIO_LABELS[name] for name in VIEWS},
        "kinds": _KIND_LABELS,
        "epsilons": ["0", *(f"{255 * epsilon:g}/255" for epsilon in grid.epsilons)],
        "rates": [f"{100 * rate:g} % ({1 / rate:.2g}x)" for rate in grid.sampling_rates],
        "sheets": {
            name: {kind: f"{folder}/{name}_{kind}.webp" for kind in KINDS} for name in grid.methods
        },
        "scores": {
            name: [
                [_scores(explorer, name, rate, state) for state in range(len(grid.states))]
                for rate in range(len(grid.sampling_rates))
            ]
            for name in grid.methods
        },
    }


def _scores(explorer: Explorer, method: str, rate: int, state: int) -> tuple[str, str]:
    row = explorer.row(method, rate, state)
    return f"{row['psnr']:.2f}", f"{row['ssim']:.3f}"


def _form(data: dict[str, Any], first: dict[str, Any]) -> str:
    radios = [
        _radios("method", "Method", data["methods"], first["method"]),
        _radios("view", "Input", data["views"], first["view"]),
    ]
    sliders = [
        _slider("epsilon", "Perturbation ε", data["epsilons"], first["epsilon"]),
        _slider("rate", "Sampling rate", data["rates"], first["rate"]),
    ]
    # Browsers that restore a form's state on reload would do so after the script has run.
    opened = '<form hidden autocomplete="off" aria-label="What the explorer shows">'
    return "\n".join([opened, *radios, *sliders, "</form>"])


def _radios(name: str, legend: str, labels: dict[str, str], chosen: str) -> str:
    buttons = [
        f'<label><input type="radio" name="{name}" value="{value}"'
        f"{' checked' if value == chosen else ''}> {in_html(label)}</label>"
        for value, label in labels.items()
    ]
    return f"<fieldset><legend>{legend}</legend>{' '.join(buttons)}</fieldset>"


def _slider(name: str, label: str, stops: list[str], position: int) -> str:
    key = f"explorer-{name}"
    return (
        f'<div class="slider"><label for="{key}">{label}</label>'
        f'<output for="{key}">{in_html(stops[position])}</output>'
        f'<input type="range" id="{key}" name="{name}" min="0" max="{len(stops) - 1}" step="1"'
        f' value="{position}" aria-valuetext="{in_html(stops[position])}"></div>'
    )


def _panels(
    explorer: Explorer, data: dict[str, Any], method: str, rate: int, column: int, shown: str
) -> str:
    grid = explorer.grid
    folder = data["sheets"][method]["image"].rsplit("/", 1)[0]
    place = {"columns": len(grid.states), "rows": len(grid.sampling_rates)}
    place |= {"column": column, "row": rate}
    height, width = explorer.sheets["target"].shape
    peak = f"{100 * grid.error_limit:g} %"
    ends = f"<span>0</span><span>≥ {peak} of max |t|</span>"
    colours = ", ".join(
        f"rgb{tuple(map(int, sprites.COLOURS[level]))}" for level in range(0, 256, 15)
    )
    scale = f'<div class="scale" style="background: linear-gradient(to right, {colours})"></div>'

    def panel(file: str, label: str, place: dict[str, int], kind: str = "") -> str:
        style = "; ".join(f"--{key}: {value}" for key, value in place.items())
        return (
            f'<div class="panel" role="img" aria-label="{in_html(label)}"{kind} style="{style}; '
            f"aspect-ratio: {width} / {height}; background-image: url('{file}')\"></div>"
        )

    alone = {"columns": 1, "rows": 1, "column": 0, "row": 0}
    figures = [
        panel(f"{folder}/target.webp", "Fully sampled target", alone)
        + "<figcaption>Target t</figcaption>"
    ]
    for kind, caption in (("image", "Reconstruction x"), ("error", "Error |x − t|")):
        label = f"{data['kinds'][kind]} of {data['methods'][method]}"
        drawn = panel(data["sheets"][method][kind], label, place, f' data-kind="{kind}"')
        bar = f'{scale}<div class="ends">{ends}</div>' if kind == "error" else ""
        figures.append(f"{drawn}<figcaption>{caption}{bar}</figcaption>")
    drawn = f"<figure>{'</figure><figure>'.join(figures)}</figure>"
    return f'<div class="panels">{drawn}<p role="status">{in_html(shown)}</p></div>'


def _table(data: dict[str, Any], method: str, rate: int, column: int) -> str:
    lines = []
    for name, label in data["methods"].items():
        psnr, ssim = data["scores"][name][rate][column]
        current = ' aria-current="true"' if name == method else ""
        lines.append(
            f'<tr data-method="{name}"{current}><th scope="row">{in_html(label)}</th>'
            f'<td data-score="psnr">{psnr}</td><td data-score="ssim">{ssim}</td></tr>'
        )
    return (
        "<table><caption>All methods at this setting; the one drawn above is marked.</caption>"
        '<thead><tr><th scope="col">Method</th><th scope="col">PSNR (dB)</th>'
        f'<th scope="col">SSIM</th></tr></thead><tbody>{"".join(lines)}</tbody></table>'
    )
