"""The poster's methods; apart from the networks, because the command line must not load torch."""

from typing import Literal

Placement = Literal["none", "end_to_end", "step", "denoiser"]
"""Where the expectation over noise stands (see `smuglib.smoothing.Smoothing`)."""

METHODS: dict[str, Placement] = {
    "modl": "none",
    "rs_e2e": "end_to_end",
    "smug_v0": "step",
    "smug": "denoiser",
}
"""The poster's methods and their placement of the expectation."""
