"""The explorer shows what was computed: images, records and page agree, and so do shipped files."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from PIL import Image

from smugbook import profiles, results
from smugbook.explorers.static import card, grid, page, sprites
from smugbook.explorers.static.grid import Grid
from smugbook.pages import assembly
from smugbook.results import Store
from smugbook.results.recheck import TOLERANCE_PSNR, recheck, score_recomputer
from smuglib.evaluation import scores, table_scenarios
from smuglib.evaluation.trial import reconstruct
from smuglib.methods import METHODS
from smuglib.metrics import psnr
from smuglib.random import generator
from tests.explorers import GRID, TINY, tiny, untrained

MEGABYTE = 2**20
HALF = sprites.STEP / 2
SHIPPED = Store.open("default")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explorer")


@pytest.fixture(scope="module")
def computed(folder):
    return tiny(folder)


def test_a_cell_is_the_reconstruction_of_its_record(folder, computed):
    scan = results.scan_of(TINY, 1, 0.5)
    (attack,) = (s for s in table_scenarios(8 / 255) if s.name == "adaptive_image")
    attack = replace(attack, precision="bfloat16")
    _, x = reconstruct(untrained(folder).load("modl", 0.05), scan, attack, seed=3)
    row = computed.row("modl", 1, GRID.states.index(("adaptive_image", 8 / 255)))
    assert row["psnr"] == psnr(x, scan.target).item()
    assert row["attack_precision"] == "bfloat16" and row["sampling_rate"] == 0.5
    peak = scan.target.abs().max().item()
    for kind, values, limit in (("image", x, peak), ("error", x - scan.target, 0.1 * peak)):
        expected = np.clip(values[0].abs().numpy() / limit, 0, 1) * 255
        found = computed.cell("modl", kind, 1, 4)
        # Half a step for the rounding, and what float32 adds to it.
        assert np.abs(found - expected).max() < HALF + 0.001
    target = scan.target[0].abs().numpy() / peak * 255
    assert np.abs(computed.sheets["target"] - target).max() < HALF + 0.001


def test_every_combination_has_one_record_and_no_two_cells_are_alike(computed):
    cells = {
        computed.cell(method, "error", rate, state).tobytes()
        for method in GRID.methods
        for rate in range(2)
        for state in range(5)
    }
    assert len(cells) == len(computed.frame) == 20


def test_what_is_written_is_read_again(computed, tmp_path):
    path = tmp_path / "explorer.csv"
    grid.write_explorer(computed, path, {"profile": "tiny"})
    found = grid.read_explorer(path)
    assert found.grid == GRID
    assert found.sheets.keys() == computed.sheets.keys()
    assert all(np.array_equal(found.sheets[name], computed.sheets[name]) for name in found.sheets)
    assert found.frame.equals(computed.frame)


def test_an_image_of_another_computation_is_refused(computed, tmp_path):
    path = tmp_path / "explorer.csv"
    grid.write_explorer(computed, path, {})
    image = tmp_path / "modl_image.webp"
    sprites.write_sheet(image, 255 - computed.sheets["modl_image"], coloured=False)
    with pytest.raises(
        ValueError, match=r"modl_image.webp cannot be read: .* not the image written"
    ):
        grid.read_explorer(path)


@pytest.mark.parametrize("coloured", [False, True])
def test_all_levels_survive_a_file(tmp_path, coloured):
    sheet = np.arange(256, dtype=np.uint8).reshape(8, 32)
    sprites.write_sheet(tmp_path / "a.webp", sheet, coloured=coloured)
    assert np.array_equal(sprites.read_sheet(tmp_path / "a.webp", coloured=coloured), sheet)


def test_foreign_colours_are_refused(tmp_path):
    sprites.write_sheet(tmp_path / "a.webp", np.full((4, 4), 90, np.uint8), coloured=False)
    with pytest.raises(ValueError, match="other colours"):
        sprites.read_sheet(tmp_path / "a.webp", coloured=True)


def test_levels_end_at_their_limit():
    values = np.array([0.0, 0.05, 0.1, 7.0])
    assert sprites.levels(values, 0.1).tolist() == [0, 126, 255, 255]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epsilons": ()}, "epsilons must not be empty"),
        ({"epsilons": (0.02, 0.01)}, "epsilons must ascend"),
        ({"epsilons": (0.0, 0.01)}, "epsilons must be > 0, got 0.0"),
        ({"sampling_rates": (0.5, 1.5)}, "sampling_rates must lie in"),
        ({"methods": ("modl", "magic")}, "methods must be one of .*got 'magic'"),
        ({"error_limit": 0.0}, "error_limit must be > 0"),
    ],
)
def test_an_impossible_grid_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Grid(**change)


def data_of(html):
    return json.loads(re.search(r"<script[^>]*>(.*?)</script>", html)[1])


def test_the_page_holds_the_numbers_of_the_records(computed):
    html = page.to_html(computed, method="modl", view="noise", epsilon=2, rate=1)
    data = data_of(html)
    for method in GRID.methods:
        for rate in range(2):
            for state in range(5):
                row = computed.row(method, rate, state)
                expected = [f"{row['psnr']:.2f}", f"{row['ssim']:.3f}"]
                assert data["scores"][method][rate][state] == expected
    # Without the script the page shows this state: column 2 is the noise of the second strength.
    assert "--column: 2; --row: 1" in html
    assert f"PSNR {computed.row('modl', 1, 2)['psnr']:.2f} dB" in html


@pytest.mark.parametrize(
    "wrong", [{"method": "smug"}, {"view": "transfer"}, {"epsilon": 3}, {"rate": 2}, {"rate": -1}]
)
def test_a_state_outside_the_grid_is_refused(computed, wrong):
    first = {"method": "modl", "view": "clean", "epsilon": 0, "rate": 0}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        page.to_html(computed, **{**first, **wrong})


def test_an_output_tells_which_images_its_page_needs(computed, tmp_path):
    path = tmp_path / "explorer.csv"
    grid.write_explorer(computed, path, {})
    first = {"method": "modl", "view": "clean", "epsilon": 0, "rate": 0}
    html, metadata = page.show(computed, path, **first)._repr_html_()
    output = {"metadata": {"text/html": metadata}}
    assembly.copy_images({"cells": [{"outputs": [output]}]}, tmp_path, tmp_path / "page")
    shown = set(re.findall(r"url\('(.*?)'\)", html))
    shown |= {name for pair in data_of(html)["sheets"].values() for name in pair.values()}
    assert len(shown) == 5
    for name in shown:
        copied = tmp_path / "page" / name
        assert copied.read_bytes() == (tmp_path / copied.name).read_bytes()
    for image in tmp_path.glob("*.webp"):
        image.unlink()
    with pytest.raises(FileNotFoundError, match="no images in"):
        assembly.copy_images({"cells": [{"outputs": [output]}]}, tmp_path, tmp_path / "page")


def test_the_card_shows_images_and_numbers_of_the_records(computed, tmp_path):
    # The zero-filled images stand for those of SMUG, which this small explorer lacks.
    alias = {"zero_filled": "smug"}
    shown = replace(
        computed,
        grid=replace(GRID, methods=("smug", "modl")),
        frame=computed.frame.replace({"method": alias}),
        sheets={k.replace("zero_filled", "smug"): v for k, v in computed.sheets.items()},
    )
    figure = card.draw(shown, sampling_rate=0.45, epsilon=9 / 255)
    expected = [("modl", 0), ("modl", 4), ("smug", 4)]
    for ax, (method, state) in zip(figure.axes[1:], expected, strict=True):
        image = shown.cell(method, "image", 1, state)
        assert np.array_equal(ax.images[0].get_array(), image)
        assert ax.texts[0].get_text() == f"{shown.row(method, 1, state)['psnr']:.1f} dB"
    card.write_card(shown, tmp_path / "card.png")
    with Image.open(tmp_path / "card.png") as drawn:
        assert drawn.size == card.SIZE
    with pytest.raises(ValueError, match="0 records of smug"):
        card.draw(computed)


@pytest.fixture(scope="module")
def shipped():
    return grid.read_explorer(SHIPPED.explorer(0.05))


def test_the_shipped_explorer_is_of_the_shipped_weights_and_small(shipped):
    assert shipped.grid == Grid()
    for method, rows in shipped.frame.groupby("method"):
        expected = results.weights_hash(SHIPPED, str(method), 0.05)
        assert set(rows["weights_sha256"]) == {expected}
    files = list(SHIPPED.explorer(0.05).parent.iterdir())
    assert sum(path.stat().st_size for path in files) < 4 * MEGABYTE


def test_shipped_numbers_are_those_of_the_shipped_records(shipped):
    """Slice 0 at the poster's settings was evaluated for Table 1, too."""
    rate, strength = shipped.grid.nearest(0.25, 1 / 255)
    attacked = shipped.grid.states.index(("adaptive_image", shipped.grid.epsilons[strength]))
    for method, state in product(METHODS, (0, attacked)):
        row = shipped.row(method, rate, state)
        table = scores.read(SHIPPED.records(method, 0.05))
        same = table[
            (table["method"] == method)
            & (table["scenario"] == row["scenario"])
            & np.isclose(table["epsilon"], row["epsilon"])
            & (table["slice"] == row["slice"])
            & (table["attack_precision"] == row["attack_precision"])
        ]
        assert len(same) == 1
        assert row["psnr"] == pytest.approx(same["psnr"].item(), abs=TOLERANCE_PSNR)


def test_shipped_combinations_are_computed_again(shipped):
    chosen = [("zero_filled", 0, 8), ("modl", 4, 3), ("smug", 1, 0)]
    frame = shipped.frame.loc[[shipped.row(*place).name for place in chosen]]
    settings = profiles.get("default")
    recheck(frame, score_recomputer(SHIPPED, settings), n_drawn=3, generator=generator(0))
    method, rate, state = chosen[1]
    scan = results.scan_of(settings, 0, shipped.grid.sampling_rates[rate])
    scenario = grid.state_scenario(*shipped.grid.states[state])
    _, x = reconstruct(SHIPPED.load(method, 0.05), scan, scenario)
    expected = (x[0].abs() / scan.target.abs().max()).clamp(max=1).numpy() * 255
    # Another processor sums in another order: a level more than the rounding is far above that.
    assert np.abs(shipped.cell(method, "image", rate, state) - expected).max() < HALF + 1
