"""Departures of the published code in words: what tables and sentences call them."""

from collections import Counter
from collections.abc import Iterable

from smuglib import checks

LABELS = {
    "cut": "gradient cut",
    "around": "around the smoothing",
    "start_only": "noise in the start alone",
    "share_noise": "one noise for all steps",
    "target_units": "units of the target",
    "cg_coupled": "solver for a whole batch",
    "once": "one run, last iterate",
    "beyond": "beyond a measurement",
    "pretrained": "from scratch",
}
"""Departures that are there or not, in tables; `departure_label` has rules for the others."""

REFERENCES = {
    "target": "label",
    "denoised": "denoised target",
    "denoised_detached": "denoised target, no gradient",
}
"""References of the stability loss."""

PHRASES = {
    "cut": "the cut gradient",
    "around": "an attack around the smoothing",
    "start_only": "noise in the start alone",
    "mask": "the old mask in data consistency",
    "steps": "numbers of steps that are never run",
    "reference": "the reference of the stability loss",
    "pretrained": "a MoDL that was not pre-trained",
    "jitter": "jitter in the training",
    "share_noise": "one noise for all steps of SMUG",
    "target_units": "units of the target",
    "cg_coupled": "a solver for the whole batch",
    "seed": "the seed of attack and smoothing",
    "once": "one run of the attack and its last iterate",
    "beyond": "perturbations beyond a measurement",
}
"""Kinds of departures, in sentences."""


def parse_settings(name: str) -> dict[str, str]:
    """Take a departure's name apart."""
    parts = (part.partition("=") for part in name.split(","))
    return {key: value for key, _, value in parts}


def departure_kind(name: str) -> str:
    """Return what a departure changes, whatever to."""
    found = [key for key in parse_settings(name) if key in PHRASES]
    return found[0] if found else checks.one_of("departure", name, PHRASES)


def departure_phrase(name: str) -> str:
    """Return what sentences call a departure."""
    what, values = departure_kind(name), parse_settings(name)
    words = (
        f"the {departure_label(name)}, as reference instead of the label"
        if what == "reference"
        else PHRASES[what]
    )
    return f"{words} ({values['updates']} updates)" if "updates" in values else words


def departure_label(name: str) -> str:
    """Return what tables call a departure."""
    what = departure_kind(name)
    value = parse_settings(name)[what]
    if what == "mask":
        return f"old mask, scan at {1 / float(value):g}x"
    if what == "steps":
        return f"{value} step{'s' * (value != '1')} asked, not run"
    if what == "seed":
        return f"seed {value} instead of 0"
    if what == "jitter":
        return f"jitter {value}"
    return REFERENCES[value] if what == "reference" else LABELS[what]


def departure_labels(names: Iterable[str]) -> dict[str, str]:
    """Return what one table calls its departures, no two alike."""
    called = {name: departure_label(name) for name in names}
    counts = Counter(called.values())
    return {
        name: _told_apart(name, text) if counts[text] > 1 else text for name, text in called.items()
    }


def _told_apart(name: str, text: str) -> str:
    rest = {
        key: value for key, value in parse_settings(name).items() if key != departure_kind(name)
    }
    words = {"updates": "{} updates", "learning_rate": "rate {}"}
    return ", ".join([text, *(words.get(k, k + " {}").format(v) for k, v in rest.items())])
