"""Figures: panels, labels and scales; nothing is left in pyplot for a notebook to show twice."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from smugbook import figures
from smugbook.words import labels
from smuglib import random
from smuglib.methods import METHODS
from smuglib.smoothing import PLACEMENTS

LOG = pd.DataFrame({"update": [1, 2], "loss": [1.0, 0.1], "validation_psnr": [20.0, 30.0]})


@pytest.fixture
def image():
    like = torch.zeros(1, dtype=torch.complex64)
    return random.complex_normal((1, 16, 16), 1.0, random.generator(0, "image"), like)


def test_every_method_and_placement_has_a_name_and_a_line_of_its_own():
    assert METHODS.keys() <= labels.METHOD_LABELS.keys()
    assert set(PLACEMENTS) == labels.PLACEMENT_LABELS.keys()
    styles = [figures.method_style(method) for method in labels.METHOD_LABELS]
    for key in ("label", "color", "marker"):
        assert len({style[key] for style in styles}) == len(styles)


def test_comparison_scales_its_panels_and_names_units(image):
    figure = figures.comparison({"a": 0.9 * image, "b": 0.5 * image}, image, notes=["20 dB"])
    panels = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in panels[:3]] == ["Ground truth", "a", "b"]
    peak = image.abs().max().item()
    assert all(ax.images[0].get_clim() == pytest.approx((0, peak)) for ax in panels[:3])
    assert "error |x − t|" in [ax.get_ylabel() for ax in figure.axes]
    assert not plt.get_fignums()


def test_kspace_is_drawn_on_a_log_scale_below_its_maximum(image):
    _, ax = figures.new()
    figures.show_kspace(ax, image[0], decades=3)
    values = ax.images[0].get_array()
    assert values.max() == 0
    assert values.min() >= -3


def test_lines_and_training_curves_label_their_axes(image):
    figure = figures.training_curves({"smug": LOG, "pre-training": LOG})
    assert [ax.get_xlabel() for ax in figure.axes] == ["update", "update"]
    assert "dB" in figure.axes[1].get_ylabel()
    table = pd.DataFrame({"method": ["smug", "modl"] * 2, "x": [1, 1, 0, 0], "y": [3.0, 2, 1, 0]})
    _, ax = figures.new()
    table = table.assign(low=table.y - 1, high=table.y + 1)
    figures.method_lines(ax, table, "x", "y", low="low", high="high")
    assert [line.get_label() for line in ax.lines] == ["MoDL", "SMUG"]
    assert list(ax.lines[0].get_xdata()) == [0, 1]
    assert len(ax.collections) == 2


def test_differences_show_every_scenario_and_the_printed_numbers():
    rows = [
        {"method": method, "scenario": scenario, "training_sigma": 0.05, "difference": value}
        for method, value in (("modl", 0.0), ("smug", 1.5))
        for scenario in ("transfer", "clean")
    ]
    table = pd.DataFrame(rows).assign(
        low=lambda t: t.difference - 1, high=lambda t: t.difference + 1
    )
    printed = pd.DataFrame({"clean": {"smug": -0.34}})
    both = pd.concat([table, table.assign(training_sigma=0.01)])
    figure = figures.draw_differences(both, [0.05, 0.01], printed=printed, printed_sigma=0.01)
    ax, other = figure.axes
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["clean", "transfer attack"]
    assert "dB" in ax.get_xlabel()
    drawn = {line.get_marker(): list(line.get_xdata()) for line in ax.lines}
    assert drawn["D"] == [1.5, 1.5]
    ticks = [x for line in other.lines if line.get_markersize() == 14 for x in line.get_xdata()]
    assert -0.34 in ticks and all(line.get_markersize() != 14 for line in ax.lines)
    (legend,) = figure.legends
    named = [text.get_text() for text in legend.get_texts()]
    assert named == ["SMUG", "as the poster prints it (σ = 0.01)"]
    (legend,) = figures.draw_differences(both, [0.05], printed=printed, printed_sigma=0.01).legends
    assert len(legend.get_texts()) == 1


def test_gallery_shares_one_grey_scale(image):
    figure = figures.gallery({"a": image, "b": 2 * image})
    tops = [ax.images[0].get_clim()[1] for ax in figure.axes if ax.images]
    assert tops == pytest.approx([2 * image.abs().max().item()] * len(tops))


def test_a_swept_axis_has_its_values_and_the_training_s_own():
    _, ax = figures.new()
    ax.plot([1, 20], [0, 1])
    figures.swept_axis(ax, [1, 2, 20], ["1", "2", "20"], log=True, trained=10)
    assert ax.get_xscale() == "log"
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["1", "2", "20"]
    assert ax.get_xticks(minor=True).size == 0
    assert list(ax.lines[-1].get_xdata()) == [10, 10]
    _, plain = figures.new()
    figures.swept_axis(plain, [0.25], ["0.25"])
    assert plain.get_xscale() == "linear" and not plain.lines


def test_images_can_be_lightened_outlined_and_ringed(image):
    figure = figures.gallery(
        {"a": image, "b": image}, n_columns=1, exponent=0.5, object_=image, label="fraction"
    )
    panels = [ax for ax in figure.axes if ax.images]
    assert len(panels) == 2 and all(ax.collections for ax in panels)
    assert "fraction" in [ax.get_ylabel() for ax in figure.axes]
    drawn = panels[0].images[0]
    peak = image.abs().max().item()
    assert drawn.norm(0.25 * peak) == pytest.approx(0.5)
    _, ax = figures.new()
    window = figures.show_image(ax, image, floor=0.5, peak=2.0)
    assert window.get_clim() == (0.5, 2.0)
    assert window.norm(1.25) == pytest.approx(0.5)
    figures.ring(ax, 3, 5, radius=4)
    (ring,) = ax.patches
    assert ring.center == (3, 5) and ring.radius == 4


def test_many_panels_share_a_width_and_keep_their_pixels(image):
    few, many = (figures.comparison(dict.fromkeys("abcdefg"[:n], image), image) for n in (2, 7))
    widths = [figure.get_figwidth() for figure in (few, many)]
    assert widths == pytest.approx([6.3, 8.0])
    panel = [
        figure.dpi * width / n for figure, width, n in zip((few, many), widths, (3, 8), strict=True)
    ]
    assert panel[0] == pytest.approx(panel[1])
