"""Numbers as a page writes them: minus signs, unbroken units, nothing below the last digit."""

import math

NO_BREAK = "\u00a0"


def number(value: float, digits: int = 2) -> str:
    """Write a number: ``"−2.68"``, ``"0.00"`` without a sign, ``"∞"``, and a dash for NaN."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text.replace("-", "−")


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign: ``"+0.53"``; what rounds to zero has none."""
    text = number(value, digits)
    return f"+{text}" if round(value, digits) > 0 else text


def percent(value: float, digits: int = 0) -> str:
    """Write a fraction as a percentage: ``"25 %"``, whose space does not break."""
    return f"{number(100 * value, digits)}{NO_BREAK}%"


def power(value: float, digits: int = 1) -> str:
    """Write a finite number of any size in powers of ten: ``"4.2 × 10²³"``, ``"0"`` for zero."""
    if value == 0:
        return "0"
    mantissa, exponent = f"{value:.{digits}e}".replace("-", "−").split("e")
    raised = (exponent[0] if exponent[0] == "−" else "") + exponent[1:].lstrip("0")
    if raised in ("", "−"):
        return mantissa
    superscript = raised.translate(str.maketrans("−0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{superscript}".replace(" ", NO_BREAK)


def strength(epsilon: float, domain: str = "image") -> str:
    """Write the strength of a perturbation: ``"0.5/255"``, or in k-space ``"2 % of ‖y‖₂"``."""
    if domain == "kspace":
        return f"{100 * epsilon:.3g} % of ‖y‖₂".replace(" ", NO_BREAK)
    multiple = 255 * epsilon
    tidy = abs(multiple - round(multiple, 1)) < 1e-6
    return f"{multiple:.4g}/255" if tidy else f"{epsilon:.4g}"
