"""Numbers of pages have minus signs and units; nothing is lost but digits."""

import math

import pytest

from smugbook.words.numbers import NO_BREAK, number, percent, power, signed, strength


@pytest.mark.parametrize(
    ("value", "text"),
    [(-2.675, "−2.67"), (0.004, "0.00"), (-0.004, "0.00"), (3, "3.00"), (math.nan, "–")]
    + [(math.inf, "∞"), (-math.inf, "−∞")],
)
def test_numbers(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(4.2e23, "4.2 × 10²³"), (2e-24, "2.0 × 10⁻²⁴"), (5.0, "5.0"), (-30.0, "−3.0 × 10¹"), (0, "0")],
)
def test_powers(value, text):
    assert power(value) == text.replace(" ", NO_BREAK)


def test_percentages():
    assert percent(0.25) == f"25{NO_BREAK}%"
    assert percent(-0.0118, 2) == f"−1.18{NO_BREAK}%"


@pytest.mark.parametrize(
    ("epsilon", "domain", "text"),
    [(1 / 255, "image", "1/255"), (0.5 / 255, "image", "0.5/255"), (0.008, "image", "0.008")]
    + [(0.02, "kspace", "2 % of ‖y‖₂"), (0.005, "kspace", "0.5 % of ‖y‖₂")],
)
def test_strengths(epsilon, domain, text):
    assert strength(epsilon, domain) == text.replace(" ", NO_BREAK)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.5, 2, "+0.50"), (-0.5, 2, "−0.50"), (0.1234, 3, "+0.123"), (math.nan, 2, "–")]
    + [(0.004, 2, "0.00"), (-0.004, 2, "0.00")],
)
def test_signs_are_written_where_there_is_one(value, digits, text):
    assert signed(value, digits) == text
