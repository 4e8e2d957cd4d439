"""The live explorers without a browser: controls moved in Python, pictures and words read."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from smugbook import profiles
from smugbook.explorers.live import ForwardExplorer, RobustnessExplorer, forward, robustness
from smugbook.explorers.live.forward_engine import ForwardEngine, ForwardRequest
from smugbook.explorers.live.robustness_engine import RELATIVE, Request, RobustnessEngine
from smugbook.pages import assembly
from tests.smugbook.explorers.test_engines import TINY, untrained


class Pictures(HTMLParser):
    """Images of a page by their alternative text, as arrays."""

    def __init__(self, page):
        super().__init__()
        self.images = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            found = dict(attrs)
            file = base64.b64decode(found["src"].split(",")[1])
            self.images[found["alt"]] = np.asarray(Image.open(io.BytesIO(file)))


def shown(explorer):
    assert explorer.wait(60)
    return Pictures(explorer.pictures.value).images


def said(explorer):
    assert explorer.wait(60)
    return re.sub("<[^>]*>", "", explorer.message.value)


@pytest.fixture
def explorer(tmp_path):
    engine = RobustnessEngine(untrained(tmp_path), TINY)
    return RobustnessExplorer(engine, Request("smug", n_samples=3))


@pytest.fixture
def masks():
    return ForwardExplorer(ForwardEngine(TINY), ForwardRequest(sampling_rate=0.375))


def test_every_control_changes_the_picture_and_its_words(explorer):
    explorer.controls["view"].value = "attack"
    explorer.controls["attack_steps"].value = 2
    explorer.controls["attack"].value = "adaptive_image"
    moves = {
        "epsilon": 3.0,
        "sampling_rate": 50.0,
        "index": 1,
        "n_steps": 4,
        "n_samples": 2,
        "attack_steps": 3,
        "attack": "adaptive_kspace_l2",
        "strength": 4.0,
        "method": "modl",
        "view": "noise",
    }
    pictures = [shown(explorer)]
    for name, value in moves.items():
        assert not explorer.controls[name].disabled, name
        explorer.controls[name].value = value
        pictures.append(shown(explorer))
        assert said(explorer) == ""
        assert pictures[-1].keys() != pictures[-2].keys() or any(
            not np.array_equal(pictures[-1][key], pictures[-2][key]) for key in pictures[-1]
        ), name
    text = re.sub("<[^>]*>", " ", explorer.pictures.value)
    assert "MoDL, random noise, ε = 3/255, 50\u00a0% of the columns, σ = 0.05, 4 steps" in text
    assert "PSNR" in text and "SSIM" in text and "0.1 max |t|" in text
    assert "16 of 32 columns" in text and re.search(r"perturbation × \d+", text)


def test_the_pictures_are_those_of_the_result(explorer):
    images = shown(explorer)
    result = explorer.result
    peak = result.target.abs().max()
    expected = (result.reconstruction.abs() / peak * 255).clamp(0, 255)
    assert np.abs(images["magnitude, SMUG"] - expected.numpy()).max() <= 0.5 + 1e-3
    mask = images["sampled columns of k-space, white"]
    assert np.array_equal(mask > 0, np.broadcast_to(result.mask.numpy(), mask.shape))


def test_controls_that_would_change_nothing_are_disabled(explorer):
    explorer.wait(60)
    enabled = {
        ("smug", "clean"): {"sigma", "n_steps", "n_samples"},
        ("modl", "noise"): {"sigma", "n_steps", "epsilon"},
        ("zero_filled", "attack"): {"attack", "attack_steps", "epsilon"},
    }
    always = {"method", "view", "sampling_rate", "index"}
    for (method, view), expected in enabled.items():
        explorer.controls["method"].value = method
        explorer.controls["view"].value = view
        found = {name for name, control in explorer.controls.items() if not control.disabled}
        assert found == expected | always
    explorer.controls["attack"].value = RELATIVE
    assert explorer.controls["epsilon"].disabled and not explorer.controls["strength"].disabled


def test_an_impossible_setting_is_told_and_the_next_is_answered(explorer):
    before = shown(explorer)
    explorer.controls["sampling_rate"].value = 5.0
    assert "center_fraction 0.08 asks for 3 ACS columns" in said(explorer)
    assert 'role="alert"' in explorer.message.value
    assert shown(explorer).keys() == before.keys()
    explorer.controls["sampling_rate"].value = 40.0
    assert said(explorer) == "" and explorer.result.request.sampling_rate == 0.4


def test_a_method_without_weights_is_told(explorer):
    explorer.controls["method"].value = "rs_e2e"
    assert "FileNotFoundError" in said(explorer) and "rs_e2e_s0.05" in said(explorer)


def test_an_attack_shows_its_steps_and_can_be_cancelled(explorer):
    explorer.wait(60)
    seen = []
    explorer.progress.observe(lambda change: seen.append(change["new"]), names="value")
    explorer.controls["attack_steps"].value = 2
    explorer.controls["view"].value = "attack"
    assert said(explorer) == "" and seen[-1] == explorer.progress.max == 3
    assert explorer.cancel.disabled

    before = explorer.pictures.value
    explorer.controls["attack_steps"].value = 50
    assert not explorer.cancel.disabled
    explorer.cancel.click()
    assert said(explorer).startswith("cancelled") and explorer.pictures.value == before


def test_a_dragged_slider_leaves_the_last_picture(explorer):
    for percent in range(20, 60):
        explorer.controls["sampling_rate"].value = float(percent)
    assert said(explorer) == ""
    assert explorer.result.request.sampling_rate == 0.59


def test_a_page_without_a_kernel_shows_the_pictures(explorer):
    explorer.controls["index"].value = 2
    bundle = explorer._repr_mimebundle_(include=None, exclude=None)
    assert assembly.WIDGET_VIEW in bundle
    still = bundle["text/html"]
    assert "make lab" in still and explorer.pictures.value in still
    assert explorer.result.request.index == 2 and explorer.result.n_samples == 3


def test_the_forward_explorer_follows_its_controls(masks):
    first = shown(masks)
    assert said(masks) == ""
    assert "point-spread" in masks.pictures.value and "condition number" in masks.pictures.value
    for name, value in {"density": "uniform", "coil": 1, "center_fraction": 25.0}.items():
        masks.controls[name].value = value
        other = shown(masks)
        assert any(
            key not in first or not np.array_equal(other[key], first[key]) for key in other
        ), name
        first = other
    masks.controls["center_fraction"].value = 80.0
    assert "center_fraction 0.8 asks for 26" in said(masks)


def test_explorers_start_where_they_are_told():
    smoke = profiles.get("smoke")
    made = robustness(profile="smoke", method="tv", view="noise", epsilon=0.5 / 255, index=3)
    assert shown(made) and made.result.request == Request(
        "tv", "noise", 0.5 / 255, smoke.sampling_rate, 3
    )
    made = forward(profile="smoke", sampling_rate=0.1875, coil=2)
    assert shown(made) and made.result.request.sampling_rate == 0.1875
    with pytest.raises(ValueError, match="index must be a value of its slider, got 9"):
        robustness(profile="smoke", method="tv", index=9)
    with pytest.raises(ValueError, match="coil must be a value of its slider, got 4"):
        forward(profile="smoke", coil=4)
    with pytest.raises(TypeError, match="slices"):
        robustness(profile="smoke", slices=2)
